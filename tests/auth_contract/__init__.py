"""Supabase Auth, as far as Floorwalker relies on it: ours by default, any other by AUTH_URL."""
