"""Agents: the AI, what it can do, and its keys."""
