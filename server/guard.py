"""The walls around every request: origin, headers, body size, rates, and who may come in.

A wall hands on what the next one returns instead of awaiting it: a stream stays for hours, and every frame with it.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial, wraps
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.auth import Role, Viewer
from server.errors import Forbidden, RequestError, TooMany
from server.settings import Settings

BODY_LIMIT = 256 * 1024
_HOSTS = 100  # names (with their ports) that are remembered
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
UNCACHED = "private, no-store"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
Refuse = Callable[[HTTPConnection, RequestError], Response]
Handler = Callable[[Request], Awaitable[Response]]


class TooLarge(RequestError):
    """More than the body limit."""

    status, title = 413, "Too large"


class SecurityHeaders:
    """Adds the headers to every answer; what is not static is never kept by a cache."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})
        self._pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)

        return self.app(scope, receive, partial(self._with_headers, scope, send))

    def _with_headers(self, scope: Scope, send: Send, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            given = message.get("headers", ())
            names = {name for name, _ in given}
            pairs = message["headers"] = [*given, *(pair for pair in self._pairs if pair[0] not in names)]
            if not scope["path"].startswith("/static/"):
                if b"cache-control" in names:
                    pairs[:] = [pair for pair in pairs if pair[0] != b"cache-control"]
                pairs.append((b"cache-control", UNCACHED.encode()))
        return send(message)


class TrustedHosts:
    """Refuses the names of others. What it let in before passes at once: each name is taken apart only once."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self._app = app
        self._door = TrustedHostMiddleware(self._let_in, allowed_hosts)
        self._known: set[bytes] = set()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if _host(scope) in self._known:
            return self._app(scope, receive, send)
        return self._door(scope, receive, send)

    def _let_in(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        host = _host(scope)
        if host is not None and len(self._known) < _HOSTS:
            self._known.add(host)
        return self._app(scope, receive, send)


def _host(scope: Scope) -> bytes | None:
    found = [value for name, value in scope.get("headers", ()) if name == b"host"]
    return found[0] if len(found) == 1 else None


class SameOrigin:
    """Refuses unsafe methods from another origin; a program sends neither header and passes."""

    def __init__(self, app: ASGIApp, *, refuse: Refuse) -> None:
        self.app, self.refuse = app, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if (
            scope["type"] == "http"
            and scope["method"] not in _SAFE_METHODS
            and _foreign(Headers(scope=scope))
        ):
            answer = self.refuse(HTTPConnection(scope), Forbidden("This request came from another site."))
            return answer(scope, receive, send)
        return self.app(scope, receive, send)


def _foreign(headers: Headers) -> bool:
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is not None:
        return urlsplit(origin).netloc != headers.get("host")
    return False


class BodyLimit:
    """Refuses bodies over the limit, announced or not, before anybody reads them whole."""

    def __init__(self, app: ASGIApp, *, refuse: Refuse) -> None:
        self.app, self.refuse = app, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        length = chunks = None
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                chunks = value
        if chunks is None and (length is None or (length.isdigit() and int(length) <= BODY_LIMIT)):
            return self.app(
                scope, receive, send
            )  # HTTP/1.1 knows no body without one of them, nor a longer one
        too_large = TooLarge(f"the body may have {BODY_LIMIT} bytes at most")
        if length is not None and (not length.isdigit() or int(length) > BODY_LIMIT):
            return self.refuse(HTTPConnection(scope), too_large)(scope, receive, send)
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > BODY_LIMIT:
                raise too_large
            return message

        return self.app(scope, counted, send)


class Limits:
    """Rates within this process: sign-ins an account and an address, requests an agent key (many a millisecond)."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._sign_in = RateLimitItemPerMinute(settings.login_per_minute)
        self._agent_per_second = settings.agent_per_second
        self._second, self._requests = 0, dict[object, int]()  # of each key in this second

    async def sign_in(self, email: str, address: str) -> None:
        """Count an attempt. TooMany when the account or the address had its share this minute."""
        for key in (f"account:{email.strip().lower()}", f"address:{address}"):
            if not await self._limiter.hit(self._sign_in, "sign_in", key):
                raise TooMany("Too many sign-in attempts. Please wait a minute and try again.", 60)

    def agent(self, key_id: object) -> None:
        """Count a request. TooMany over AGENT_PER_SECOND."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._requests = second, {}
        count = self._requests[key_id] = self._requests.get(key_id, 0) + 1
        if count > self._agent_per_second:
            raise TooMany(f"more than {self._agent_per_second} requests in a second with this key", 1)


def loopback(settings: Settings) -> bool:
    """Whether people reach us only from this machine and over http."""
    return settings.host in _LOOPBACK and not (settings.public_url or "").startswith("https:")


def trusted_hosts(settings: Settings) -> list[str]:
    """Names we answer to; anything when we listen to the world and nobody told us our address."""
    if settings.public_url:
        return [urlsplit(settings.public_url).hostname or "*", *_LOOPBACK]
    return ["*"] if settings.host not in _LOOPBACK else sorted(_LOOPBACK)


def cookie_name(settings: Settings) -> str:
    """`__Host-` binds the cookie to this host and https; on plain loopback browsers refuse that.

    There the port is in the name: cookies know no ports, and another Floorwalker may run beside this one.
    """
    return f"floorwalker-{settings.port}" if loopback(settings) else "__Host-floorwalker"


def set_cookie(response: Response, settings: Settings, cookie: str) -> None:
    """Hand the session's id to the browser, until it closes."""
    response.set_cookie(
        cookie_name(settings), cookie, path="/", secure=not loopback(settings), httponly=True, samesite="lax"
    )


def drop_cookie(response: Response, settings: Settings) -> None:
    """Take the session's id away from the browser."""
    response.delete_cookie(
        cookie_name(settings), path="/", secure=not loopback(settings), httponly=True, samesite="lax"
    )


async def viewer_of(request: Request) -> Viewer | None:
    """Who is signed in with this request's cookie."""
    cookie = request.cookies.get(cookie_name(request.state.settings))
    viewer: Viewer | None = await request.state.auth.viewer(cookie)
    return viewer


def signed_in(handler: Handler, *roles: Role) -> Handler:
    """Let signed-in people through (of these roles), with `request.state.viewer`; others go to the sign-in page."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        viewer = await viewer_of(request)
        if viewer is None:
            if request.headers.get("hx-request"):
                return Response(status_code=204, headers={"HX-Redirect": "/login"})
            return RedirectResponse("/login", 303)
        if roles and viewer.role not in roles:
            raise Forbidden("This page is not for your role.")
        request.state.viewer = viewer
        return await handler(request)

    return guarded
