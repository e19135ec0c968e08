"""Alerts: the rules of admins, what they found, and who acknowledged it."""
