"""The demo's own interactions, from `scripts.json` beside: on the phone and in the chat, most go well."""

from pathlib import Path

from pydantic import TypeAdapter

from server.demo.player import Script

SCRIPTS = TypeAdapter(tuple[Script, ...]).validate_json(Path(__file__).with_suffix(".json").read_bytes())
