"""Cards of tool permissions: what they show of a row, and the queue on a live page."""

import hashlib
import json
import marshal
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, NotRequired, TypedDict, cast

from server.kernel import http
from server.kernel.http import (
    ArgumentRow,
    Partials,
    Template,
    arguments,
    cut,
    fitting,
    key_row,
    spelled,
)
from server.kernel.live.amounts import amount_of, unusual
from server.kernel.live.regions import Parts

_QUEUE = 210_000  # bytes of HTML in a queue; beyond it, the last cards that are larger than _SHARE get lower limits
_SHARE = 3_900  # bytes
# The fields that a decision covers. When one of them changes, the card shows another request.
_ASKED = (
    "tool_name",
    "tool_description",
    "owner_description",
    "known_tool",
    "undo_seconds",
    "arguments_digest",
    "agent_id",
)
_KEY = 120  # bytes of HTML of an argument in a line


class FeedLine(TypedDict):
    """A line of the feed."""

    id: int
    at: str
    text: str


class Grant(TypedDict):
    """A standing approval, as stored in the pulse of its interaction."""

    id: str
    tool_name: str
    words: str
    uses: int
    max_uses: int
    used_sum: float | None
    expires_at: str
    granted_by_name: str


class Permission(TypedDict):
    """A pending tool permission: a row of private.tool_permission_cards."""

    id: str
    tool_name: str
    tool_description: str | None
    owner_description: str | None
    arguments: str  # JSON as text, because only that keeps the order in which the arguments were sent
    arguments_digest: str
    known_tool: bool
    status: str
    requested_at: str
    expires_at: str
    held_by: str | None
    held_by_name: str | None
    held_until: str | None
    times_held: int
    undo_seconds: int | None
    interaction_id: str
    agent_id: str
    agent_name: str
    interaction_type: str
    phone_number: str | None
    sentiment: str | None
    satisfaction_score: float | None
    feed: list[FeedLine]
    caller: str | None
    is_test: bool
    # The last request for the same tool that was allowed when this one arrived.
    last_arguments: str | None
    last_allowed_at: str | None
    grants: list[Grant] | None  # of its interaction, for all tools
    accepts_changes: bool
    usual_amount: float | None
    changed_arguments: str | None  # of one that is held
    turn: NotRequired[int]  # among those of its tool and its agent's name, from the second on


class Decision(TypedDict):
    """An answered tool permission: a row of private.decision_cards."""

    id: str
    tool_name: str
    arguments: str
    status: str
    reason: str | None
    responded_by_name: str | None
    responded_at: str | None
    executed_at: str | None
    agent_name: str
    rule: str | None
    changed: bool
    proposed: bool
    changed_arguments: str | None
    execute_before: str | None
    # Of a drill alone: how it ended, caught, allowed, missed or withdrawn; and why it ought to be denied.
    drill: NotRequired[str]
    why: NotRequired[str]


class Queue(TypedDict):
    """The tool permissions of a page: pending ones, the number of further ones, and those answered lately."""

    tool_permissions: list[Permission]
    answered: list[Decision]
    more: NotRequired[int]


class _Limits(TypedDict):
    """How much a card shows at most."""

    rows: int  # arguments
    arguments: int  # bytes of HTML for all arguments
    name: int  # bytes for a name
    said: int  # bytes for a description
    lines: int  # lines of the feed
    line: int  # bytes for one line


_LIMITS = _Limits(rows=60, arguments=9000, name=300, said=1200, lines=3, line=600)
_LOWER_LIMITS = _Limits(rows=6, arguments=300, name=30, said=48, lines=1, line=72)
_HIGHER_LIMITS = _Limits(rows=2000, arguments=220_000, name=10_000, said=1200, lines=3, line=600)


class _Derived(TypedDict):
    """What a card shows in addition to its row."""

    arguments: dict[str, Any]
    amount: str | None
    asked_amount: str | None
    name: str
    request: str
    limits: _Limits
    rows: tuple[ArgumentRow, ...]
    whole: bool
    key: str | None
    further: int
    left_out: int
    changes: int
    see_all_first: bool
    uncovered: str | None
    unusual: str | None


class _Card(TypedDict):
    p: Permission | Decision | _Derived
    asked: str


class _Asked(TypedDict):
    """What the arguments of a card show."""

    id: str
    name: str
    rows: tuple[ArgumentRow, ...]
    whole: bool
    changes: int
    last_arguments: str | None
    last_allowed_at: str | None


class _Arguments(TypedDict):
    p: _Asked


class _Cards(TypedDict):
    cards: Iterable[str]
    quiet: bool
    over: bool
    more: int
    alone: bool


CARD = Template("permissions/_tool_permission.html", _Card)
ARGUMENTS = Template("permissions/arguments.html", _Arguments)
CARDS = Template("permissions/_tool_permissions.html", _Cards)


def shown(row: Mapping[str, Any], limits: _Limits = _LIMITS) -> dict[str, Any]:
    """A row as its card shows it: with the arguments, `amount`, `name` (tool, amount and agent) and `request`.

    The amount is that of the changed arguments where it was allowed with changes, and then `asked_amount` is that of the request.
    `request` identifies the request: it changes with the tool, its description, the arguments or the agent. `rows` are the
    arguments that fit into the limits, `whole` tells whether all of them do, and `left_out` how many do not. `key` and `further` are what a line shows of
    them: the one that tells most, and how many others there are. `changes` counts what differs from the last allowed request.
    `see_all_first`: a change or every argument is left out for want of space, so the request is not allowed on this card.
    `uncovered` names a standing approval for the tool that did not cover this request.
    """
    found = arguments(row["arguments"])  # as text, because only that keeps the order in which they were sent
    asked_amount = amount = amount_of(found)
    if row.get("changed_arguments"):
        amount = amount_of(arguments(row["changed_arguments"]))
    tool = cut(spelled(row["tool_name"]), limits["name"])
    what = f"{tool} {amount}" if amount else tool
    agent = cut(row["agent_name"], limits["name"])
    again = f", {row['turn']}" if row.get("turn", 1) > 1 else ""
    card = {
        **row,
        "arguments": found,
        "amount": amount,
        "asked_amount": asked_amount if asked_amount != amount else None,
        "name": f"{what}, {agent}{again}",
        "limits": limits,
    }
    for name in ("changed", "proposed", "changed_arguments", "drill"):
        card.setdefault(name, False)
    if row["status"] == "pending":
        asked = [str(row[name]) for name in _ASKED]
        read = _read(row["arguments"], row.get("last_arguments"), limits["rows"], limits["arguments"])
        card["rows"], card["changes"] = read.rows, read.changes
        card["left_out"] = read.left_out
        card["whole"] = read.whole and tool == spelled(row["tool_name"])
        card["key"] = cut(read.key, min(_KEY, limits["name"] * 2)) if read.key else None
        card["further"] = read.leaves - (1 if read.key else 0)
        nothing = not (read.rows or read.whole)
        card["see_all_first"] = nothing or read.changes > sum(bool(one.change) for one in read.rows)
        card["uncovered"] = next(
            (one["words"] for one in row.get("grants") or [] if one["tool_name"] == row["tool_name"]), None
        )
        card["unusual"] = unusual(found, row.get("usual_amount"))
        card["request"] = hashlib.sha256("\0".join(asked).encode()).hexdigest()[:16]
    return card


class _Read(NamedTuple):
    """What a card needs of the arguments: the rows that fit, whether these are all, and what a line shows."""

    rows: tuple[ArgumentRow, ...]
    whole: bool
    left_out: int  # values that do not fit
    changes: int
    leaves: int
    key: str | None


@lru_cache(maxsize=256)
def _read(text: str, last: str | None, most: int, size: int) -> _Read:
    found = arguments(text)
    rows = http.argument_rows(found, arguments(last) if last else None)
    shown = tuple(fitting(rows, most, size))
    leaves = sum(one.is_leaf and one.change != "gone" for one in rows)
    changes = sum(bool(one.change) for one in rows)
    left_out = sum(one.is_leaf for one in rows) - sum(one.is_leaf for one in shown)
    return _Read(shown, len(shown) == len(rows), left_out, changes, leaves, key_of(found, rows))


def key_of(found: Mapping[str, Any], rows: list[ArgumentRow] | None = None) -> str | None:
    """What a line shows of arguments: the amount, else the row that tells most."""
    row = key_row(http.argument_rows(found) if rows is None else rows)
    return amount_of(found) or (row.text if row else None)


def card(row: Mapping[str, Any], limits: _Limits = _LIMITS) -> str:
    """The card of a row, for a reply."""
    found = shown(row, limits)
    asked = ""
    if row["status"] == "pending":
        last = row.get("last_arguments"), row.get("last_allowed_at")
        size = limits["rows"], limits["arguments"]
        asked = _asked(row["arguments"], last, size, row["id"], found["name"], whole=found["whole"])
    return CARD.html({"p": cast("_Derived", found), "asked": asked})


# The larger part of a card, which never changes, while the card is made again with each line of the feed.
@lru_cache(maxsize=256)
def _asked(
    text: str, last: tuple[str | None, str | None], size: tuple[int, int], id_: str, name: str, *, whole: bool
) -> str:
    read = _read(text, last[0], *size)
    shows = _Asked(
        id=id_,
        name=name,
        rows=read.rows,
        whole=whole,
        changes=read.changes,
        last_arguments=last[0],
        last_allowed_at=last[1],
    )
    return ARGUMENTS.html({"p": shows})


# A request is on the screens of its supervisor, of every admin, and on its interaction's page, and each reads it by itself. The
# card shows the reasons, which settings change. A floor with forty requests of thirty arguments takes 13 instead of 47 ms where its
# cards are known, and 29 instead of 54 where all of them changed (bench queue, p50, 2026-11-29).
@lru_cache(maxsize=512)
def _content(row: bytes, reasons: tuple[str, ...], *, little: bool) -> str:
    return card(marshal.loads(row), _LOWER_LIMITS if little else _LIMITS)  # noqa: S302 - by us


def _card_of(row: Mapping[str, Any]) -> str:
    return _content(marshal.dumps(dict(row), 2), tuple(http.offered_reasons()), little=False)


def queue(rows: Queue, partials: Partials, *, over: bool = False, most: int = _QUEUE) -> Parts:
    """The region with the pending tool permissions, the number of further ones, and the answered ones.

    `over`: the interaction has ended, so an empty queue is hidden. Where the region would be larger than `most` bytes of
    HTML, the last cards show less and say so.
    """
    pending, more = _numbered(rows["tool_permissions"]), rows.get("more", 0)
    each: dict[str, Permission | Decision] = {row["id"]: row for row in pending}
    each |= {row["id"]: row for row in rows["answered"]}
    made = {id_: partials.of_row(row, _card_of) for id_, row in each.items()}
    if sum(len(html) for html in made.values()) > most // 4:
        size = _bytes(made.values())
        for row in reversed(each.values()):  # the first ones are opened next
            if size <= most:
                break
            id_, large = row["id"], len(made[row["id"]].encode())
            if large > _SHARE:
                made[id_] = partials.of_row({"id": f"little {id_}", "row": row}, _little_card)
                size -= large - len(made[id_].encode())
    cards = {f"tool-permission-{id_}": html for id_, html in made.items()}
    return Parts(
        cards,
        lambda: CARDS.html(
            {
                "cards": cards.values(),
                "quiet": not pending,
                "over": over and not cards,
                "more": more,
                "alone": False,
            }
        ),
        beside=(not pending, over and not cards, more),
    )


def alone(row: Mapping[str, Any]) -> str:
    """The region with one request, for a page of its own, with all of its arguments; as one text where they are too many for a table."""
    last = row.get("last_arguments")
    if not _read(row["arguments"], last, _HIGHER_LIMITS["rows"], _HIGHER_LIMITS["arguments"]).whole:
        texts = {"arguments": row["arguments"], "last_arguments": last}
        row = {**row, **{name: text and json.dumps({"as sent": text}) for name, text in texts.items()}}
    return CARDS.html(
        {"cards": [card(row, _HIGHER_LIMITS)], "quiet": False, "over": False, "more": 0, "alone": True}
    )


def _numbered(pending: list[Permission]) -> list[Permission]:
    """Requests of agents of one name for one tool get a number from the second on, so that no two buttons have the same name."""
    seen: Counter[tuple[str, str]] = Counter()
    found: list[Permission] = []
    for row in sorted(pending, key=lambda one: one["requested_at"]):
        asked = (row["agent_name"], row["tool_name"])
        seen[asked] += 1
        if seen[asked] > 1:
            found.append(row | {"turn": seen[asked]})
    numbered = {row["id"]: row for row in found}
    return [numbered.get(row["id"], row) for row in pending]


def _little_card(row: Mapping[str, Any]) -> str:
    return _content(marshal.dumps(row["row"], 2), tuple(http.offered_reasons()), little=True)


def _bytes(texts: Iterable[str]) -> int:
    return sum(len(text.encode()) for text in texts)
