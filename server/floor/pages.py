"""The live pages of this area, the floor and the wallboard, and their audiences."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from starlette.requests import Request

from server.errors import NotFound
from server.floor.agents import Standing, in_order, instant
from server.floor.wallboard import NUMBERS, Filters, Numbers, NumbersShown, Wallboard, wallboard
from server.kernel.auth import Viewer
from server.kernel.http import Partials, Template
from server.kernel.live import (
    Audience,
    FeedLine,
    Grant,
    Page,
    Parts,
    Permission,
    Queue,
    Regions,
    alerts_for,
    queue,
)


class Interaction(TypedDict):
    """An active interaction on the card of its agent: a row of private.interaction_cards."""

    id: str
    agent_id: str
    version: str
    started_at: str
    phone_number: str | None
    last_seen_at: str
    sentiment: str | None
    satisfaction_score: float | None
    scores: list[float]
    feed: list[FeedLine]
    grants: list[Grant] | None
    caller: str | None
    is_test: bool
    silent_since: str | None  # None while it is heard
    silent_until: str | None  # when the last silence ended
    critical_until: str | None  # "infinity" while it is; the same below
    low_until: str | None
    critical_since: str | None  # when it became so, the last time


class Ended(TypedDict):
    """The end of an agent's last interaction."""

    ended_at: str
    status: str
    csat_score: float | None
    id: str


class Agent(TypedDict):
    """The card of an agent: a row of private.agent_cards. Only id and row_version of an agent whose version the reader knows."""

    id: str
    supervisor_id: str
    slot: int
    row_version: str | None  # None without an active interaction
    name: str
    agent_type: str
    status: str
    paused_at: str | None
    interaction: Interaction | None
    last: Ended | None
    turn: NotRequired[int]  # among the agents of its name, from the second on


class Floor(Queue):
    """The result of private.floor_v2."""

    agents: list[Agent]
    asked_until: dict[
        str, str
    ]  # agent → when its last request was answered, if that was less than a minute ago
    read_at: str


class _Numbered(TypedDict):
    """An agent with a number, as a partial of its own."""

    id: str
    agent: Agent


class _QuietShown(TypedDict):
    """A floor without a live interaction and without a request that waits."""

    since: str | None  # when the last interaction ended
    agents: int
    version: str  # changes with what /today shows


class _AgentShown(TypedDict):
    agent: Agent


class _AgentsShown(TypedDict):
    cards: Iterable[str]
    quiet: bool


QUIET = Template("floor/_quiet.html", _QuietShown)
AGENT = Template("agents/_agent.html", _AgentShown)
AGENTS = Template("agents/_agents.html", _AgentsShown)


@dataclass(frozen=True, slots=True)
class _Card:
    """An agent's card, and what the other regions need to know of it."""

    agent: Agent
    region: str
    html: str
    live: bool
    last: Ended | None
    # Of the numbers above; a test counts in none, and what is silent has neither a sentiment nor a score that is known now.
    active: bool
    silent: bool
    critical: bool
    score: float | None
    standing: Standing


def _card(agent: Agent) -> _Card:
    one = agent["interaction"]
    silent = one is not None and one["silent_since"] is not None
    critical = one is not None and not silent and one["sentiment"] == "critical"
    counts = one is not None and not one["is_test"]
    return _Card(
        agent,
        f"agent-{agent['id']}",
        AGENT.html({"agent": agent}),
        live=one is not None,
        last=agent["last"],
        active=counts,
        silent=counts and silent,
        critical=counts and critical,
        score=one["satisfaction_score"] if one and counts and not silent else None,
        standing=Standing(
            slot=agent["slot"],
            critical=critical,
            critical_until=instant(one and one["critical_until"]),
            silent=silent,
            silent_until=instant(one and one["silent_until"]),
            low_until=instant(one and one["low_until"]),
        ),
    )


def _floor(shown: Floor, partials: Partials) -> Regions:
    cards = {agent["id"]: partials.of_row(agent, _card) for agent in shown["agents"]}
    waiting = [p for p in shown["tool_permissions"] if not p["held_until"]]
    order = in_order(
        {agent: card.standing for agent, card in cards.items()},
        {p["agent_id"] for p in waiting},
        shown["asked_until"],
        shown["read_at"],
    )
    agents = [cards[agent] for agent in order]
    if not shown["tool_permissions"] and not shown["answered"]:
        partials.note("asked", "nothing")  # private.floor_v2 then reads no tool permissions until one rings
    quiet = not shown["tool_permissions"] and not any(card.live for card in agents)
    html = _distinct(list(cards.values()), partials)
    html = {card.region: html[card.region] for card in agents}
    return {
        "numbers": _quiet(agents, partials) if quiet else _numbers(shown, agents, waiting, partials),
        "tool-permissions": queue(shown, partials),
        "agents": Parts(html, lambda: AGENTS.html({"cards": html.values(), "quiet": quiet}), quiet),
    }


def _distinct(cards: Sequence[_Card], partials: Partials) -> dict[str, str]:
    """The HTML of each card. Agents of one name get a number from the second on, so that no two buttons have the same name."""
    seen: Counter[str] = Counter()
    html = {}
    for card in cards:
        seen[card.agent["name"]] += 1
        turn = seen[card.agent["name"]]
        if turn == 1:
            html[card.region] = card.html
        else:
            numbered = _Numbered(id=f"{turn} {card.agent['id']}", agent=card.agent | {"turn": turn})
            html[card.region] = partials.of_row(numbered, lambda row: AGENT.html({"agent": row["agent"]}))
    return html


def _numbers(shown: Floor, agents: Sequence[_Card], waiting: Sequence[Permission], partials: Partials) -> str:
    scores = [card.score for card in agents if card.score is not None]
    counted = [p["requested_at"] for p in waiting if not p["is_test"]]
    numbers: Numbers = {
        "active": sum(card.active for card in agents),
        "critical": sum(card.critical for card in agents),
        "silent": sum(card.silent for card in agents),
        "pending": len(counted) + shown.get("more", 0),
        "oldest_pending": min(counted, default=None),
        "pending_tests": len(waiting) - len(counted),
        "satisfaction": round(sum(scores) / len(scores)) if scores else None,
        "agents": None,
    }
    return partials("numbers", NUMBERS, NumbersShown(numbers=numbers))


def _quiet(agents: Sequence[_Card], partials: Partials) -> str:
    """The line in place of the numbers. Its version tells the page to read /today again, which is of the viewer's time zone."""
    ends = [card.last for card in agents if card.last is not None]
    version = hashlib.sha256(json.dumps(sorted(map(str, ends))).encode()).hexdigest()[:16]
    since = max((end["ended_at"] for end in ends), default=None)
    return partials("quiet", QUIET, _QuietShown(since=since, agents=len(agents), version=version))


def is_quiet(regions: Mapping[str, str]) -> bool:
    """Whether these are the regions of a quiet floor: the line stands in place of the numbers."""
    return "data-quiet=" in regions.get("numbers", "")


def _waiting(shown: Queue, partials: Partials) -> Regions:
    return {"tool-permissions": queue(shown, partials)}


def home_of(viewer: Viewer, filters: Filters) -> list[Audience]:
    """The audience of a supervisor's floor; for an admin those of the filtered wallboard and of all pending requests; and the alerts.

    No filter hides a request, because somebody waits for each.
    """
    if viewer.role == "admin":
        return [
            Audience(WALLBOARD, "*", json.dumps(filters.chosen, sort_keys=True)),
            Audience(WAITING, "*", "{}"),
            alerts_for(viewer),
        ]
    return [
        Audience(FLOOR, str(viewer.id), json.dumps({"supervisor_id": str(viewer.id)})),
        alerts_for(viewer),
    ]


async def watch(request: Request, viewer: Viewer) -> list[Audience]:
    """The audiences of /stream?page=floor or wallboard. NotFound for the page of another role."""
    audiences = home_of(viewer, Filters.of(request.query_params))
    if request.query_params.get("page") != audiences[0].page.name:
        raise NotFound("There is no such page to stream.")
    return audiences


FLOOR = Page(
    "floor",
    function="floor_v2",
    shows=Floor,
    tables=frozenset({"agents", "interactions", "realtime_metrics", "tool_permissions"}),
    urgent=frozenset({"tool_permissions"}),
    render=_floor,
    every=0.2,
    urgent_every=0.025,
    watch=watch,
)
WALLBOARD = Page(
    "wallboard",
    function="wallboard",
    shows=Wallboard,
    tables=FLOOR.tables,
    urgent=frozenset(),
    render=wallboard,
    every=1.0,
    urgent_every=1.0,
    watch=watch,
    burst=1,
    shared=True,
)
# Read separately from the wallboard, because a pending request must not wait for ten thousand interactions.
WAITING = Page(
    "waiting",
    function="waiting",
    shows=Queue,
    tables=frozenset({"realtime_metrics", "tool_permissions"}),
    urgent=frozenset({"tool_permissions"}),
    render=_waiting,
    every=1.0,
    urgent_every=0.5,
)
PAGES: list[Page[Any]] = [FLOOR, WALLBOARD, WAITING]
