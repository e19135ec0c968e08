"""The review of an interaction as its page shows it: notes, flag, tags of people, scorecard."""

import datetime as dt
from typing import Any, TypedDict
from uuid import UUID, uuid4

from server.errors import NotFound
from server.kernel.auth import Viewer
from server.kernel.db import Connection

STATES = {"open": "open", "in_review": "in review", "done": "done"}
ANSWERS = {"no": "No", "partly": "Partly", "yes": "Yes"}


class Note(TypedDict):
    """A note; `words` are null when it was withdrawn by somebody else, or forgotten."""

    id: str
    line: str | None  # the id of an entry of the timeline
    author_id: str
    author_name: str
    version: int
    created_at: str
    changed_at: str
    withdrawn_at: str | None
    words: str | None


class Flag(TypedDict):
    """A row of public.interaction_flags."""

    state: str
    reason: str | None
    assigned_to: str | None
    assigned_name: str | None
    flagged_by_name: str
    flagged_at: str
    changed_by_name: str
    changed_at: str
    version: int


class Score(TypedDict):
    """A row of public.interaction_scores."""

    version: int
    answers: dict[str, str]
    total: float
    scored_by_name: str
    by_admin: bool
    scored_at: str


class Review(TypedDict):
    """The result of private.review, and what depends on the viewer."""

    id: str
    status: str
    anonymised: bool
    username: str  # of the supervisor, who sees it as well as admins
    is_known: bool  # whether there is a number to show
    notes: list[Note]
    lines: list[dict[str, str]]  # {line, at, words}: what a note may be about
    flag: Flag | None
    flag_changes: list[dict[str, Any]]  # {at, actor, changes}, the newest first
    tags: list[dict[str, str]]  # {tag, added_by_name}
    score: Score | None
    scorecard: dict[str, Any]  # {version, criteria}: that of the score, or the present one
    present: int  # the present version of the criteria
    reviewers: list[dict[str, str]]  # {id, name, role}
    viewer_id: str
    is_admin: bool
    may_score: bool
    next_note: str  # the id of the note that is written next
    started: dt.datetime  # in the zone that was asked for


async def of(connection: Connection, interaction_id: UUID, viewer: Viewer, zone: str = "UTC") -> Review:
    """In one statement. NotFound when the viewer may not see the interaction."""
    row = await connection.fetchrow(
        "select private.review($1) as review, (select i.started_at at time zone $2 from public.interactions i where i.id = $1) as started",
        interaction_id,
        zone,
    )
    found: Any = row and row["review"]
    if row is None or found is None:
        raise NotFound("There is no such interaction.")
    is_admin = viewer.role == "admin"
    score = found["score"]
    own = {
        "id": str(interaction_id),
        "viewer_id": str(viewer.id),
        "is_admin": is_admin,
        "may_score": found["status"] != "active" and (is_admin or not (score and score["by_admin"])),
        "next_note": str(uuid4()),
        "started": row["started"],
    }
    shown: Review = found | own
    return shown
