"""Rules of alerts, and what they find."""
