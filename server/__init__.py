"""Floorwalker: a realtime supervisor dashboard for AI call-centre agents."""

from importlib.metadata import version
from pathlib import Path

__version__ = version("floorwalker-server")

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "_files"
# The folder that has static, supabase and templates: of an installed wheel, or of a checkout.
FILES = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
