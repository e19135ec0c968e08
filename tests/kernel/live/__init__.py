"""Topics, live pages and streams."""
