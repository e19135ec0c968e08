"""Scripted and recorded interactions, played through the public agent API."""
