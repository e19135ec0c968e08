"""Checks of the configuration against the real services, as sentences that say what to do."""
