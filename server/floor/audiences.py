"""Who sees which live page: a supervisor their floor, admins the wallboard; and how rows become regions."""

import json
from collections.abc import Mapping
from typing import Any

from server.auth import Viewer
from server.stream import Audience, Page, Regions
from server.web import partial

_TABLES = frozenset({"agents", "interactions", "realtime_metrics", "tool_permissions"})
_URGENT = frozenset({"tool_permissions"})


def _floor(shown: Mapping[str, Any]) -> Regions:
    agents = shown["agents"]
    live = [agent["interaction"] for agent in agents if agent["interaction"]]
    numbers = {
        "active": len(live),
        "critical": sum(interaction["sentiment"] == "critical" for interaction in live),
        "pending": len(shown["tool_permissions"]),
        "oldest_pending": min((p["requested_at"] for p in shown["tool_permissions"]), default=None),
        "satisfaction": None,
        "agents": None,
    }
    return {
        "numbers": partial("floor/_numbers.html", numbers=numbers),
        "tool-permissions": partial("permissions/_tool_permissions.html", **_permissions(shown)),
        "agents": partial("agents/_agents.html", agents=agents),
    }


def _wallboard(shown: Mapping[str, Any]) -> Regions:
    numbers, interactions = shown["numbers"], shown["interactions"]
    return {
        "numbers": partial("floor/_numbers.html", numbers=numbers),
        "tool-permissions": partial("permissions/_tool_permissions.html", **_permissions(shown)),
        "interactions": partial(
            "interactions/_interactions.html",
            interactions=interactions,
            more=numbers["active"] - len(interactions),
        ),
    }


def _permissions(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments come as text, since only that keeps the order in which they were sent."""
    pending = [one | {"arguments": json.loads(one["arguments"])} for one in shown["tool_permissions"]]
    return {"pending": pending, "answered": shown["answered"]}


FLOOR = Page("floor", _TABLES, _URGENT, 0.2, _floor)
WALLBOARD = Page("wallboard", _TABLES, _URGENT, 1.0, _wallboard)


def home_of(viewer: Viewer) -> Audience:
    """A supervisor's own floor; for an admin the wallboard."""
    if viewer.role == "admin":
        return Audience(WALLBOARD, "*", "{}")
    return Audience(FLOOR, str(viewer.id), json.dumps({"supervisor_id": str(viewer.id)}))
