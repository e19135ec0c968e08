"""The public documentation."""
