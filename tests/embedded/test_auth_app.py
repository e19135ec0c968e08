"""The Auth service where it is used: mounted, reached without a port, above a database with triggers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from supabase_auth import AsyncGoTrueClient
from supabase_auth.errors import AuthApiError, AuthRetryableError

from server.embedded.auth_app import Keys, close_auth_app, create_auth_app
from server.embedded.postgres import Postgres
from tests.embedded.conftest import Homes

URL = "http://floorwalker/auth/v1"


@pytest.fixture(scope="module")
def own_home(homes: Homes) -> Path:
    return homes.make() / "home"


@pytest.fixture(scope="module")
def postgres(own_home: Path) -> Iterator[Postgres]:
    postgres = Postgres(own_home, settings={"fsync": "off"})
    postgres.start()
    yield postgres
    postgres.stop()


@pytest.fixture
async def admin(postgres: Postgres, own_home: Path) -> AsyncIterator[AsyncGoTrueClient]:
    keys = Keys.load_or_create(own_home)
    auth = create_auth_app(postgres.url("supabase_auth_admin"), keys, issuer=URL, outbox=own_home / "outbox")
    whole = Starlette(routes=[Mount("/auth/v1", auth)])
    headers = {"apikey": keys.secret, "Authorization": f"Bearer {keys.secret}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=whole)) as http:
        yield AsyncGoTrueClient(
            url=URL, headers=headers, http_client=http, auto_refresh_token=False, persist_session=False
        )
    await close_auth_app(auth)


async def test_mounted_it_answers_without_a_port(admin: AsyncGoTrueClient) -> None:
    user = (
        await admin.admin.create_user(
            {"email": "ana@example.com", "password": "floorwalker", "email_confirm": True}
        )
    ).user
    reply = await admin.sign_in_with_password({"email": "ana@example.com", "password": "floorwalker"})
    assert reply.session is not None
    claims = await admin.get_claims(reply.session.access_token)
    assert claims is not None
    assert claims["claims"]["iss"] == URL
    await admin.admin.delete_user(user.id)


async def test_triggers_see_the_order_of_the_real_server(
    postgres: Postgres, admin: AsyncGoTrueClient
) -> None:
    """App metadata comes in an update after the insert, in the same transaction."""
    owner = await asyncpg.connect(postgres.url("postgres"))
    await owner.execute(
        """
        create table public.seen (id bigserial primary key, what text, role text, confirmed bool, tx xid8);
        create function public.see() returns trigger language plpgsql security definer as $$
        begin
          insert into public.seen (what, role, confirmed, tx) values
            (tg_op, new.raw_app_meta_data ->> 'app_role', new.email_confirmed_at is not null, pg_current_xact_id());
          return new;
        end $$;
        create trigger seen after insert or update of raw_app_meta_data, email_confirmed_at on auth.users
          for each row execute function public.see();
        """
    )
    user = (
        await admin.admin.create_user(
            {
                "email": "bo@example.com",
                "password": "floorwalker",
                "email_confirm": True,
                "app_metadata": {"app_role": "supervisor"},
            }
        )
    ).user
    rows = await owner.fetch("select what, role, confirmed, tx from public.seen order by id")
    assert [(row["what"], row["role"], row["confirmed"]) for row in rows] == [
        ("INSERT", None, False),
        ("UPDATE", "supervisor", False),
        ("UPDATE", "supervisor", True),
    ]
    assert len({row["tx"] for row in rows}) == 1
    await owner.execute("drop function public.see() cascade; drop table public.seen")
    await owner.close()
    await admin.admin.delete_user(user.id)


async def test_a_refusal_of_the_database_is_an_answer(postgres: Postgres, admin: AsyncGoTrueClient) -> None:
    user = (await admin.admin.create_user({"email": "cy@example.com", "password": "floorwalker"})).user
    owner = await asyncpg.connect(postgres.url("postgres"))
    await owner.execute(
        "create table public.history (who uuid references auth.users (id) on delete restrict)"
    )
    await owner.execute("insert into public.history values ($1)", user.id)
    with pytest.raises(AuthApiError, match="Database error deleting user"):
        await admin.admin.delete_user(user.id)
    await owner.execute("drop table public.history")
    await owner.close()
    await admin.admin.delete_user(user.id)


async def test_it_outlives_its_database(postgres: Postgres, admin: AsyncGoTrueClient) -> None:
    assert await admin.admin.list_users() == []
    postgres.stop()
    with pytest.raises(AuthRetryableError, match="The database does not answer"):
        await admin.admin.list_users()
    postgres.start()
    for _ in range(20):
        try:
            assert await admin.admin.list_users() == []
        except AuthRetryableError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("it never answered again")
