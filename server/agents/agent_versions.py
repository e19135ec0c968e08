"""Versions of agents: what an agent consisted of, what differs between two, and how to return to one."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from server.errors import NotFound
from server.kernel.db import Connection, Record

_LISTED = 20
# Pairs of lines, and words of a line, among which differences are searched, because that takes their square: a second at most.
_MOST_PAIRS, _MOST_WORDS = 250_000, 400
_CONTEXT = 2  # unchanged lines on each side of a change that are not folded
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_TEXTS = ("system_prompt", "first_message", "description")
_UNIT = {"silence_threshold_seconds": " s", "max_call_duration": " s", "undo_seconds": " s"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text: unchanged, gone or new. `parts` are its words: text, and whether it differs."""

    kind: Literal["same", "gone", "new"]
    parts: list[tuple[str, bool]]
    before: int | None = None  # its number in the older text
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs: both values, or for a text the groups of its lines. A folded group is unchanged."""

    name: str
    before: str = ""
    after: str = ""
    groups: list[tuple[bool, list[Line]]] = field(default_factory=list)  # folded, lines


async def listed(connection: Connection, agent_id: UUID, limit: int | None = _LISTED) -> Sequence[Record]:
    """The versions of an agent, newest first, with the interactions that began with each in the last 90 days and their CSAT."""
    return await connection.fetch(
        """
        with used as (
          select i.agent_version, count(*) as interactions, round(avg(r.csat_score)) as csat
          from public.interactions i left join public.interaction_archives r on r.interaction_id = i.id
          where i.agent_id = $1 and not i.is_test and i.status in ('active', 'completed', 'failed')
            and i.started_at > now() - interval '90 days' group by i.agent_version)
        select v.version, v.note, v.actor, v.created_at, coalesce(u.interactions, 0) as interactions, u.csat,
          count(*) over () as total
        from public.agent_versions v left join used u on u.agent_version = v.version
        where v.agent_id = $1 order by v.version desc limit $2
        """,
        agent_id,
        limit,
    )


async def whole(connection: Connection, agent_id: UUID, version: int | None = None) -> dict[str, Any]:
    """What the agent consisted of in this version, or in the newest. NotFound when there is none."""
    row = await connection.fetchrow(
        """select whole, name, system_prompt, mcp_tools from public.agent_versions
        where agent_id = $1 and ($2::integer is null or version = $2) order by version desc limit 1""",
        agent_id,
        version,
    )
    if row is None:
        raise NotFound("There is no such version.")
    if row["whole"] is not None:
        return dict(row["whole"])
    return {"name": row["name"], "system_prompt": row["system_prompt"]}  # from before versions were whole


async def restore(connection: Connection, agent_id: UUID, version: int) -> int:
    """Make the content of this version the newest version, and return its number; for a supervisor the prompt alone.

    NotFound.
    """
    made: int = await connection.fetchval("select public.restore_agent_version($1, $2)", agent_id, version)
    return made


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The fields that both have and that differ: texts by line and word, tools and configuration by name."""
    found = []
    for name in after:
        if name not in before or before[name] == after[name]:
            continue
        if name in _TEXTS:
            found.append(Change(name, groups=_groups(before[name] or "", after[name] or "")))
        elif name == "tools":
            found += _tools(before[name], after[name])
        elif name == "config":
            keys = sorted({*before[name], *after[name]})
            found += [
                Change(key, _text(before[name].get(key), key), _text(after[name].get(key), key))
                for key in keys
                if before[name].get(key) != after[name].get(key)
            ]
        else:
            found.append(Change(name, _text(before[name], name), _text(after[name], name)))
    return found


def _tools(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    old, new = ({tool["tool_name"]: tool for tool in tools} for tools in (before, after))
    for name in sorted({*old, *new}):
        if name not in old:
            yield Change(f"tool {name}", "", "added")
        elif name not in new:
            yield Change(f"tool {name}", "", "removed")
        else:
            for key in new[name]:
                was, now = old[name].get(key), new[name][key]
                if was != now:
                    yield Change(f"tool {name}, {key}", _text(was, key), _text(now, key))


def _text(value: Any, name: str) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case int() | float():
            return f"{value}{_UNIT.get(name, '')}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _groups(before: str, after: str) -> list[tuple[bool, list[Line]]]:
    """The lines of both texts, each change with two unchanged lines around it, and the other unchanged lines folded."""
    lines = list(_lines(before.split("\n"), after.split("\n")))
    changed = [number for number, line in enumerate(lines) if line.kind != "same"]
    shown = {near for number in changed for near in range(number - _CONTEXT, number + _CONTEXT + 1)}
    groups: list[tuple[bool, list[Line]]] = []
    for number, line in enumerate(lines):
        folded = number not in shown
        if not groups or groups[-1][0] != folded:
            groups.append((folded, []))
        groups[-1][1].append(line)
    return groups


def _lines(before: list[str], after: list[str]) -> Iterator[Line]:
    for kind, from_before, to_before, from_after, to_after in _operations(before, after):
        if kind == "equal":
            for step in range(to_before - from_before):
                number, text = from_before + step, before[from_before + step]
                yield Line("same", [(text, False)], number + 1, from_after + step + 1)
            continue
        old, new = before[from_before:to_before], after[from_after:to_after]
        marked = [_words(one, other) for one, other in zip(old, new, strict=False)]
        for step, text in enumerate(old):
            parts = marked[step][0] if step < len(marked) else [(text, True)]
            yield Line("gone", parts, before=from_before + step + 1)
        for step, text in enumerate(new):
            parts = marked[step][1] if step < len(marked) else [(text, True)]
            yield Line("new", parts, after=from_after + step + 1)


def _operations(before: list[str], after: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """What makes the one from the other, as difflib says it. Equal lines at both ends are found first."""
    most = min(len(before), len(after))
    head = next((n for n in range(most) if before[n] != after[n]), most)
    tail = next((n for n in range(most - head) if before[-1 - n] != after[-1 - n]), most - head)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if head:
        yield "equal", 0, head, 0, head
    if len(old) * len(new) > _MOST_PAIRS:
        yield "replace", head, head + len(old), head, head + len(new)
    else:
        for kind, *places in difflib.SequenceMatcher(None, old, new).get_opcodes():
            from_old, to_old, from_new, to_new = (place + head for place in places)
            yield kind, from_old, to_old, from_new, to_new
    if tail:
        yield "equal", len(before) - tail, len(before), len(after) - tail, len(after)


def _words(before: str, after: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Both lines in parts, and which of them differ. Lines that have little in common differ as a whole."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if max(len(old), len(new)) > _MOST_WORDS or matcher.ratio() < 0.3:
        return [(before, True)], [(after, True)]
    parts: tuple[list[tuple[str, bool]], list[tuple[str, bool]]] = [], []
    for kind, from_old, to_old, from_new, to_new in matcher.get_opcodes():
        for side, words in enumerate((old[from_old:to_old], new[from_new:to_new])):
            if words:
                parts[side].append(("".join(words), kind != "equal"))
    return _joined(parts[0]), _joined(parts[1])


def _joined(parts: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """The parts, where blanks between two that differ belong to them."""
    joined: list[tuple[str, bool]] = []
    for number, (text, differs) in enumerate(parts):
        between = not differs and not text.strip() and 0 < number < len(parts) - 1
        if (differs or between) and joined and joined[-1][1]:
            joined[-1] = (joined[-1][0] + text, True)
        else:
            joined.append((text, differs))
    return joined
