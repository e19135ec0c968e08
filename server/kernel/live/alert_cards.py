"""The alerts that call a viewer, as a region that every page with a stream may have."""

from typing import TypedDict

from server.kernel.auth import Viewer
from server.kernel.http import Partials, Template
from server.kernel.live.pages import Audience, Page
from server.kernel.live.regions import Regions


class Alert(TypedDict):
    """An open alert that nobody has acknowledged."""

    id: str
    rule_name: str
    condition: str
    amount: int
    minutes: int | None
    measured: int
    opened_at: str
    interaction_id: str | None
    username: str
    agent_name: str | None


class Alerts(TypedDict):
    """The result of private.alerts_on_screen: the newest, and how many more there are."""

    alerts: list[Alert]
    more: int


ALERTS = Template("alerts/_alerts.html", Alerts)


def _regions(shown: Alerts, partials: Partials) -> Regions:
    return {"alerts": partials("alerts", ALERTS, shown)}


# A page of its own, so that no floor is read because of an alert, and no alert because of a metric.
ALERTS_PAGE = Page(
    "alerts",
    function="alerts_on_screen",
    shows=Alerts,
    tables=frozenset({"alerts"}),
    urgent=frozenset({"alerts"}),
    render=_regions,
    every=1.0,
    urgent_every=0.25,
)


def alerts_for(viewer: Viewer) -> Audience:
    """The audience of the alerts that call this viewer: an admin's are those of all supervisors."""
    if viewer.role == "admin":
        return Audience(ALERTS_PAGE, "*", "{}")
    return Audience(ALERTS_PAGE, str(viewer.id), f'{{"supervisor_id": "{viewer.id}"}}')
