"""The system page: numbers for an admin when something is slow, large or silent."""
