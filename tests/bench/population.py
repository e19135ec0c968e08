"""A floor for the load client: supervisors signed in, agents with keys, an active interaction of each."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from uuid import UUID, uuid4

from cryptography.fernet import Fernet

from server.embedded.keys import Keys
from server.embedded.postgres import SUPERUSER
from server.kernel.auth import digest
from tests.app_server import AppServer
from tests.bench import contact_centre

_SIGNED_IN = 6 * 3600  # seconds; ten million interactions take most of an hour to make
_PEOPLE = """
select u.id, u.role, array(select a.id from public.agents a where a.supervisor_id = u.id order by a.slot) as agents
from public.users u where u.email like 'bench-%' order by u.username
"""
_ADMINS = """
with person as (
  insert into auth.users (id, email, raw_app_meta_data, raw_user_meta_data)
  select gen_random_uuid(), 'bench-admin-' || n || '@example.com', '{"app_role": "admin"}',
    jsonb_build_object('name', 'Admin ' || n)
  from generate_series(1, $1::integer) n returning id)
select id from person
"""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Somebody signed in: their cookie's value."""

    id: UUID
    cookie: str


@dataclass(frozen=True, slots=True)
class Worker:
    """An agent with a key, its supervisor and its active interaction."""

    key: str
    supervisor: UUID
    interaction: UUID


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody of a floor."""

    supervisors: list[Watcher]
    admins: list[Watcher]
    workers: list[Worker]


async def create(app_server: AppServer, supervisors: int, admins: int, interactions: int) -> Population:
    """Make them in the app server's database; signed in as the web process would have done it, without its sign-in page."""
    async with app_server.database(SUPERUSER) as db:
        await contact_centre.hire(db, supervisors)
        admin_ids = [row["id"] for row in await db.fetch(_ADMINS, admins)]
        people = await db.fetch(_PEOPLE)
        watched = [Watcher(row["id"], secrets.token_urlsafe(32)) for row in people if row["role"] != "admin"]
        admin_watchers = [Watcher(one, secrets.token_urlsafe(32)) for one in admin_ids]
        await _sign_in(app_server, db, watched + admin_watchers)
        agents = [(agent, row["id"]) for row in people for agent in row["agents"]][:interactions]
        keys = ["fw_" + secrets.token_urlsafe(32) for _ in agents]
        await db.executemany(
            "insert into public.agent_keys (agent_id, key_hash, hint) values ($1, $2, 'bench')",
            [(agent, digest(key)) for (agent, _), key in zip(agents, keys, strict=True)],
        )
        rows = await db.fetch(
            """insert into public.interactions (agent_id, interaction_type)
            select a.id, a.agent_type from unnest($1::uuid[]) with ordinality g (id, n) join public.agents a on a.id = g.id order by g.n
            returning id, agent_id""",
            [agent for agent, _ in agents],
        )
        started = {row["agent_id"]: row["id"] for row in rows}
        # As after five minutes: what a card shows has its full length.
        await db.execute(
            "update public.interaction_pulse set scores = array(select 50 + n % 7 from generate_series(1, 60) n)"
        )
        await db.execute("vacuum analyze")
    workers = [
        Worker(key, supervisor, started[agent]) for (agent, supervisor), key in zip(agents, keys, strict=True)
    ]
    return Population(watched, admin_watchers, workers)


def part(everybody: Population, share: float) -> Population:
    """The first supervisors with their agents, and all admins."""
    watchers = everybody.supervisors[: round(len(everybody.supervisors) * share)]
    ids = {one.id for one in watchers}
    return Population(
        watchers, everybody.admins, [worker for worker in everybody.workers if worker.supervisor in ids]
    )


async def _sign_in(app_server: AppServer, db: contact_centre.Connection, watchers: list[Watcher]) -> None:
    keys = Keys.load_or_create(app_server.home)
    box = Fernet(
        base64.urlsafe_b64encode(hashlib.sha256((app_server.home / "secret-key").read_bytes()).digest())
    )
    now = int(time.time())
    rows = []
    for watcher in watchers:
        token = keys.sign(
            {
                "sub": str(watcher.id),
                "role": "authenticated",
                "aud": "authenticated",
                "iss": f"{app_server.url}/auth/v1",
                "session_id": str(uuid4()),
                "iat": now,
                "exp": now + _SIGNED_IN,
            }
        )
        sealed = box.encrypt(token.encode())
        rows.append((digest(watcher.cookie), watcher.id, sealed, sealed))
    await db.executemany(
        """insert into private.web_sessions (token_hash, user_id, access_token, refresh_token, expires_at)
        values ($1, $2, $3, $4, now() + make_interval(secs => $5))""",
        [(*row, _SIGNED_IN) for row in rows],
    )
