"""The system page: numbers with which an admin finds out why something is slow, large or not running."""
