"""The interactions of the demo, from `scripts.json`: calls and chats, most of which end well."""

from pathlib import Path

from pydantic import TypeAdapter

from server.demo.player import Script

SCRIPTS = TypeAdapter(tuple[Script, ...]).validate_json(Path(__file__).with_suffix(".json").read_bytes())
