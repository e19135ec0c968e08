"""The timeline of an interaction as lines: what was said, and each tool permission with what became of it in one place."""

import datetime as dt
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from uuid import UUID

from server.errors import Invalid
from server.kernel import http
from server.kernel.db import Connection
from server.kernel.http import (
    ArgumentRow,
    Partials,
    arguments,
    cut,
    fitting,
    html_size,
    is_id,
)
from server.kernel.live import key_of

MOST = 300  # entries that the database returns at most
# Bytes of HTML: of all lines, of the text of one, and of the markup around a text and around a tool permission.
_LINES, _TEXT, _AROUND, _CARD = 100_000, 8_000, 300, 1_700
_ROWS, _ROWS_SIZE = 30, 6_000  # arguments of one tool permission
_WITHIN = " \u203a "  # between the names of nested arguments
_OPEN = 6  # rows that are not folded
_SPEAKERS = {"customer", "agent", "tool"}
_PARTS = {"decision", "use", "execution"}  # which the line of the request shows

Score = tuple[float, float, str | None]  # seconds since the start, satisfaction from 0 to 100, sentiment


class Course(TypedDict):
    """Satisfaction during an interaction, and its decisions."""

    start: str
    scores: list[Score]
    marks: list[tuple[float, str, int, str]]  # seconds since the start, status, number, entry


class Permission(TypedDict):
    """A tool permission, as private.timeline has it with its request."""

    id: str
    number: int | None  # among those of the interaction; None for a tool that runs freely
    tool_name: str
    status: str
    rule: str | None
    reason: str | None
    who: str | None
    grant_use: int | None
    responded_at: str | None
    arguments: str | None  # as sent; None for long ones
    changed_arguments: str | None
    changed: bool
    proposed: bool
    executed_at: str | None
    succeeded: bool | None


class Entry(TypedDict):
    """An entry of the timeline; `kind` says what `text`, `who` and `status` are."""

    id: str
    at: str
    place: int  # order among entries of the same moment
    seq: int  # order among entries of the same moment and place
    kind: str
    text: str | None
    who: str | None
    status: str | None
    late: bool  # it arrived after the end
    dated: bool  # it is of another day than the start, or before the start
    permission: Permission | None


class Row(TypedDict):
    """One argument: a name, with those that it is within, and its value, as ArgumentRow has them."""

    name: str
    text: str
    kind: str
    folded: bool
    change: str
    was: str


class Card(TypedDict):
    """A tool permission in the timeline: its first arguments, the others that fit, and how the customer felt when it was answered."""

    permission: Permission
    key: str  # the argument that tells most, for a tool that runs freely
    rows: list[Row]
    further: list[Row]
    whole: bool  # whether these are all arguments
    wait: float | None  # seconds until the answer
    score: Score | None
    size: int  # at most so many bytes of HTML


class Line(TypedDict):
    """An entry as it is shown."""

    entry: Entry
    text: str
    named: bool  # whether the speaker is another than in the line before
    card: Card | None


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines, oldest first; and the cursor of those before them, if there are any."""

    lines: list[Line]
    earlier: str


def moment_of(text: str) -> dt.datetime:
    """A moment as the database writes it in JSON."""
    return dt.datetime.fromisoformat(text)


def lines(entries: Sequence[Entry], scores: Sequence[Score], started_at: str, partials: Partials) -> Lines:
    """The newest of these entries, as many as fit into _LINES bytes of HTML."""
    start = moment_of(started_at)
    asked = {entry["permission"]["id"] for entry in entries if entry["permission"]}
    shown = [entry for entry in _once(entries) if entry["kind"] not in _PARTS or entry["id"][1:] not in asked]
    kept: list[Line] = []
    left = _LINES
    for place in range(len(shown) - 1, -1, -1):
        entry = shown[place]
        card = _card(entry, scores, start, partials)
        text = "" if card else cut(entry["text"] or "", _TEXT)
        left -= card["size"] if card else html_size(text) + _AROUND
        if left < 0:
            break
        before = shown[place - 1]["kind"] if place else ""
        kept.append({"entry": entry, "text": text, "named": before != entry["kind"], "card": card})
    more = len(entries) == MOST or len(kept) < len(shown)
    return Lines(kept[::-1], _cursor(kept[-1]["entry"]) if more and kept else "")


def _once(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Without the lines of the feed that repeat what was said: "Where is it?" or "Customer: Where is it?"."""
    said = {entry["text"] for entry in entries if entry["kind"] in _SPEAKERS}
    for entry in entries:
        text = entry["text"] or ""
        if entry["kind"] != "feed" or not said & {text, text.partition(": ")[2]}:
            yield entry


def _card(entry: Entry, scores: Sequence[Score], start: dt.datetime, partials: Partials) -> Card | None:
    permission = entry["permission"]
    if permission is None:
        return None
    score = None
    if permission["responded_at"]:
        passed = (moment_of(permission["responded_at"]) - start).total_seconds()
        before = bisect_right(scores, passed, key=lambda one: one[0])
        score = scores[before - 1] if before else None
    known = {"id": f"line of {permission['id']}", "permission": permission, "at": entry["at"], "score": score}
    return partials.of_row(known, _made)


def _made(known: Mapping[str, Any]) -> Card:
    permission: Permission = known["permission"]
    sent, key, rows = permission["changed_arguments"] or permission["arguments"], "", list[ArgumentRow]()
    if sent is not None:
        found = arguments(sent)
        before = permission["arguments"] if permission["changed_arguments"] else None
        rows = http.argument_rows(found, arguments(before) if before else None)
        key = cut(key_of(found, rows) or "", 120)
    rows = [row for row in rows if row.is_leaf or row.change == "gone"]
    kept = fitting(rows, _ROWS, _ROWS_SIZE)
    wait = None
    if permission["responded_at"]:
        wait = (moment_of(permission["responded_at"]) - moment_of(known["at"])).total_seconds()
    return {
        "permission": permission,
        "key": key,
        "rows": [_row(row) for row in kept[:_OPEN]],
        "further": [_row(row) for row in kept[_OPEN:]],
        "whole": sent is not None and len(kept) == len(rows),
        "wait": wait,
        "score": known["score"],
        "size": _CARD + html_size(permission["reason"] or "") + sum(row.size for row in kept),
    }


def _row(row: ArgumentRow) -> Row:
    return {
        "name": _WITHIN.join(row.path),
        "text": row.text,
        "kind": row.kind,
        "folded": row.folded,
        "change": row.change,
        "was": row.was,
    }


def _cursor(entry: Entry) -> str:
    return json.dumps([entry["at"], entry["place"], entry["seq"], entry["id"]], separators=(",", ":"))


def cursor(text: str) -> str:
    """A cursor of an address. Invalid for what is none."""
    try:
        at, place, seq, name = json.loads(text[:200])
        moment_of(at)
        known = (
            type(place) is int
            and type(seq) is int
            and abs(seq) < 2**63
            and 0 <= place < 10
            and name[0] in "tmqdgexp"
        )
        known = known and (name[1:].isdecimal() or is_id(name[1:]))
    except (ValueError, TypeError, IndexError, KeyError, RecursionError):
        known = False
    if not known:
        raise Invalid("There are no such lines.")
    return json.dumps([at, place, seq, name])


async def earlier(connection: Connection, interaction_id: UUID, before: str) -> list[Entry]:
    """The entries before a cursor, at most MOST."""
    found: list[Any] = await connection.fetchval(
        "select private.timeline($1, $2)", interaction_id, json.loads(before)
    )
    return found


def course(entries: Sequence[Entry], scores: Sequence[Score], started_at: str) -> Course:
    """What the chart of satisfaction shows."""
    start = moment_of(started_at)
    marks = [
        ((moment_of(one["responded_at"]) - start).total_seconds(), one["status"], one["number"], entry["id"])
        for entry in entries
        if (one := entry["permission"]) and one["number"] and one["responded_at"]
    ]
    return {"start": started_at, "scores": list(scores), "marks": marks}


def decided(entries: Sequence[Entry]) -> dict[str, int]:
    """How many tool permissions, of those that do not run freely, have each status."""
    found = Counter(
        one["status"] for entry in entries if (one := entry["permission"]) and one["number"] is not None
    )
    return dict(found)
