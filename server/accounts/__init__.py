"""Sign-in, sign-out and the viewer's own account."""
