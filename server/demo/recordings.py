"""A folder of recorded conversations: `conversations/*.jsonl`, one JSON object per line, and `tools.json` beside them.

A record that cannot be read is named with its place and left out.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from server.demo.conversations import Conversation, Definition, Definitions, script
from server.demo.player import Script
from server.errors import faults

_LONGEST_LINE = 4 * 1024 * 1024  # bytes
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SHOWN = 60  # characters of an id in messages
_FAULTS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a record: its file, its line, and its id where it has one."""

    file: str
    line: int
    id: str | None = None

    def __str__(self) -> str:
        where = f"{self.file} line {self.line}"
        return f"{where} ({self.id})" if self.id else where


@dataclass(frozen=True, slots=True)
class Recorded:
    """A conversation that can be played, and its place."""

    place: Place
    script: Script


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that cannot be played, and why."""

    place: Place
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Recordings:
    """The content of a folder. `notes` are about whole files and about tools."""

    scripts: tuple[Recorded, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


class _Unreadable(Exception):
    """Why a file or a record cannot be read, as a sentence."""


def read(folder: Path) -> Recordings:
    """Every conversation of the folder, file by file, in order. FileNotFoundError when there is no file."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    try:
        paths = sorted(path for path in (folder / "conversations").iterdir() if path.suffix == ".jsonl")
    except (FileNotFoundError, NotADirectoryError):
        paths = []
    except OSError as error:
        raise FileNotFoundError(f"{folder / 'conversations'} cannot be read ({error.strerror})") from None
    if not paths:
        raise FileNotFoundError(f"no conversations/*.jsonl in {folder}")
    definitions, notes = _definitions(folder / "tools.json")
    scripts: list[Recorded] = []
    left_out: list[LeftOut] = []
    first: dict[str, Place] = {}  # the first one with each id
    for path in paths:
        name = path.name
        try:
            found = 0
            for number, line in _lines(path):
                found += 1
                place = Place(name, number)
                try:
                    record = _record(line)
                    place = Place(name, number, _id(record))
                    conversation = _conversation(record)
                except _Unreadable as error:
                    left_out.append(LeftOut(place, str(error)))
                    continue
                if (before := first.setdefault(conversation.id, place)) is not place:
                    left_out.append(LeftOut(place, f"its id is that of {before.file} line {before.line}"))
                else:
                    scripts.append(Recorded(place, script(conversation, definitions)))
            if not found:
                notes.append(f"{name} has no conversations: it is empty")
        except OSError as error:
            notes.append(f"{name} cannot be read ({error.strerror or error})")
        except _Unreadable as error:
            notes.append(f"{name} cannot be read: {error}")
    return Recordings(tuple(scripts), tuple(left_out), tuple(notes))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbers and bytes of the lines that are not blank. One longer than _LONGEST_LINE is cut to one byte more."""
    with path.open("rb") as file:
        if b"\0" in file.peek(8192)[:8192]:
            raise _Unreadable("it is not UTF-8 text: it has NUL bytes")
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            rest = line
            while len(rest) > _LONGEST_LINE and not rest.endswith(b"\n"):
                rest = file.readline(_LONGEST_LINE + 1)
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if line.strip():
                yield number, line


def _record(line: bytes) -> Any:
    if len(line) > _LONGEST_LINE:
        raise _Unreadable(f"it has more than {_LONGEST_LINE} bytes")
    if _NUL.search(line):
        raise _Unreadable("it has the character NUL (\\u0000), which no text can have")
    try:
        record = json.loads(line.decode(), parse_constant=_no_number, parse_float=_finite)
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise _Unreadable(f"it is not UTF-8 at byte {error.start + 1}") from None
    except UnicodeEncodeError:
        raise _Unreadable("it has half of a surrogate pair, which is no character") from None
    except json.JSONDecodeError as error:
        raise _Unreadable(f"it is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise _Unreadable("it is nested too deeply") from None
    except ValueError:
        raise _Unreadable("it has a number with too many digits") from None
    return record


def _no_number(text: str) -> float:
    raise _Unreadable(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Unreadable(f"the number {text[:_SHOWN]} is too large")
    return number


def _id(record: Any) -> str | None:
    """The id of a record that is not validated yet; None without one."""
    found = record.get("id") if isinstance(record, dict) else None
    return found[:_SHOWN] if isinstance(found, str) else None


def _conversation(record: Any) -> Conversation:
    try:
        return Conversation.model_validate(record)
    except ValidationError as error:
        found = faults(error)
        more = f"; and {len(found) - _FAULTS_SHOWN} more" if len(found) > _FAULTS_SHOWN else ""
        raise _Unreadable("; ".join(map(str, found[:_FAULTS_SHOWN])) + more) from None


def _definitions(path: Path) -> tuple[Definitions, list[str]]:
    """The known tools, and notes on those that cannot be read, which are then used without asking."""
    unknown = "a tool without a definition does not ask for permission"
    try:
        content = _record(path.read_bytes())
    except OSError as error:
        return {}, [f"{path.name} cannot be read ({error.strerror or error}): {unknown}"]
    except _Unreadable as error:
        return {}, [f"{path.name} cannot be read: {error}: {unknown}"]
    domains = content.get("domains") if isinstance(content, dict) else None
    if not isinstance(domains, dict):
        return {}, [f"{path.name}: domains: expected an object: {unknown}"]
    found: dict[tuple[str, str], Definition] = {}
    notes: list[str] = []
    for domain, one in domains.items():
        tools = one.get("tools") if isinstance(one, dict) else None
        if not isinstance(tools, list):
            notes.append(f"{path.name}: domains.{domain}.tools: expected a list: {unknown}")
            continue
        for number, tool in enumerate(tools):
            try:
                definition = Definition.model_validate(tool)
            except ValidationError as error:
                where = ("domains", domain, "tools", number)
                notes += [f"{path.name}: {fault}: {unknown}" for fault in faults(error, where)]
            else:
                found[domain, definition.name] = definition
    return found, notes
