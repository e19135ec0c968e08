"""The live pages: the floor of a supervisor and the wallboard of admins."""
