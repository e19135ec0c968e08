"""People, as admins see them: who may sign in, as what, and what was done with them."""
