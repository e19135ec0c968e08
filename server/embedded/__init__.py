"""The no-cloud default: PostgreSQL from a wheel and a Supabase Auth service of our own."""
