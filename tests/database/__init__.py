"""What PostgreSQL itself promises: walls, triggers, functions, whoever asks."""
