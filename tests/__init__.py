"""Tests of Floorwalker against a real database and a real server."""
