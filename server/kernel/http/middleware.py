"""Middleware in front of every page: headers, host names, and that writes come from our own pages.

Each class returns the awaitable of what it calls instead of awaiting it, here and in measured, forms and bodies: a request
that waits behind them would take 1.8 times as much memory with a frame of each (bench optimisations).
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import Forbidden, RequestError
from server.settings import LOOPBACK, Settings

_HOST = re.compile(r"(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?", re.ASCII)
_HOSTS = 100  # host names (with ports) that are remembered
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
UNCACHED = "private, no-store"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


Origin: TypeAlias = tuple[str, str, int]  # scheme, host, port


Refuse = Callable[[HTTPConnection, RequestError], ASGIApp]


def security_headers(settings: Settings) -> dict[str, str]:
    """The headers of every answer; over https also Strict-Transport-Security."""
    return HEADERS if loopback(settings) else HEADERS | {"Strict-Transport-Security": "max-age=31536000"}


class SecurityHeaders:
    """Adds the headers to every answer, and forbids caching of everything but static files."""

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
    """Refuses other host names. A name that was accepted before passes at once, because it is parsed only once.

    A known name takes 2.8 times as long in Starlette's TrustedHostMiddleware (bench optimisations).
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed_hosts)
        self._known: set[bytes] = set()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] not in ("http", "websocket"):
            return self._app(scope, receive, send)
        host = _host(scope)
        if host in self._known:
            return self._app(scope, receive, send)
        if "*" not in self._allowed and (host is None or host_name(host) not in self._allowed):
            return PlainTextResponse("Invalid host header", 400)(scope, receive, send)
        if host is not None and len(self._known) < _HOSTS:
            self._known.add(host)
        return self._app(scope, receive, send)


def host_name(host: bytes) -> str | None:
    """localhost:8000 → localhost, [::1]:8000 → ::1; None when it is not a host with an optional port."""
    found = _HOST.fullmatch(host.decode("latin-1").lower())
    return found[1] or found[2] if found else None


def _host(scope: Scope) -> bytes | None:
    found = [value for name, value in scope.get("headers", ()) if name == b"host"]
    return found[0] if len(found) == 1 else None


class SameOrigin:
    """Refuses unsafe methods from another origin. A program sends neither Sec-Fetch-Site nor Origin, and passes.

    Sec-Fetch-Site counts where the browser sends it. Older browsers, and every browser over plain http to another machine,
    send only Origin: it must be the address of this server. That is PUBLIC_URL where it is set, because a proxy in front
    may use another host name.
    """

    def __init__(self, app: ASGIApp, *, public_url: str | None, refuse: Refuse) -> None:
        self.app, self.refuse = app, refuse
        self._own = _origin(public_url) if public_url else None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and self._foreign(scope):
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
    """Scheme, host and port of an address without a path."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        return None
    return parts.scheme, parts.hostname, port


def loopback(settings: Settings) -> bool:
    """Whether people reach the server only from this machine and over http."""
    return settings.host in LOOPBACK and not (settings.public_url or "").startswith("https:")


def trusted_hosts(settings: Settings) -> list[str]:
    """The host names that are answered; any name when the server listens on all addresses without PUBLIC_URL."""
    if settings.public_url:
        return [urlsplit(settings.public_url).hostname or "*", settings.host, *LOOPBACK]
    return ["*"] if settings.host not in LOOPBACK else sorted(LOOPBACK)
