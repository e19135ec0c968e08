"""The answer to a refused request: a problem document for programs, a page for people."""

import asyncio
from contextlib import suppress

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors import NotFound, RequestError, Unavailable
from server.kernel.http.access import viewer_of
from server.kernel.http.agent_api import problem
from server.kernel.http.middleware import UNCACHED, security_headers
from server.kernel.http.rendering import error as error_page

log = structlog.get_logger(__name__)
_RECOGNITION = 2.0  # seconds to find out who is signed in


def refuse(connection: HTTPConnection, error: RequestError) -> ASGIApp:
    """The refusal of a middleware."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await (await refusal(connection, error))(scope, receive, send)

    return answer


async def refusal(connection: HTTPConnection, error: RequestError) -> Response:
    """A problem document for programs, text for a fragment, and for a person a page with the navigation."""
    if _is_api(connection):
        return problem(error)
    fragment = connection.headers.get("hx-request") is not None
    if not (fragment or isinstance(error, Unavailable) or hasattr(connection.state, "viewer")):
        with suppress(Exception):  # after any error, the page is shown without navigation
            async with asyncio.timeout(_RECOGNITION):
                connection.state.viewer = await viewer_of(Request(connection.scope))
    return error_page(connection, error)


def _is_api(connection: HTTPConnection) -> bool:
    return connection.url.path.startswith("/api/")


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return await refusal(request, error)


def allowed_methods(request: Request) -> str:
    """The value of `Allow`: the methods of all routes at this address, not of the first one alone."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.methods and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods
    return ", ".join(sorted(found or {"GET", "HEAD"}))  # an address without a route: a static file


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    word = (
        NotFound("There is nothing at this address.")
        if error.status_code == 404
        else RequestError(error.detail)
    )
    word.status, word.title = error.status_code, error.detail
    answer = await refusal(request, word)
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    if error.status_code == 405:
        answer.headers["Allow"] = allowed_methods(request)
    return answer


async def _on_fault(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, exc_info=error)
    word = RequestError("Something went wrong in the server. The log has the details.")
    word.status, word.title = 500, "Server error"
    answer = await refusal(request, word)
    # This runs outside of all middleware, and uvicorn closes the connection afterwards.
    answer.headers.update(security_headers(request.state.settings))
    answer.headers.update({"Cache-Control": UNCACHED, "Connection": "close"})
    return answer


HANDLERS = {RequestError: _on_refusal, HTTPException: _on_http, Exception: _on_fault}  # for Starlette
