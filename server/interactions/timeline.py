"""The timeline of an interaction as lines: what was said, and each tool permission with what became of it in one place."""

import datetime as dt
import json
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from uuid import UUID
from zlib import crc32

from server.errors import Invalid, NotFound
from server.kernel import http
from server.kernel.db import Connection, Record
from server.kernel.http import (
    ArgumentRow,
    Partials,
    arguments,
    cut,
    fitting,
    html_size,
)
from server.kernel.live import key_of

MOST = 300  # entries that the database returns at most
# Bytes of HTML: of all lines, of the text of one, and of the markup around a text and around a tool permission.
_LINES, _TEXT, _AROUND, _CARD = 100_000, 8_000, 300, 1_700
_ROWS, _ROWS_SIZE = 30, 6_000  # arguments of one tool permission
_WITHIN = " \u203a "  # between the names of nested arguments
_OPEN = 6  # rows that are not folded
_PART = 16  # lines of a part, on average
_SPEAKERS = {"customer", "agent", "tool"}
_SHOWN_WITH = {"decision", "use", "execution"}  # which the line of the request shows

_moment = dt.datetime.fromisoformat

Score = tuple[float, float, str | None]  # seconds since the start, satisfaction from 0 to 100, sentiment
# Seconds from the start to the answer, status, id of the request's entry.
Ruling = tuple[float | None, str, str]


class Course(TypedDict):
    """Satisfaction during an interaction, and its tool permissions but those that run freely: the n-th has the number n."""

    start: str
    end: int | None  # seconds since the start; None while it is live
    scores: list[Score]
    rulings: list[Ruling]


class Permission(TypedDict):
    """A tool permission, as private.timeline has it with its request."""

    id: str
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
    number: int | None  # None for a tool that runs freely
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


def lines(entries: Sequence[Entry], course: Course, partials: Partials) -> Lines:
    """The newest of these entries, as many as fit into _LINES bytes of HTML."""
    said = {entry["text"] for entry in entries if entry["kind"] in _SPEAKERS}
    numbers = {entry: number for number, (_, _, entry) in enumerate(course["rulings"], 1)}
    shown = [
        entry
        for entry in entries
        if entry["kind"] not in _SHOWN_WITH and not (entry["kind"] == "feed" and repeats(entry["text"], said))
    ]
    kept: list[Line] = []
    left = _LINES
    for place in range(len(shown) - 1, -1, -1):
        entry = shown[place]
        card = _card(entry, course, numbers.get(entry["id"]), partials)
        text = "" if card else cut(entry["text"] or "", _TEXT)
        left -= card["size"] if card else html_size(text) + _AROUND
        if left < 0:
            break
        before = shown[place - 1]["kind"] if place else ""
        kept.append({"entry": entry, "text": text, "named": before != entry["kind"], "card": card})
    more = len(entries) == MOST or len(kept) < len(shown)
    return Lines(kept[::-1], _cursor(kept[-1]["entry"]) if more and kept else "")


def parts(found: Sequence[Line]) -> dict[str, list[Line]]:
    """Lines in parts of about _PART, by name. Which lines begin one depends on their ids alone, so that a new line changes the last part, and the first where a line leaves."""
    made: dict[str, list[Line]] = {}
    name = "lines-first"
    for line in found:
        if made and crc32(line["entry"]["id"].encode()) % _PART == 0:
            name = f"lines-{line['entry']['id']}"
        made.setdefault(name, []).append(line)
    return made


def repeats(feed: str | None, said: Collection[str | None]) -> bool:
    """Whether a line of the feed repeats what was said, as "Where is it?" or "Customer: Where is it?"."""
    return feed in said or (feed or "").partition(": ")[2] in said


def _card(entry: Entry, course: Course, number: int | None, partials: Partials) -> Card | None:
    permission = entry["permission"]
    if permission is None:
        return None
    wait = score = None
    if permission["responded_at"]:
        answered = _moment(permission["responded_at"])
        wait = (answered - _moment(entry["at"])).total_seconds()
        passed = (answered - _moment(course["start"])).total_seconds()
        before = bisect_right(course["scores"], passed, key=lambda one: one[0])
        score = course["scores"][before - 1] if before else None
    known = {
        "id": f"line of {permission['id']}",
        "permission": permission,
        "number": number,
        "wait": wait,
        "score": score,
    }
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
    return {
        "permission": permission,
        "number": known["number"],
        "key": key,
        "rows": [_row(row) for row in kept[:_OPEN]],
        "further": [_row(row) for row in kept[_OPEN:]],
        "whole": sent is not None and len(kept) == len(rows),
        "wait": known["wait"],
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


def cursor(text: str) -> Any:
    """A cursor of an address, as private.timeline takes and judges it. Invalid for what is no JSON."""
    try:
        found = json.loads(text[:200])
    except (ValueError, RecursionError):
        found = None
    if found is None:
        raise Invalid("There are no such lines.")
    return found


async def head(connection: Connection, interaction_id: UUID) -> Record:
    """What lines need to know of their interaction: id, agent_name, start, scores, rulings. NotFound when the viewer may not see it."""
    row = await connection.fetchrow(
        """
        select h.id, h.agent_name, to_json(h.started_at) as start, private.satisfaction(h.id) as scores, private.rulings(h.id) as rulings
        from private.interaction_heads h where h.id = $1
        """,
        interaction_id,
    )
    if row is None:
        raise NotFound("There is no such interaction.")
    return row


async def earlier(connection: Connection, interaction_id: UUID, before: Any) -> list[Entry]:
    """The entries before a cursor, at most MOST. Invalid for a cursor that is none."""
    found: list[Entry] = await connection.fetchval("select private.timeline($1, $2)", interaction_id, before)
    return found
