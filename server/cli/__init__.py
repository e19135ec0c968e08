"""The commands of `floorwalker`."""
