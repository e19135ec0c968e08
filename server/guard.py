"""The walls around every request: origin, headers, body size, rates, and who may come in."""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.auth import Role, Viewer
from server.errors import Forbidden, RequestError, TooMany
from server.settings import Settings

BODY_LIMIT = 256 * 1024
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
        self.headers = dict(HEADERS)
        if secure:
            self.headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers["Cache-Control"] = UNCACHED
            await send(message)

        await self.app(scope, receive, with_headers)


class SameOrigin:
    """Refuses unsafe methods from another origin; a program sends neither header and passes."""

    def __init__(self, app: ASGIApp, *, refuse: Refuse) -> None:
        self.app, self.refuse = app, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] not in _SAFE_METHODS
            and _foreign(Headers(scope=scope))
        ):
            answer = self.refuse(HTTPConnection(scope), Forbidden("This request came from another site."))
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        too_large = TooLarge(f"the body may have {BODY_LIMIT} bytes at most")
        if not announced.isdigit() or int(announced) > BODY_LIMIT:
            await self.refuse(HTTPConnection(scope), too_large)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > BODY_LIMIT:
                raise too_large
            return message

        await self.app(scope, counted, send)


class Limits:
    """Rates within this process: sign-ins an account and an address, requests an agent key."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._sign_in = RateLimitItemPerMinute(settings.login_per_minute)
        self._agent = RateLimitItemPerSecond(settings.agent_per_second)

    async def sign_in(self, email: str, address: str) -> None:
        """Count an attempt. TooMany when the account or the address had its share this minute."""
        for key in (f"account:{email.strip().lower()}", f"address:{address}"):
            if not await self._limiter.hit(self._sign_in, "sign_in", key):
                raise TooMany("Too many sign-in attempts. Please wait a minute and try again.", 60)

    async def agent(self, key_id: object) -> None:
        """Count a request. TooMany over AGENT_PER_SECOND."""
        if not await self._limiter.hit(self._agent, "agent", str(key_id)):
            raise TooMany(f"more than {self._agent.amount} requests in a second with this key", 1)


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
