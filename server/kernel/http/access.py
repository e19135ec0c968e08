"""Who makes a request, and whether they may open the page."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from server.errors import Forbidden
from server.kernel.auth import Role, Viewer, Visitor
from server.kernel.http.cookies import (
    LONGEST_PATH,
    cookie_of,
    device_cookie_name,
    drop_doubtful,
    session_cookie,
)
from server.kernel.http.middleware import SAFE_METHODS

Handler = Callable[[Request], Awaitable[Response]]


def visitor_of(request: Request) -> Visitor:
    """The address, user agent and device cookie of this request."""
    return Visitor(
        request.client.host if request.client else "",
        request.headers.get("user-agent", ""),
        cookie_of(request, device_cookie_name(request.state.settings)),
    )


async def viewer_of(request: Request) -> Viewer | None:
    """The person who is signed in with the cookie of this request, or None."""
    viewer: Viewer | None = await request.state.auth.viewer(session_cookie(request))
    return viewer


def own_path(wanted: str) -> str:
    """The path that the client wants, if it is a page of this server, otherwise "/". Browsers read a backslash as a slash."""
    own = wanted.startswith("/") and not wanted.startswith(("//", "/login", "/logout"))
    plain = not any(character <= " " or character in "\\\x7f" for character in wanted)
    return wanted if own and plain and len(wanted) <= LONGEST_PATH else "/"


def _sign_in_page(request: Request) -> str:
    """The address of the sign-in page, which leads back to the present page; for a form, to the page that shows it."""
    wanted = "/"
    if request.method in SAFE_METHODS and "hx-request" not in request.headers:
        query = request.scope["query_string"].decode("latin-1")
        wanted = quote(request.scope["path"]) + (f"?{query}" if query else "")
    elif current := request.headers.get("hx-current-url") or request.headers.get("referer"):
        with suppress(ValueError):
            wanted = urlsplit(current)._replace(scheme="", netloc="", fragment="").geturl()
    wanted = own_path(wanted)
    return "/login" if wanted == "/" else "/login?" + urlencode({"next": wanted})


def signed_in(handler: Handler, *roles: Role) -> Handler:
    """Admit people who are signed in (with one of these roles) and set `request.state.viewer`; send others to the sign-in page."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        viewer = await viewer_of(request)
        if viewer is None:
            if request.headers.get("hx-request"):
                answer = Response(status_code=204, headers={"HX-Redirect": _sign_in_page(request)})
            else:
                answer = RedirectResponse(_sign_in_page(request), 303)
            drop_doubtful(answer, request)
            return answer
        if roles and viewer.role not in roles:
            raise Forbidden("This page is not for your role.")
        request.state.viewer = viewer
        return await handler(request)

    return guarded
