"""Interactions: what an agent and a customer go through, its metrics and what remains of it."""
