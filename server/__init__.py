"""Floorwalker."""
