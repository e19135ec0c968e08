"""Passwords open sessions, refresh tokens rotate, and a token used too late ends its session."""

import asyncio
import time
from typing import Any

import httpx
import jwt
import pytest
from supabase_auth import AsyncGoTrueClient
from supabase_auth.errors import AuthApiError

from tests.auth_contract.conftest import PASSWORD, Person, SignIn, Target, bearer, claims_of, said


async def refused(attempt: object) -> tuple[int, str | None]:
    with pytest.raises(AuthApiError) as refusal:
        await attempt  # type: ignore[misc]
    return refusal.value.status, refusal.value.code


# Case 4
async def test_sign_in_gives_tokens_and_the_person(
    target: Target, raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    user = await person(app_metadata={"team": "night"}, user_metadata={"name": "Ana"})
    session = await sign_in(user)
    assert session.token_type == "bearer"
    assert session.expires_at is not None
    assert abs(session.expires_at - time.time() - session.expires_in) < 10
    assert session.refresh_token
    assert session.user.id == user.id
    assert session.user.last_sign_in_at is not None
    published = (await raw.get("/.well-known/jwks.json")).json()["keys"]
    assert jwt.get_unverified_header(session.access_token)["kid"] in {key["kid"] for key in published}
    claims = claims_of(session.access_token)
    assert claims["iss"] == target.url
    assert claims["aud"] == claims["role"] == "authenticated"
    assert claims["sub"] == user.id
    assert claims["email"] == user.email
    assert claims["session_id"]
    assert claims["aal"] == "aal1"
    assert [entry["method"] for entry in claims["amr"]] == ["password"]
    assert abs(claims["amr"][0]["timestamp"] - time.time()) < 60
    assert claims["app_metadata"]["team"] == "night"
    assert claims["user_metadata"]["name"] == "Ana"
    assert claims["is_anonymous"] is False
    assert claims["exp"] - claims["iat"] == session.expires_in


async def test_the_client_verifies_our_tokens(
    client: AsyncGoTrueClient, person: Person, sign_in: SignIn
) -> None:
    user = await person()
    reply = await client.get_claims((await sign_in(user)).access_token)
    assert reply is not None
    assert reply["claims"]["sub"] == user.id


async def test_an_address_is_known_in_any_case(client: AsyncGoTrueClient, person: Person) -> None:
    user = await person()
    reply = await client.sign_in_with_password({"email": (user.email or "").upper(), "password": PASSWORD})
    assert reply.user is not None
    assert reply.user.id == user.id


# Cases 5, 6
async def test_a_wrong_password_and_an_unknown_address_look_alike(
    client: AsyncGoTrueClient, person: Person
) -> None:
    email = (await person()).email or ""
    wrong = client.sign_in_with_password({"email": email, "password": "not-this-one"})
    assert await refused(wrong) == (400, "invalid_credentials")
    unknown = client.sign_in_with_password({"email": f"un{email}", "password": PASSWORD})
    assert await refused(unknown) == (400, "invalid_credentials")
    endless = client.sign_in_with_password({"email": email, "password": "x" * 1000})
    assert await refused(endless) == (400, "invalid_credentials")


# Case 10
async def test_the_banned_do_not_come_in(client: AsyncGoTrueClient, person: Person) -> None:
    user = await person(ban_duration="24h")
    attempt = client.sign_in_with_password({"email": user.email or "", "password": PASSWORD})
    assert await refused(attempt) == (400, "user_banned")


# Case 11
async def test_the_unconfirmed_do_not_come_in(client: AsyncGoTrueClient, person: Person) -> None:
    user = await person(email_confirm=False)
    attempt = client.sign_in_with_password({"email": user.email or "", "password": PASSWORD})
    assert await refused(attempt) == (400, "email_not_confirmed")


# Case 12
async def test_a_refresh_keeps_the_session(raw: httpx.AsyncClient, person: Person, sign_in: SignIn) -> None:
    session = await sign_in(await person())
    fresh = await refresh(raw, session.refresh_token)
    assert fresh["refresh_token"] != session.refresh_token
    before, after = claims_of(session.access_token), claims_of(fresh["access_token"])
    assert (after["session_id"], after["amr"]) == (before["session_id"], before["amr"])


# Case 13
async def test_the_parent_token_gives_the_current_one(
    raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    current = await refresh(raw, session.refresh_token)
    again = await refresh(raw, session.refresh_token)
    assert again["refresh_token"] == current["refresh_token"]
    assert (await refresh(raw, current["refresh_token"]))["refresh_token"] != current["refresh_token"]


# Case 14
async def test_an_old_refresh_token_ends_the_session(
    target: Target, raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    parent = await refresh(raw, session.refresh_token)
    current = await refresh(raw, parent["refresh_token"])
    if target.keys is None:
        await asyncio.sleep(11)  # the real server forgives for ten seconds
    late = await ask_to_refresh(raw, session.refresh_token)
    assert said(late) == (400, "refresh_token_already_used")
    assert (await ask_to_refresh(raw, current["refresh_token"])).status_code == 400
    if target.keys is not None:  # older settings of the real server let the access token live out its hour
        reply = await raw.get("/user", headers={"Authorization": f"Bearer {current['access_token']}"})
        assert said(reply) == (403, "session_not_found")


# Case 15
async def test_parallel_refreshes_do_not_lose_the_session(
    raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    replies = await asyncio.gather(*(ask_to_refresh(raw, session.refresh_token) for _ in range(12)))
    assert {reply.status_code for reply in replies} <= {200, 409}
    current = {reply.json()["refresh_token"] for reply in replies if reply.status_code == 200}
    assert len(current) == 1
    await refresh(raw, current.pop())


# Case 16
@pytest.mark.parametrize("nonsense", ["nonsense", "", "a" * 500])
async def test_a_nonsense_refresh_token_is_refused(raw: httpx.AsyncClient, nonsense: str) -> None:
    assert (await ask_to_refresh(raw, nonsense)).status_code == 400


async def test_the_banned_do_not_refresh(
    raw: httpx.AsyncClient, admin: AsyncGoTrueClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    await admin.admin.update_user_by_id(session.user.id, {"ban_duration": "24h"})
    reply = await ask_to_refresh(raw, session.refresh_token)
    assert said(reply) == (400, "user_banned")
    await admin.admin.update_user_by_id(session.user.id, {"ban_duration": "none"})
    assert (await raw.get("/user", headers=bearer(session))).status_code == 200


async def ask_to_refresh(raw: httpx.AsyncClient, token: str) -> httpx.Response:
    return await raw.post("/token?grant_type=refresh_token", json={"refresh_token": token})


async def refresh(raw: httpx.AsyncClient, token: str) -> dict[str, Any]:
    reply = await ask_to_refresh(raw, token)
    assert reply.status_code == 200, reply.text
    fresh: dict[str, Any] = reply.json()
    return fresh
