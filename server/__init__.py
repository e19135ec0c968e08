"""Floorwalker: a realtime supervisor dashboard for AI call-centre agents."""

from importlib.metadata import version

__version__ = version("floorwalker")
