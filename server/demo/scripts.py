"""The scripts of the demo, from `scripts.json`: voice and chat, most of them with a good end."""

from pathlib import Path

from pydantic import TypeAdapter

from server.demo.player import Script

SCRIPTS = TypeAdapter(tuple[Script, ...]).validate_json(Path(__file__).with_suffix(".json").read_bytes())
