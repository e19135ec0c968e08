"""The system page: what an admin asks when something is slow, large or silent."""
