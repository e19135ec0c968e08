"""The admins' pages of people."""
