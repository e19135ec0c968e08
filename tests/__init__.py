"""Sentences about Floorwalker, held against the real database and the real server."""
