"""Turns of a transcript that ai-sdr kept as one text."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from server.kernel.db import lengths

Turn: TypeAlias = tuple[str, str]  # speaker (customer, agent or tool) and text

_SPEAKERS = {
    "agent": "agent", "assistant": "agent", "ai": "agent", "bot": "agent", "sdr": "agent",
    "customer": "customer", "user": "customer", "caller": "customer", "human": "customer", "prospect": "customer",
    "lead": "customer", "tool": "tool", "function": "tool",
}  # fmt: skip
_LINE = re.compile(rf"\s*({'|'.join(_SPEAKERS)})\s*:(.*)", re.IGNORECASE | re.DOTALL)
_NOBODY = "its transcript names no speakers and became a turn of the agent"
_BEFORE = "the text before the first speaker became a turn of the agent"
_UNKNOWN = "what a speaker said whom we do not know became a turn of the agent"


@dataclass(frozen=True, slots=True)
class Transcript:
    turns: list[Turn]
    notes: list[str]  # what a reader should know


def read(text: str | None) -> Transcript:
    """Lines that begin with a speaker, or a JSON list of {role, content}; anything else is one turn of the agent."""
    if text is None or not text.strip():
        return Transcript([], [])
    found = _of_json(text) or _of_lines(text)
    parts = [(speaker, part) for speaker, said in found.turns for part in _parts(said)]
    long = [f"a turn is longer than {lengths.TURN_TEXT} characters and was divided"]
    return Transcript(parts, found.notes + (long if len(parts) > len(found.turns) else []))


def _of_lines(text: str) -> Transcript:
    turns: list[tuple[str, list[str]]] = []
    notes = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if match := _LINE.fullmatch(line):
            turns.append((_SPEAKERS[match[1].lower()], [match[2].removeprefix(" ")]))
        elif turns:
            turns[-1][1].append(line)
        elif line.strip():
            turns.append(("agent", [line]))
            notes = [_BEFORE]
    if notes and len(turns) == 1:
        return Transcript([("agent", text)], [_NOBODY])
    return Transcript(_spoken((speaker, "\n".join(lines).rstrip()) for speaker, lines in turns), notes)


def _of_json(text: str) -> Transcript | None:
    """None when it is no list of {role, content}."""
    if not text.lstrip().startswith("["):
        return None
    try:
        items = json.loads(text)
        turns = [(str(item["role"]).lower(), _content(item["content"])) for item in items]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    notes = [_UNKNOWN] if any(said and role not in _SPEAKERS for role, said in turns) else []
    return Transcript(_spoken((_SPEAKERS.get(role, "agent"), said) for role, said in turns), notes)


def _content(content: Any) -> str:
    match content:
        case None:
            return ""  # a message that consists of a tool's call
        case str():
            return content
        case list():
            return "\n".join(str(part["text"]) for part in content)
    raise TypeError


def _spoken(turns: Iterable[Turn]) -> list[Turn]:
    return [(speaker, said) for speaker, said in turns if said.strip()]


def _parts(said: str) -> list[str]:
    """The text in parts that a turn can hold, divided after a space or a line where there is one."""
    parts = []
    while len(said) > lengths.TURN_TEXT:
        head = said[: lengths.TURN_TEXT]
        end = max(head.rfind(" "), head.rfind("\n")) + 1 or len(head)
        parts.append(said[:end])
        said = said[end:]
    return [*parts, said]
