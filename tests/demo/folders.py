"""Folders of recorded conversations, made for a test."""

import json
from pathlib import Path
from typing import Any

TOOLS = {
    "parcels": ["track_parcel", ("redirect_parcel", True)],
    "garden": ["soil_report", ("order_seeds", True)],
}


def conversation(id_: str, domain: str = "parcels", **changes: Any) -> dict[str, Any]:
    """A short conversation with a tool that only looks and one that asks; a change to None is null, to ... is nothing."""
    tools = [tool if isinstance(tool, str) else tool[0] for tool in TOOLS.get(domain, TOOLS["parcels"])]
    whole = {
        "id": id_,
        "source": "test",
        "channel": "chat",
        "domain": domain,
        "duration_s": 8,
        "customer": {"phone": "+18505550155"},
        "turns": [
            {"t_offset_s": 0, "speaker": "customer", "text": "Where is it?"},
            {"t_offset_s": 2, "speaker": "action", "tool_name": tools[0], "tool_args": {"number": id_}},
            {"t_offset_s": 3, "speaker": "tool", "tool_result": {"found": True}},
            {"t_offset_s": 4, "speaker": "action", "tool_name": tools[1], "tool_args": {"number": id_}},
            {"t_offset_s": 8, "speaker": "agent", "text": "Done."},
        ],
        "labels": {"intents": ["where_is_it"], "outcome": "resolved"},
    }
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def folder(root: Path, files: dict[str, list[Any] | bytes], tools: Any = ...) -> Path:
    """A folder with these files of records; a record that is bytes stands as it is."""
    (root / "conversations").mkdir(parents=True)
    for name, records in files.items():
        content = records if isinstance(records, bytes) else b"\n".join(map(line, records)) + b"\n"
        (root / "conversations" / name).write_bytes(content)
    if tools is ...:
        tools = {
            "domains": {domain: {"tools": [defined(tool) for tool in of]} for domain, of in TOOLS.items()}
        }
    if tools is not None:
        (root / "tools.json").write_bytes(tools if isinstance(tools, bytes) else json.dumps(tools).encode())
    return root


def line(record: Any) -> bytes:
    return record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode()


def defined(tool: Any) -> dict[str, Any]:
    return {"name": tool, "writes": False} if isinstance(tool, str) else {"name": tool[0], "writes": tool[1]}
