"""The embedded mode: PostgreSQL from a wheel, and a service that answers like Supabase Auth."""
