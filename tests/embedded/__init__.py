"""The embedded PostgreSQL and Auth service."""
