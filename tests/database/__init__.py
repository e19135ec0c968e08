"""What PostgreSQL itself enforces: policies, triggers and functions, for every role."""
