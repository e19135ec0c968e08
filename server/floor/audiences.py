"""Who sees which live page: a supervisor their floor, admins the wallboard; and how rows become regions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from server.errors import Invalid
from server.kernel.auth import Viewer
from server.kernel.http import Partials, partial
from server.kernel.live import Audience, Page, Parts, Regions, queue

_TABLES = frozenset({"agents", "interactions", "realtime_metrics", "tool_permissions"})
_URGENT = frozenset({"tool_permissions"})
_CRITICAL, _LATELY = 40, 6  # a score below it; so many scores, one about every five seconds


@dataclass(frozen=True, slots=True)
class _Card:
    """An agent's card, and what the rest of the floor tells of them."""

    region: str
    html: str
    live: bool
    critical: bool
    score: float | None
    needs_attention: bool  # critical now or within the last half minute: what went up stays there a while


def _card(agent: Mapping[str, Any]) -> _Card:
    interaction = agent["interaction"] or {"sentiment": None, "satisfaction_score": None, "scores": []}
    critical = interaction["sentiment"] == "critical"
    return _Card(
        f"agent-{agent['id']}",
        partial("agents/_agent.html", agent=agent),
        agent["interaction"] is not None,
        critical,
        interaction["satisfaction_score"],
        critical or any(score < _CRITICAL for score in interaction["scores"][-_LATELY:]),
    )


def _floor(shown: Mapping[str, Any], partials: Partials) -> Regions:
    agents = [partials.of_row(agent, _card) for agent in shown["agents"]]
    agents.sort(key=lambda card: not card.needs_attention)
    scores = [card.score for card in agents if card.score is not None]
    waiting = [p["requested_at"] for p in shown["tool_permissions"] if not p["held_until"]]
    numbers = {
        "active": sum(card.live for card in agents),
        "critical": sum(card.critical for card in agents),
        "pending": len(waiting) + shown["more"],
        "oldest_pending": min(waiting, default=None),
        "satisfaction": round(sum(scores) / len(scores)) if scores else None,
        "agents": None,
    }
    if not shown["tool_permissions"] and not shown["answered"]:
        partials.note("asked", "nothing")
    cards = {card.region: card.html for card in agents}
    return {
        "numbers": partials("numbers", "floor/_numbers.html", numbers=numbers),
        "tool-permissions": queue(shown, partials),
        "agents": Parts(cards, lambda: partial("agents/_agents.html", cards=cards.values())),
    }


def _wallboard(shown: Mapping[str, Any], partials: Partials) -> Regions:
    numbers, interactions = shown["numbers"], shown["interactions"]
    return {
        "numbers": partials("numbers", "floor/_numbers.html", numbers=numbers),
        "supervisors": partials("supervisors", "floor/_supervisors.html", supervisors=shown["supervisors"]),
        "interactions": partials(
            "interactions",
            "interactions/_interactions.html",
            interactions=interactions,
            more=shown["matching"] - len(interactions),
        ),
    }


def _waiting(shown: Mapping[str, Any], partials: Partials) -> Regions:
    return {"tool-permissions": queue(shown, partials)}


FLOOR = Page("floor", _TABLES, _URGENT, 0.2, 0.025, _floor)
WALLBOARD = Page("wallboard", _TABLES, frozenset(), 1.0, 1.0, _wallboard)
# Beside the wallboard, and read by itself: what somebody waits for must not wait for ten thousand interactions.
WAITING = Page("waiting", frozenset({"realtime_metrics", "tool_permissions"}), _URGENT, 1.0, 0.5, _waiting)


@dataclass(frozen=True, slots=True)
class Filters:
    """What an admin wants the wallboard's list to hold; empty means everything."""

    type: str = ""
    sentiment: str = ""
    supervisor: str = ""
    stale: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """From an address; Invalid for a value that no choice has."""
        found = cls(**{name: query.get(name, "").strip() for name in cls.__slots__})
        if (
            found.type not in ("", "voice", "chat")
            or found.sentiment not in ("", "good", "neutral", "critical")
            or found.stale not in ("", "1")
            or len(found.supervisor) > 100
            or "\x00" in found.supervisor
        ):
            raise Invalid("There is no such filter.")
        return found

    @property
    def chosen(self) -> dict[str, str]:
        """Those that are set."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}


def home_of(viewer: Viewer, filters: Filters) -> list[Audience]:
    """A supervisor's own floor; for an admin the wallboard, filtered, and all that waits for a decision."""
    if viewer.role == "admin":
        chosen = json.dumps(filters.chosen, sort_keys=True)
        return [Audience(WALLBOARD, "*", chosen), Audience(WAITING, "*", chosen)]
    return [Audience(FLOOR, str(viewer.id), json.dumps({"supervisor_id": str(viewer.id)}))]
