"""The leaderboard: how supervisors' agents did, the same for every reader."""
