"""Interactions: calls and chats of agents, with their metrics, turns and archives."""
