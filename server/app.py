"""create_app(): middleware, the areas' routes, lifespan and error pages."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypedDict

import httpx
import structlog
from sse_starlette.sse import SendTimeoutError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import __version__, api, bodies, db, forms, guard, metrics, static_files, sweeper, web
from server.accounts import views as accounts
from server.agents import api as agents_api
from server.agents import views as agents
from server.auth import Auth
from server.errors import NotFound, RequestError, Unavailable
from server.floor import views as floor
from server.hub import Hub
from server.interactions import api as interactions_api
from server.interactions import views as interactions
from server.interactions.realtime_metrics import Recorder
from server.leaderboard import views as leaderboard
from server.people import first_admin as first_admin_page
from server.people import views as people
from server.people.first_admin import FirstAdmin
from server.permissions import api as permissions_api
from server.permissions import tool_grants_views
from server.permissions import views as permissions
from server.rates import Limits
from server.settings import AUTH_PATH, Settings
from server.stream import Streams, signed_out
from server.supabase import Administration, within
from server.system import views as system

if TYPE_CHECKING:
    from server.fanout import Fanout

CALLS = [*agents_api.CALLS, *interactions_api.CALLS, *permissions_api.CALLS]
WATCHED = {"floor": floor.watch, "wallboard": floor.watch, "interaction": interactions.watch}
_AUTH_TIMEOUT = httpx.Timeout(
    10, read=35
)  # a letter takes longest; each question has its own limit within (supabase)
_NEARLY_FULL = 0.9  # of the queue of notifications: when it is full, nothing that notifies can be committed
_RECOGNITION = 2.0  # seconds to find out who is refused
_REVIVAL = 1.0  # seconds between the death of a task and its next life

log = structlog.get_logger(__name__)


class State(TypedDict):
    """What every request finds in `request.state`."""

    settings: Settings
    db: db.Database
    hub: Hub
    streams: Streams
    auth: Auth
    administration: Administration | None  # where the project's secret key is known
    first_admin: FirstAdmin | None  # where an embedded home is reached by others
    limits: Limits
    recorder: Recorder
    known_agents: api.KnownAgents
    closing: asyncio.Event


class App:
    """The application and what must be told before it can stop."""

    def __init__(
        self, settings: Settings, auth_app: ASGIApp | None, first_admin: FirstAdmin | None = None
    ) -> None:
        self.settings, self.auth_app, self.first_admin = settings, auth_app, first_admin
        self.closing = asyncio.Event()
        self.bodies = bodies.Bodies()
        self.streams: Streams | None = None
        self.hub: Hub | None = None

    def close_streams(self) -> None:
        """End what would keep the server waiting: streams, agents' long polls, bodies that do not come."""
        self.closing.set()
        self.bodies.close()
        if self.streams is not None and self.hub is not None:
            self.streams.close()
            self.hub.ring_all()

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[State]:
        """Open the pool, start the tasks; end them in reverse."""
        settings = self.settings
        assert settings.database_url
        assert settings.supabase_publishable_key
        assert settings.secret_key
        transport = within(self.auth_app) if self.auth_app else None
        async with (
            db.connect(settings.database_url) as database,
            httpx.AsyncClient(transport=transport, timeout=_AUTH_TIMEOUT) as http,
        ):
            await _configure(database, settings)
            self.hub = hub = Hub(
                settings.database_listen_url or settings.database_url, fanout=_fanout(settings)
            )
            self.streams = streams = Streams(database, hub, settings.streams_per_account)
            recorder = Recorder(database)
            limits = Limits(settings)
            jwt_secret, supabase_key = settings.supabase_jwt_secret, settings.supabase_secret_key
            auth = Auth(
                database,
                http,
                limits,
                url=settings.auth_url,
                apikey=settings.supabase_publishable_key.get_secret_value(),
                secret_key=settings.secret_key.get_secret_value(),
                jwt_secret=jwt_secret.get_secret_value() if jwt_secret else None,
            )
            tasks = [
                asyncio.create_task(_keep(name, work), name=name)
                for name, work in {
                    "hub": hub.listen,
                    "streams": streams.run,
                    "sessions": streams.check_sessions,
                    "recorder": recorder.run,
                    "letters": auth.run,
                    "sweeper": lambda: sweeper.run(database),
                }.items()
            ]
            yield State(
                settings=settings,
                db=database,
                hub=hub,
                streams=streams,
                auth=auth,
                administration=Administration(
                    http, url=settings.auth_url, secret=supabase_key.get_secret_value()
                )
                if supabase_key
                else None,
                first_admin=self.first_admin,
                limits=limits,
                recorder=recorder,
                known_agents=api.KnownAgents(auth, hub),
                closing=self.closing,
            )
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _fanout(settings: Settings) -> "Fanout | None":
    if settings.fanout_url is None:
        return None
    from server.fanout import Fanout  # with its library, 7 MB that most do without

    return Fanout(settings.fanout_url)


async def _keep(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run what lives as long as the process; whatever ends it is logged, and it starts again."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("task_died", task=name)
        await asyncio.sleep(_REVIVAL)


async def _configure(database: db.Database, settings: Settings) -> None:
    names = [
        "permission_seconds",
        "stale_seconds",
        "reap_seconds",
        "metrics_hours",
        "archive_days",
        "pending_per_agent",
    ]
    try:
        await database.call("select private.configure($1)", {name: getattr(settings, name) for name in names})
    except Unavailable as error:
        log.warning("settings_not_written", reason=error.detail)  # the database may come later


def create_app(
    settings: Settings, auth_app: ASGIApp | None = None, first_admin: FirstAdmin | None = None
) -> tuple[Starlette, App]:
    """The application, and the handle that ends its streams. `auth_app`: the embedded Auth service."""
    parts, calls = App(settings, auth_app, first_admin), api.routes(CALLS)
    routes: list[BaseRoute] = [
        *floor.ROUTES,
        *accounts.ROUTES,
        *agents.ROUTES,
        *permissions.ROUTES,
        *tool_grants_views.ROUTES,
        *interactions.ROUTES,
        *leaderboard.ROUTES,
        *people.ROUTES,
        *first_admin_page.ROUTES,
        *system.ROUTES,
        *calls,
        Route("/api", _api_page),
        Route("/api/openapi.json", _openapi),
        Route("/favicon.ico", lambda _: RedirectResponse(web.static("icons/favicon.svg"), 301)),
        Route("/healthz", _health),
        Route("/readyz", _ready),
        Route("/metrics", _metrics),
        Mount("/static", static_files.Static(directory=web.ROOT / "static"), name="static"),
    ]
    if auth_app is not None:
        routes.append(Mount(AUTH_PATH, auth_app))
    app = Starlette(
        routes=routes,
        lifespan=parts.lifespan,
        middleware=[
            Middleware(_Measured),
            Middleware(guard.SecurityHeaders, headers=guard.security_headers(settings)),
            Middleware(guard.TrustedHosts, allowed_hosts=guard.trusted_hosts(settings)),
            Middleware(guard.SameOrigin, public_url=settings.public_url, refuse=_refuse),
            Middleware(forms.Utf8Forms, refuse=_refuse),
            Middleware(bodies.BodyLimit, refuse=_refuse, bodies=parts.bodies),
            Middleware(_Shortcuts, calls=calls),
        ],
        exception_handlers={RequestError: _on_refusal, HTTPException: _on_http, Exception: _on_fault},
    )
    return app, parts


def _refuse(connection: HTTPConnection, error: RequestError) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await (await _refusal(connection, error))(scope, receive, send)

    return answer


async def _refusal(connection: HTTPConnection, error: RequestError) -> Response:
    """A problem for programs, a line of text for a fragment, and for a person a page in the frame they know."""
    if _is_api(connection):
        return api.problem(error)
    fragment = connection.headers.get("hx-request") is not None
    if not (fragment or isinstance(error, Unavailable) or hasattr(connection.state, "viewer")):
        with suppress(Exception):  # whatever it is, the page is shown without the frame then
            async with asyncio.timeout(_RECOGNITION):
                connection.state.viewer = await guard.viewer_of(Request(connection.scope))
    return web.error(connection, error)


def _is_api(connection: HTTPConnection) -> bool:
    return connection.url.path.startswith("/api/")


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return await _refusal(request, error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    word = (
        NotFound("There is nothing at this address.")
        if error.status_code == 404
        else RequestError(error.detail)
    )
    word.status, word.title = error.status_code, error.detail
    answer = await _refusal(request, word)
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


async def _on_fault(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, exc_info=error)
    word = RequestError("Something went wrong on our side; it has been written to the log.")
    word.status, word.title = 500, "Our fault"
    answer = await _refusal(request, word)
    # Here we are outside of all middleware, and uvicorn closes the connection after us without a word.
    answer.headers.update(guard.security_headers(request.state.settings))
    answer.headers.update({"Cache-Control": guard.UNCACHED, "Connection": "close"})
    return answer


async def _openapi(_request: Request) -> Response:
    return JSONResponse(api.document(CALLS, "Floorwalker agent API", __version__))


async def _api_page(request: Request) -> Response:
    return web.render(request, "api.html", document=api.document(CALLS, "Floorwalker agent API", __version__))


async def _health(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def _ready(request: Request) -> Response:
    found = {"database": True, "listener": request.state.hub.live, "notifications": True}
    try:
        rows = await request.state.db.call("select pg_catalog.pg_notification_queue_usage() as used")
        found["notifications"] = rows[0]["used"] < _NEARLY_FULL
    except RequestError:
        found["database"] = False
    return JSONResponse(found, 200 if all(found.values()) else 503)


async def _metrics(request: Request) -> Response:
    if request.client is None or request.client.host not in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        raise NotFound("There is nothing at this address.")
    metrics.STREAMS.set(len(request.state.streams))
    metrics.HUB_LIVE.set(request.state.hub.live)
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4")


class _Measured:
    """Counts answers and the time to their first byte."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        return self.app(scope, receive, partial(self._measured, scope["method"], time.perf_counter(), send))

    def _measured(self, method: str, start: float, send: Send, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            metrics.DURATION.observe(time.perf_counter() - start)
            metrics.answered(method, message["status"]).inc()
        return send(message)


class _Shortcuts:
    """What is asked most, or stays longest, is answered before the router, whose frames would be kept beside it.

    /stream is the stream of a page that this viewer may watch; for nobody one close event.
    """

    def __init__(self, app: ASGIApp, calls: Sequence[Route]) -> None:
        self.app = app
        self._calls: dict[str, list[Route]] = {}
        for call in calls:
            for method in call.methods or ():
                self._calls.setdefault(method, []).append(call)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            if scope["path"] == "/stream" and scope["method"] in ("GET", "HEAD"):
                return self._stream(scope, receive, send)
            if scope["path"].startswith(api.PREFIX):
                for call in self._calls.get(scope["method"], ()):
                    match, found = call.matches(scope)
                    if match is Match.FULL:
                        scope.update(found)
                        return call.app(scope, receive, send)
        return self.app(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(Request(scope, receive))
        except RequestError as error:
            answer = await _refusal(HTTPConnection(scope), error)
        with suppress(SendTimeoutError):  # a laptop that sleeps is nobody's fault; the connection is cut
            await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        viewer = await guard.viewer_of(request)
        if viewer is None:
            answer = signed_out()
            guard.drop_doubtful(answer, request)
            return answer
        watch = WATCHED.get(request.query_params.get("page", ""))
        if watch is None:
            raise NotFound("There is no such page to stream.")
        streams: Streams = request.state.streams
        return streams.response(await watch(request, viewer), viewer)
