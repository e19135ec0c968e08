"""The demo and the replay, on both sides of the agent API."""
