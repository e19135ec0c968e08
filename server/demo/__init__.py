"""Scripted and recorded interactions, played through the agent API as any agent would."""
