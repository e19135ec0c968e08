"""What PostgreSQL itself promises: walls, triggers and functions, for every role."""
