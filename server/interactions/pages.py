"""The live page of one interaction, and its audience."""

import json
import marshal
from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, TypedDict
from uuid import UUID

from starlette.requests import Request

from server.interactions import interactions, timeline
from server.interactions.timeline import Course, Entry, Line, Lines, Ruling, Score
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.http import Partials, Template, mask_phone
from server.kernel.live import Audience, Grant, Page, Parts, Queue, Regions, alerts_for, queue

_CARDS = 150_000  # bytes of HTML for cards, in addition to the timeline


class Head(TypedDict):
    """The interaction itself: a row of private.interaction_heads."""

    id: str
    status: str
    interaction_type: str
    phone_number: str | None
    started_at: str
    ended_at: str | None
    duration_seconds: int | None
    livekit_room_id: str | None
    agent_name: str
    username: str
    last_seen_at: str | None
    sentiment: str | None
    satisfaction_score: float | None
    grants: list[Grant] | None
    caller: str | None
    called_number: str | None
    end_reason: str | None
    is_test: bool
    agent_id: str
    agent_version: int | None
    anonymised_at: str | None  # when numbers and words were deleted
    external_id: str | None


class Archive(TypedDict):
    """The archive of the interaction."""

    summary: str | None
    issues: list[Any]  # {issue, status, priority}, checked by private.valid_issues
    tags: Any  # {topics}, checked by private.valid_tags
    csat_score: float | None
    resolution_time_seconds: int | None
    fcr_status: bool | None
    created_at: str


class Shown(Queue):
    """The result of private.interaction_v2."""

    interaction: Head
    scores: list[Score]
    rulings: list[Ruling]
    timeline: list[Entry]
    archive: Archive | None
    broken_by: str | None  # the later interaction that shows that the issue was not resolved


class _InteractionShown(TypedDict):
    one: Head
    scores: list[Score]
    course: Course
    lowest: float | None
    csat: float | None
    decided: dict[str, int]  # how many tool permissions have each status


class _Speaker(TypedDict):
    agent_name: str


class _PartShown(TypedDict):
    name: str
    one: _Speaker
    lines: list[Line]
    version: str  # the same for the same lines, so that a page that has them leaves them alone


class _TimelineShown(TypedDict):
    one: Head
    parts: list[str]


class _BeforeShown(TypedDict):
    one: Head
    earlier: str


class _ArchiveShown(TypedDict):
    one: Head
    archive: Archive | None
    broken_by: str | None


INTERACTION = Template("interactions/_interaction.html", _InteractionShown)
TIMELINE = Template("interactions/_timeline.html", _TimelineShown)
BEFORE = Template("interactions/_before.html", _BeforeShown)
PART = Template("interactions/_part.html", _PartShown)
ARCHIVE = Template("interactions/_archive.html", _ArchiveShown)


def _regions(shown: Shown, partials: Partials) -> Regions:
    one, archive, scores = shown["interaction"], shown["archive"], shown["scores"]
    course: Course = {
        "start": one["started_at"],
        "end": one["duration_seconds"] if one["status"] != "active" else None,
        "scores": scores,
        "rulings": shown["rulings"],
    }
    found = timeline.lines(shown["timeline"], course, partials)
    archived = _ArchiveShown(one=one, archive=archive, broken_by=shown["broken_by"])
    head: _InteractionShown = {
        "one": one,
        "scores": scores,
        "course": course,
        "lowest": min((score for _, score, _ in scores), default=None),
        "csat": archive["csat_score"] if archive else None,
        "decided": dict(Counter(status for _, status, _ in shown["rulings"])),
    }
    return {
        "tool-permissions": queue(shown, partials, over=one["status"] != "active", most=_CARDS),
        "interaction": partials("interaction", INTERACTION, head),
        "timeline": _timeline(one, found, partials),
        "archive": partials("archive", ARCHIVE, archived),
    }


def _timeline(one: Head, found: Lines, partials: Partials) -> Parts:
    """A new line is sent with its part, and not with three hundred lines."""
    speaker: _Speaker = {"agent_name": one["agent_name"]}
    each = dict[str, str]()
    if found.earlier:
        each["lines-before"] = BEFORE.html({"one": one, "earlier": found.earlier})
    for name, lines in timeline.parts(found.lines).items():
        each[name] = partials.of_row({"id": name, "one": speaker, "lines": lines}, _part)
    shown: _TimelineShown = {"one": one, "parts": [*each.values()]}
    return Parts(each, lambda: TIMELINE.html(shown), one["anonymised_at"])


def _part(row: Mapping[str, Any]) -> str:
    content: Any = (row["one"], row["lines"])
    version = blake2b(marshal.dumps(content, 2), digest_size=8).hexdigest()
    return PART.html({"name": row["id"], "one": row["one"], "lines": row["lines"], "version": version})


def audience(viewer: Viewer, interaction_id: UUID, supervisor_id: UUID | None = None) -> Audience:
    """The audience of an interaction's page, for one role and one supervisor.

    One role, because an admin sees more than the supervisor: to which other supervisor the customer returned. One supervisor,
    because the rows of another one ring the page after the agent has moved; then its streams end, and the browser's next
    request is authorised again.
    """
    arguments = {"interaction_id": str(interaction_id), "role": viewer.role}
    if supervisor_id is not None:
        arguments["supervisor_id"] = str(supervisor_id)
    return Audience(PAGE, str(supervisor_id), json.dumps(arguments))


async def watch(request: Request, viewer: Viewer) -> list[Audience]:
    """The audience of /stream?page=interaction&id=…. NotFound when the viewer may not see it."""
    interaction_id, db = http.identifier(request.query_params.get("id", ""), "interaction"), request.state.db
    async with db.as_viewer(viewer) as connection:
        supervisor_id = await interactions.supervisor_of(connection, interaction_id)
    return [audience(viewer, interaction_id, supervisor_id), alerts_for(viewer)]


def _title(shown: Shown) -> str:
    one = shown["interaction"]
    customer = (
        "a number that was deleted"
        if one["anonymised_at"]
        else mask_phone(one["phone_number"], one["caller"])
    )
    return f"{one['agent_name']} and {customer}"


PAGE = Page(
    "interaction",
    function="interaction_v2",
    shows=Shown,
    tables=frozenset(
        {
            "agents",
            "interactions",
            "realtime_metrics",
            "interaction_turns",
            "tool_permissions",
            "interaction_archives",
        }
    ),
    urgent=frozenset({"tool_permissions"}),
    render=_regions,
    every=0.5,
    urgent_every=0.025,
    watch=watch,
    title=_title,
)
PAGES: list[Page[Any]] = [PAGE]
