"""The live page of this area: an agent whose guided set-up waits for the first call."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, TypedDict
from uuid import UUID

from starlette.requests import Request

from server.agents.setup_steps import STEPS
from server.errors import NotFound
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.http import Partials, Template
from server.kernel.live import Audience, Page, Regions


class Agent(TypedDict):
    """The agent that waits."""

    id: str
    name: str
    agent_type: str
    supervisor: str
    username: str
    began_at: str
    ended_at: str | None
    tools: int
    asking: int


class Refused(TypedDict):
    """The newest request that was refused."""

    at: str
    status: int | None
    detail: str | None


class Decided(TypedDict):
    """The first decision of the first interaction."""

    tool_name: str
    status: str
    responded_by_name: str | None
    responded_at: str


class First(TypedDict):
    """The first interaction."""

    id: str
    status: str
    started_at: str
    phone_number: str | None
    caller: str | None
    satisfaction_score: float | None
    decision: Decided | None


class Setup(TypedDict):
    """The result of private.setup; `steps`: step → when."""

    agent: Agent
    steps: dict[str, str]
    refused: Refused | None
    first: First | None


class _GuideShown(TypedDict):
    agent: Agent
    done: bool


class _ArrivalsShown(TypedDict):
    agent: Agent
    steps: list[tuple[str, str, str | None]]  # name, words, when
    awaited: str | None  # the name of the next step
    refused: Refused | None
    first: First | None
    done: bool
    round_trip: int | None  # milliseconds from the decision to its delivery


GUIDE = Template("agents/_guide.html", _GuideShown)
ARRIVALS = Template("agents/_arrivals.html", _ArrivalsShown)


def _regions(shown: Setup, partials: Partials) -> Regions:
    agent, steps = shown["agent"], shown["steps"]
    done = "decision_delivered" in steps
    arrivals = _ArrivalsShown(
        agent=agent,
        steps=[(name, words, steps.get(name)) for name, words in STEPS.items()],
        awaited=None if agent["ended_at"] else next((name for name in STEPS if name not in steps), None),
        refused=None if agent["ended_at"] else shown["refused"],
        first=shown["first"],
        done=done,
        round_trip=_round_trip(shown),
    )
    return {
        "guide": partials("guide", GUIDE, _GuideShown(agent=agent, done=done)),
        "first-call": partials("first-call", ARRIVALS, arrivals),
    }


def _round_trip(shown: Setup) -> int | None:
    decided = shown["first"]["decision"] if shown["first"] else None
    delivered = shown["steps"].get("decision_delivered")
    if decided is None or delivered is None:
        return None
    passed = dt.datetime.fromisoformat(delivered) - dt.datetime.fromisoformat(decided["responded_at"])
    return max(0, round(passed.total_seconds() * 1000))


def audience(agent_id: UUID) -> Audience:
    """The audience of the page of this agent. A step of any agent rings it, since few agents wait at a time."""
    return Audience(PAGE, "*", json.dumps({"agent_id": str(agent_id)}))


async def watch(request: Request, viewer: Viewer) -> Sequence[Audience]:
    """The audience of /stream?page=setup&id=…, for admins. NotFound for others."""
    if viewer.role != "admin":
        raise NotFound("There is no such page to stream.")
    return [audience(http.identifier(request.query_params.get("id", ""), "agent"))]


PAGE = Page(
    "setup",
    function="setup",
    shows=Setup,
    tables=frozenset({"setup_steps"}),
    urgent=frozenset(),
    render=_regions,
    every=0.25,
    urgent_every=0.25,
    watch=watch,
)
PAGES: list[Page[Any]] = [PAGE]
