"""The Auth service where it is used: mounted, called without a port, on a database with triggers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import bcrypt
import httpx
import pytest
from supabase_auth.errors import AuthApiError, AuthRetryableError

from server.embedded import auth_users
from server.embedded.postgres import Postgres
from tests.embedded.conftest import Mounted

PASSWORD = "a-password-of-theirs"


async def test_mounted_it_answers_without_a_port(mounted: Mounted) -> None:
    client, admin = mounted.client(), mounted.client(secret=True).admin
    user = (
        await admin.create_user({"email": "ana@example.com", "password": PASSWORD, "email_confirm": True})
    ).user
    reply = await client.sign_in_with_password({"email": "ana@example.com", "password": PASSWORD})
    assert reply.session is not None
    claims = await client.get_claims(reply.session.access_token)
    assert claims is not None
    assert claims["claims"]["iss"] == mounted.url
    await admin.delete_user(user.id)


@asynccontextmanager
async def writing_down(mounted: Mounted) -> AsyncIterator[list[tuple[str, set[str]]]]:
    """What triggers on auth.users see: each statement with the columns it changed, all in one transaction."""
    seen: list[tuple[str, set[str]]] = []
    async with mounted.owner() as owner:
        await owner.execute(
            """
            create table public.seen (id bigserial primary key, what text, columns text[], tx xid8);
            create function public.see() returns trigger language plpgsql security definer as $$
            begin
              insert into public.seen (what, columns, tx)
              select tg_op, array(select n.key from jsonb_each(to_jsonb(new)) n
                where tg_op = 'UPDATE' and n.value is distinct from to_jsonb(old) -> n.key
                  and n.key not in ('updated_at', 'confirmed_at')), pg_current_xact_id();
              return new;
            end $$;
            create trigger seen after insert or update on auth.users for each row execute function public.see();
            """
        )
        try:
            yield seen
            rows = await owner.fetch("select what, columns, tx from public.seen order by id")
            assert len({row["tx"] for row in rows}) == 1
            seen += [(row["what"], set(row["columns"])) for row in rows]
        finally:
            await owner.execute("drop function public.see() cascade; drop table public.seen")


async def test_triggers_see_the_order_of_the_real_server(mounted: Mounted) -> None:
    """The row first, then role, app metadata, confirmation, ban: a trigger on one sees what came before."""
    admin = mounted.client(secret=True).admin
    async with writing_down(mounted) as seen:
        user = (
            await admin.create_user(
                {
                    "email": "bo@example.com",
                    "password": PASSWORD,
                    "email_confirm": True,
                    "app_metadata": {"app_role": "supervisor"},
                    "ban_duration": "1h",
                }
            )
        ).user
    assert seen == [
        ("INSERT", set()),
        ("UPDATE", {"role"}),
        ("UPDATE", {"raw_app_meta_data"}),
        ("UPDATE", {"email_confirmed_at"}),
        ("UPDATE", {"raw_user_meta_data"}),
        ("UPDATE", {"banned_until"}),
    ]
    await admin.delete_user(user.id)


async def test_so_they_do_of_an_invitation(mounted: Mounted) -> None:
    admin = mounted.client(secret=True).admin
    async with writing_down(mounted) as seen:
        link = await admin.generate_link({"type": "invite", "email": "di@example.com"})
    assert seen == [
        ("INSERT", set()),
        ("UPDATE", {"role"}),
        ("UPDATE", {"confirmation_token", "confirmation_sent_at", "invited_at"}),
    ]
    async with writing_down(mounted) as seen:
        await mounted.client().verify_otp({"type": "invite", "token_hash": link.properties.hashed_token})
    assert seen == [
        ("UPDATE", {"encrypted_password", "confirmation_token", "confirmation_sent_at"}),
        ("UPDATE", {"email_confirmed_at"}),
        ("UPDATE", {"raw_user_meta_data"}),
        ("UPDATE", set()),  # the providers, which are the same
        ("UPDATE", {"last_sign_in_at"}),
    ]
    await admin.delete_user(link.user.id)


async def test_a_refusal_of_the_database_is_an_answer(mounted: Mounted) -> None:
    admin = mounted.client(secret=True).admin
    user = (await admin.create_user({"email": "cy@example.com", "password": PASSWORD})).user
    async with mounted.owner() as owner:
        await owner.execute(
            "create table public.history (who uuid references auth.users (id) on delete restrict)"
        )
        await owner.execute("insert into public.history values ($1)", user.id)
        with pytest.raises(AuthApiError, match="Database error deleting user") as refusal:
            await admin.delete_user(user.id)
        assert (refusal.value.status, refusal.value.code) == (500, "unexpected_failure")
        await owner.execute("drop table public.history")
    await admin.delete_user(user.id)


@pytest.mark.parametrize("who", ["known", "unknown", "banned", "unconfirmed", "invited", "deleted", "odd"])
async def test_every_sign_in_costs_one_hash(
    mounted: Mounted, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """So that response times do not tell who has an account and in what state."""
    email, admin = f"{who}@example.com", mounted.client(secret=True).admin
    if who == "invited":
        await admin.generate_link({"type": "invite", "email": email})
    elif who != "unknown":
        user = (
            await admin.create_user(
                {
                    "email": email,
                    "password": PASSWORD,
                    "email_confirm": who != "unconfirmed",
                    "ban_duration": "1h" if who == "banned" else "none",
                }
            )
        ).user
        if who == "deleted":
            await admin.delete_user(user.id, should_soft_delete=True)
        if who == "odd":
            async with mounted.owner() as owner:
                await owner.execute(
                    "update auth.users set encrypted_password = 'no hash' where id = $1", user.id
                )
    costs, check = [], bcrypt.checkpw

    def counted(password: bytes, kept: bytes) -> bool:
        costs.append(kept[:7])
        return check(password, kept)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    for password in (PASSWORD, "not-this-one"):
        reply = await mounted.post("/token?grant_type=password", {"email": email, "password": password})
        assert reply.status_code == (200 if (who, password) == ("known", PASSWORD) else 400)
    assert costs == [b"$2b$10$", b"$2b$10$"]


async def test_addresses_that_mail_cannot_reach_are_refused(mounted: Mounted) -> None:
    wrong: list[Any] = ["a@b", "é@example.com", "a@exämple.com", "a@example..com", "a\r\nBcc: b@example.com"]
    for email in wrong:
        for path in ("/admin/users", "/invite", "/recover"):
            reply = await mounted.post(path, {"email": email}, secret=True)
            assert (reply.status_code, reply.json()["error_code"]) == (400, "validation_failed")


async def test_a_fault_of_ours_is_json_too(mounted: Mounted, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(auth_users, "listed", fail)
    transport = httpx.ASGITransport(app=mounted.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, headers=mounted.headers(secret=True)) as http:
        reply = await http.get(f"{mounted.url}/admin/users")
    assert (reply.status_code, reply.json()["error_code"]) == (500, "unexpected_failure")
    assert "broken" not in reply.text


async def test_it_outlives_its_database(mounted: Mounted, postgres: Postgres) -> None:
    admin = mounted.client(secret=True).admin
    people = len(await admin.list_users())
    postgres.stop()
    with pytest.raises(AuthRetryableError, match="The database does not answer"):
        await admin.list_users()
    postgres.start()
    for _ in range(20):
        try:
            assert len(await admin.list_users()) == people
        except AuthRetryableError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("it never answered again")


async def test_sessions_say_how_they_began_and_where_they_are(mounted: Mounted) -> None:
    admin, client = mounted.client(secret=True).admin, mounted.client()
    user = (
        await admin.create_user({"email": "ed@example.com", "password": PASSWORD, "email_confirm": True})
    ).user
    reply = await client.sign_in_with_password({"email": "ed@example.com", "password": PASSWORD})
    assert reply.session is not None
    question = """
      select s.user_agent, host(s.ip) as ip, s.refreshed_at, s.aal::text, m.authentication_method as method
      from auth.sessions s join auth.mfa_amr_claims m on m.session_id = s.id where s.user_id = $1
    """
    async with mounted.owner() as owner:
        row: asyncpg.Record | None = await owner.fetchrow(question, user.id)
        assert row is not None
        assert (row["ip"], row["aal"], row["method"]) == ("127.0.0.1", "aal1", "password")
        assert row["refreshed_at"] is None
        headers = {**mounted.headers(), "User-Agent": "Another Browser"}
        body = {"refresh_token": reply.session.refresh_token}
        address = f"{mounted.url}/token?grant_type=refresh_token"
        assert (await mounted.http.post(address, json=body, headers=headers)).status_code == 200
        row = await owner.fetchrow(question, user.id)
        assert row is not None
        assert (row["user_agent"], row["method"]) == ("Another Browser", "password")
        assert row["refreshed_at"] is not None
    await admin.delete_user(user.id)
