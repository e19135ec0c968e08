"""People, as admins see them: logins, roles, and an audit of changes."""
