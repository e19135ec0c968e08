"""The leaderboard: the performance of supervisors' agents, the same for every reader."""
