"""Tool permissions: an agent asks, a person decides."""
