"""The list of alerts, and their acknowledgement."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.alerts import alert_rules, alerts
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.http import signed_in
from server.kernel.live import Streams, alerts_for

_SAID = {"saved": "The rule is in force.", "retired": "The rule calls nobody any more."}


async def index(request: Request) -> Response:
    """The alerts that the viewer sees; for admins the rules as well."""
    viewer: Viewer = request.state.viewer
    streams: Streams = request.state.streams
    async with request.state.db.as_viewer(viewer) as connection:
        found = await alerts.read(connection)
        rules = await alert_rules.read(connection) if viewer.role == "admin" else []
    return http.live(
        request,
        "alerts/alerts.html",
        {"page": "alerts"},
        regions=await streams.read([alerts_for(viewer)], viewer),
        alerts=found,
        most=alerts.LIST,
        rules=rules,
        conditions=alert_rules.CONDITIONS,
        calls=alert_rules.CALLS,
        days=alert_rules.DAYS,
        said=_SAID.get(request.query_params.get("said", ""), ""),
    )


async def acknowledge(request: Request) -> Response:
    """Acknowledge one alert, once for all whom it calls; twice is no error."""
    alert_id = http.identifier(request.path_params["id"], "alert")
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        await alerts.acknowledge(connection, alert_id)
    if request.headers.get("hx-request"):
        return Response(status_code=204)
    return RedirectResponse("/alerts", 303)


ROUTES = [
    Route("/alerts", signed_in(index), methods=["GET"]),
    Route("/alerts/{id}/acknowledgement", signed_in(acknowledge), methods=["POST"]),
]
