"""Scripted and recorded interactions, played through the agent API like any agent would."""
