"""The walls around every request: origin, headers, size and time of a body, and who may come in.

A wall hands on what the next one returns instead of awaiting it: a stream stays for hours, and every frame with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial, wraps
from typing import TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.auth import Role, Viewer, Visitor
from server.errors import Forbidden, RequestError
from server.settings import LOOPBACK, Settings

BODY_LIMIT, BODY_SECONDS = 256 * 1024, 30.0
_TOO_LARGE = f"the body may have {BODY_LIMIT} bytes at most"
_DEVICE_SECONDS = 365 * 24 * 3600
_LONGEST_PATH = 2000
_DEEPEST = 8  # parts of an address at whose paths a second cookie is looked for; no page of ours has more
_HOSTS = 100  # names (with their ports) that are remembered
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
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
Origin: TypeAlias = tuple[str, str, int]  # scheme, host, port
Refuse = Callable[[HTTPConnection, RequestError], Response]
Handler = Callable[[Request], Awaitable[Response]]


class TooLarge(RequestError):
    """More than the body limit."""

    status, title = 413, "Too large"


class TooSlow(RequestError):
    """The body did not come."""

    status, title = 408, "Too slow"


def security_headers(settings: Settings) -> dict[str, str]:
    """What every answer says; over https also that there is nothing here without it."""
    return HEADERS if loopback(settings) else HEADERS | {"Strict-Transport-Security": "max-age=31536000"}


class SecurityHeaders:
    """Adds the headers to every answer; what is not static is never kept by a cache."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str]) -> None:
        self.app = app
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
    """Refuses unsafe methods from another origin; a program sends neither header and passes.

    What a browser says of itself (Sec-Fetch-Site) counts first. Older ones, and all of them over plain http beyond this
    machine, only say where the page was from: that must be our own address, which is PUBLIC_URL if there is one, for a
    proxy in front may call us by another name.
    """

    def __init__(self, app: ASGIApp, *, public_url: str | None, refuse: Refuse) -> None:
        self.app, self.refuse = app, refuse
        self._own = _origin(public_url) if public_url else None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] not in _SAFE_METHODS and self._foreign(scope):
            answer = self.refuse(HTTPConnection(scope), Forbidden("This request came from another site."))
            return answer(scope, receive, send)
        return self.app(scope, receive, send)

    def _foreign(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if sites := headers.getlist("sec-fetch-site"):
            return any(site not in ("same-origin", "none") for site in sites)
        origins = headers.getlist("origin")
        if not origins:
            return False
        own = self._own or _origin(f"{scope['scheme']}://{headers.get('host')}")
        return own is None or any(_origin(origin) != own for origin in origins)


def _origin(address: str) -> Origin | None:
    """Scheme, host and port of what is an address and nothing more."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        return None
    return parts.scheme, parts.hostname, port


class BodyLimit:
    """Refuses bodies over the limit, announced or not, before anybody reads them whole; and those that do not come."""

    def __init__(self, app: ASGIApp, *, refuse: Refuse, seconds: float = BODY_SECONDS) -> None:
        self.app, self.refuse, self.seconds = app, refuse, seconds

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        length = chunks = None
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                chunks = value
        if length is None and chunks is None:
            return self.app(scope, receive, send)  # HTTP/1.1 knows no body without one of them
        if length is not None and (not length.isdigit() or int(length) > BODY_LIMIT):
            return self.refuse(HTTPConnection(scope), TooLarge(_TOO_LARGE))(scope, receive, send)
        body = _Body(receive, send, self.seconds)
        return self.app(scope, body.receive, body.send)


class _Body:
    """A body on its way in: no larger than the limit, and all there in time.

    What still comes after a refusal is thrown away for a while (`protocol`): a connection that was closed at once
    would take the answer with it.
    """

    __slots__ = (
        "_answered",
        "_arrived",
        "_end",
        "_receive",
        "_seconds",
        "_seen",
        "_send",
    )

    def __init__(self, receive: Receive, send: Send, seconds: float) -> None:
        self._receive, self._send = receive, send
        self._seen, self._seconds, self._end = 0, seconds, 0.0
        self._arrived = self._answered = False

    async def receive(self) -> Message:
        if self._arrived:
            return await self._receive()  # whoever asks for more waits for the end of the connection
        now = asyncio.get_running_loop().time()
        self._end = self._end or now + self._seconds
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(TooSlow(f"the request did not arrive within {self._seconds:.0f} seconds"))
        self._seen += len(message.get("body", b""))
        if self._seen > BODY_LIMIT:
            return self._refuse(TooLarge(_TOO_LARGE))
        self._arrived = not message.get("more_body", False)
        return message

    def _refuse(self, error: RequestError) -> Message:
        if not self._answered:
            raise error
        return {"type": "http.disconnect"}  # there is an answer already: a stream, which ends

    def send(self, message: Message) -> Awaitable[None]:
        self._answered = True
        return self._send(message)


def loopback(settings: Settings) -> bool:
    """Whether people reach us only from this machine and over http."""
    return settings.host in LOOPBACK and not (settings.public_url or "").startswith("https:")


def trusted_hosts(settings: Settings) -> list[str]:
    """Names we answer to; anything when we listen to the world and nobody told us our address."""
    if settings.public_url:
        return [urlsplit(settings.public_url).hostname or "*", *LOOPBACK]
    return ["*"] if settings.host not in LOOPBACK else sorted(LOOPBACK)


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


def set_device(response: Response, settings: Settings, mark: str) -> None:
    """Leave the mark of a sign-in with the browser: there, this person is known."""
    response.set_cookie(
        _device_name(settings),
        mark,
        max_age=_DEVICE_SECONDS,
        path="/",
        secure=not loopback(settings),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, settings: Settings) -> None:
    """Take the session's id away from the browser."""
    response.delete_cookie(
        cookie_name(settings), path="/", secure=not loopback(settings), httponly=True, samesite="lax"
    )


def _device_name(settings: Settings) -> str:
    return f"{cookie_name(settings)}-device"


def drop_doubtful(response: Response, request: Request) -> None:
    """Take the session's id away where the browser has two, of which neither is believed: it signs in anew.

    Another server on this machine can set one for a part of our addresses only. Then the pages there would send to the
    sign-in page, and that one, which gets the other alone, back. So they go at every path that this request can have one
    of. Beyond plain loopback browsers keep no second one with our name.
    """
    settings = request.state.settings
    if len(_cookies(request, cookie_name(settings))) < 2:
        return
    drop_cookie(response, settings)
    path = ""
    for part in quote(request.scope["path"]).strip("/").split("/")[:_DEEPEST]:
        path += f"/{part}"
        for place in (path, f"{path}/"):
            response.delete_cookie(cookie_name(settings), path=place, httponly=True, samesite="lax")


def _cookies(request: Request, name: str) -> list[str]:
    pairs = [
        pair.partition("=") for header in request.headers.getlist("cookie") for pair in header.split(";")
    ]
    return [value.strip() for key, sign, value in pairs if sign and key.strip() == name]


def _cookie(request: Request, name: str) -> str | None:
    """The cookie of this name, if there is one. Of two, one is somebody else's doing, and none is believed."""
    found = _cookies(request, name)
    return found[0] if len(found) == 1 else None


def session_cookie(request: Request) -> str | None:
    """The session's id that this request brings."""
    return _cookie(request, cookie_name(request.state.settings))


def visitor_of(request: Request) -> Visitor:
    """Where this request is from, whoever makes it."""
    return Visitor(
        request.client.host if request.client else "",
        request.headers.get("user-agent", ""),
        _cookie(request, _device_name(request.state.settings)),
    )


async def viewer_of(request: Request) -> Viewer | None:
    """Who is signed in with this request's cookie."""
    viewer: Viewer | None = await request.state.auth.viewer(session_cookie(request))
    return viewer


def own_path(wanted: str) -> str:
    """Where somebody wanted to go, if that is a page of ours; else home. Browsers take a backslash for a slash."""
    own = wanted.startswith("/") and not wanted.startswith(("//", "/login", "/logout"))
    plain = not any(character <= " " or character in "\\\x7f" for character in wanted)
    return wanted if own and plain and len(wanted) <= _LONGEST_PATH else "/"


def _sign_in_page(request: Request) -> str:
    """The address of the sign-in page, from which one comes back to where one was."""
    wanted = "/"
    if current := request.headers.get("hx-current-url"):
        with suppress(ValueError):
            wanted = urlsplit(current)._replace(scheme="", netloc="", fragment="").geturl()
    elif request.method in _SAFE_METHODS:
        query = request.scope["query_string"].decode("latin-1")
        wanted = quote(request.scope["path"]) + (f"?{query}" if query else "")
    wanted = own_path(wanted)
    return "/login" if wanted == "/" else "/login?" + urlencode({"next": wanted})


def signed_in(handler: Handler, *roles: Role) -> Handler:
    """Let signed-in people through (of these roles), with `request.state.viewer`; others go to the sign-in page."""

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
