"""create_app() assembles the application: middleware, the routes of all areas, and the tasks of the process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypedDict

import httpx
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from server import FILES
from server.accounts import jobs as accounts_jobs
from server.accounts import views as accounts
from server.agents import agent_keys_views, agent_tools_views, agent_versions_views, setup_steps_views
from server.agents import api as agents_api
from server.agents import jobs as agents_jobs
from server.agents import pages as agents_pages
from server.agents import views as agents
from server.alerts import alert_rules_views
from server.alerts import pages as alerts_pages
from server.alerts import views as alerts
from server.docs import views as docs
from server.errors import NotFound
from server.floor import pages as floor_pages
from server.floor import views as floor
from server.interactions import api as interactions_api
from server.interactions import interaction_search_views
from server.interactions import pages as interactions_pages
from server.interactions import views as interactions
from server.interactions.realtime_metrics import Recorder
from server.kernel import db, http
from server.kernel.auth import Administration, Auth, Limits, within
from server.kernel.db import sweeper
from server.kernel.live import HeldSettings, Hub, KnownAgents, Page, Shortcuts, Streams
from server.kernel.providers import PushKeys
from server.leaderboard import views as leaderboard
from server.people import first_admin as first_admin_page
from server.people import views as people
from server.people.first_admin import FirstAdmin
from server.permissions import api as permissions_api
from server.permissions import decision_rows_views, drills_views, tool_grants_views, tool_permissions_views
from server.permissions import jobs as permissions_jobs
from server.permissions import views as permissions
from server.settings import AUTH_PATH, Settings
from server.system import setting_changes_views
from server.system import views as system

if TYPE_CHECKING:
    from server.kernel.live.fanout import Fanout

CALLS = [*agents_api.CALLS, *interactions_api.CALLS, *permissions_api.CALLS]
PAGES: list[Page[Any]] = [
    *floor_pages.PAGES,
    *interactions_pages.PAGES,
    *agents_pages.PAGES,
    *alerts_pages.PAGES,
]
# Seconds. Sending an e-mail takes longest; each kind of request has a shorter limit of its own (auth/supabase.py).
_AUTH_TIMEOUT = httpx.Timeout(10, read=35)
_RESTART_PAUSE = 1.0  # seconds until a task that died starts again

log = structlog.get_logger(__name__)


class State(TypedDict):
    """The content of `request.state`."""

    settings: Settings
    db: db.Database
    hub: Hub
    streams: Streams
    auth: Auth
    administration: Administration | None  # None without the secret key of the project
    first_admin: FirstAdmin | None  # only for an embedded home that other machines reach
    limits: Limits
    recorder: Recorder
    known_agents: KnownAgents
    push_keys: PushKeys | None  # None without VAPID_PRIVATE_KEY
    closing: asyncio.Event


class App:
    """The application, and what has to end before it can stop."""

    def __init__(
        self, settings: Settings, auth_app: ASGIApp | None, first_admin: FirstAdmin | None = None
    ) -> None:
        self.settings, self.auth_app, self.first_admin = settings, auth_app, first_admin
        self.closing = asyncio.Event()
        self.bodies = http.Bodies()
        self.streams: Streams | None = None
        self.hub: Hub | None = None

    def close_streams(self) -> None:
        """End what would delay the stop: streams, requests that wait, and bodies that do not arrive."""
        self.closing.set()
        self.bodies.close()
        if self.streams is not None and self.hub is not None:
            self.streams.close()
            self.hub.topics.notify_missed()

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[State]:
        """Open the pool and start the tasks; end them in reverse order."""
        settings = self.settings
        assert settings.database_url
        assert settings.supabase_publishable_key
        assert settings.secret_key
        transport = within(self.auth_app) if self.auth_app else None
        async with (
            db.connect(settings.database_url) as database,
            httpx.AsyncClient(transport=transport, timeout=_AUTH_TIMEOUT) as auth_client,
        ):
            self.hub = hub = Hub(
                settings.database_listen_url or settings.database_url, fanout=_fanout(settings)
            )
            held = HeldSettings(database, hub, settings)
            await held.write()
            self.streams = streams = Streams(database, hub, settings.streams_per_account)
            recorder = Recorder(database)
            limits = Limits(settings)
            jwt_secret, supabase_key = settings.supabase_jwt_secret, settings.supabase_secret_key
            auth = Auth(
                database,
                auth_client,
                limits,
                url=settings.auth_url,
                apikey=settings.supabase_publishable_key.get_secret_value(),
                secret_key=settings.secret_key.get_secret_value(),
                jwt_secret=jwt_secret.get_secret_value() if jwt_secret else None,
            )
            known_agents = KnownAgents(auth, hub)
            work: dict[str, Callable[[], Awaitable[None]]] = {
                "hub": hub.listen,
                "settings": held.run,
                "streams": streams.run,
                "sessions": streams.check_sessions,
                "recorder": recorder.run,
                "emails": auth.run,
                "key uses": lambda: known_agents.run(database),
                "sweeper": lambda: sweeper.run(database),
                "deliveries": lambda: agents_jobs.run(database, private=settings.webhooks_private),
                "drills": lambda: permissions_jobs.run(database, streams, settings.drill_minutes),
            }
            push_keys = _push_keys(settings)
            if push_keys is not None:
                work["pushes"] = lambda: accounts_jobs.run(
                    database, push_keys, private=settings.webhooks_private
                )
            tasks = [asyncio.create_task(_keep(name, run), name=name) for name, run in work.items()]
            yield State(
                settings=settings,
                db=database,
                hub=hub,
                streams=streams,
                auth=auth,
                administration=Administration(
                    auth_client, url=settings.auth_url, secret=supabase_key.get_secret_value()
                )
                if supabase_key
                else None,
                first_admin=self.first_admin,
                limits=limits,
                recorder=recorder,
                known_agents=known_agents,
                push_keys=push_keys,
                closing=self.closing,
            )
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _fanout(settings: Settings) -> "Fanout | None":
    if settings.fanout_url is None:
        return None
    from server.kernel.live.fanout import Fanout  # its library takes 7 MB, and most servers do not need it

    return Fanout(settings.fanout_url)


def _push_keys(settings: Settings) -> PushKeys | None:
    if settings.vapid_private_key is None or settings.vapid_subject is None:
        return None
    return PushKeys.of(settings.vapid_private_key.get_secret_value(), settings.vapid_subject)


async def _keep(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run a task while the process runs. An error that ends it is logged, and it starts again; pages are stale meanwhile."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("task_died", task=name)
        await asyncio.sleep(_RESTART_PAUSE)


def create_app(
    settings: Settings, auth_app: ASGIApp | None = None, first_admin: FirstAdmin | None = None
) -> tuple[Starlette, App]:
    """The application, and the handle that ends its streams. `auth_app` is the embedded Auth service."""
    parts, calls = App(settings, auth_app, first_admin), http.routes(CALLS)
    routes: list[BaseRoute] = [
        *floor.ROUTES,
        *accounts.ROUTES,
        *agents.ROUTES,
        *agent_versions_views.ROUTES,
        *agent_tools_views.ROUTES,
        *agent_keys_views.ROUTES,
        *setup_steps_views.ROUTES,
        *decision_rows_views.ROUTES,
        *drills_views.ROUTES,
        *permissions.ROUTES,
        *tool_grants_views.ROUTES,
        *tool_permissions_views.ROUTES,
        *interaction_search_views.ROUTES,
        *interactions.ROUTES,
        *alert_rules_views.ROUTES,
        *alerts.ROUTES,
        *leaderboard.ROUTES,
        *people.ROUTES,
        *first_admin_page.ROUTES,
        *system.ROUTES,
        *setting_changes_views.ROUTES,
        *docs.routes(CALLS),
        *calls,
        Route("/stream", _stream),
        Route("/favicon.ico", lambda _: RedirectResponse(http.static("icons/favicon.svg"), 301)),
        *http.INSTALLABLE,
        *http.PROBES,
        Mount("/static", http.Static(directory=FILES / "static"), name="static"),
    ]
    if auth_app is not None:
        routes.append(Mount(AUTH_PATH, auth_app))
    app = Starlette(
        routes=routes,
        lifespan=parts.lifespan,
        middleware=[
            Middleware(http.Measured),
            Middleware(http.SecurityHeaders, headers=http.security_headers(settings)),
            Middleware(http.TrustedHosts, allowed_hosts=http.trusted_hosts(settings)),
            Middleware(http.SameOrigin, public_url=settings.public_url, refuse=http.refuse),
            Middleware(http.Utf8Forms, refuse=http.refuse),
            Middleware(http.BodyLimit, refuse=http.refuse, bodies=parts.bodies),
            Middleware(Shortcuts, calls=calls, pages=PAGES),
            Middleware(http.compressed),  # last, so that streams and calls of agents do not pass through it
        ],
        exception_handlers=http.HANDLERS,
    )
    return app, parts


async def _stream(_request: Request) -> Response:
    """Never called for GET, which Shortcuts answers. The route exists so that another method is a 405."""
    raise NotFound("There is no such page to stream.")
