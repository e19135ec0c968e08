"""Whether the process runs and is ready, and its metrics."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from server.errors import NotFound, RequestError
from server.kernel import observability

_NEARLY_FULL = 0.9  # of the notification queue; when it is full, nothing that notifies can commit


async def health(_request: Request) -> Response:
    """Answer while the process runs."""
    return PlainTextResponse("ok")


async def ready(request: Request) -> Response:
    """Whether the process can do its work; 503 names what is missing."""
    found = {"database": True, "listener": request.state.hub.state.connected, "notifications": True}
    try:
        rows = await request.state.db.call("select pg_catalog.pg_notification_queue_usage() as used")
        found["notifications"] = rows[0]["used"] < _NEARLY_FULL
    except RequestError:
        found["database"] = False
    return JSONResponse(found, 200 if all(found.values()) else 503)


async def metrics(request: Request) -> Response:
    """Metrics for Prometheus, on this machine only."""
    if request.client is None or request.client.host not in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        raise NotFound("There is nothing at this address.")
    observability.STREAMS.set(len(request.state.streams))
    observability.HUB_LIVE.set(request.state.hub.state.connected)
    return Response(observability.exposition(), media_type="text/plain; version=0.0.4")


PROBES = [Route("/healthz", health), Route("/readyz", ready), Route("/metrics", metrics)]
