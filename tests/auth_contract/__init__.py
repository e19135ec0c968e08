"""Supabase Auth, as far as Floorwalker relies on it: the embedded service by default, any other by AUTH_URL."""
