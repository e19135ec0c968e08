"""Links that are mailed or handed out: each opens one session, once, for the person it was made for."""

import hashlib
import re
import secrets
from typing import Any

import httpx
import pytest
from supabase_auth import AsyncGoTrueClient
from supabase_auth.errors import AuthApiError

from tests.auth_contract.conftest import PASSWORD, Person, SignIn, bearer, claims_of, forget, said

NEW_PASSWORD = "quite-another-one"


def new_email() -> str:
    return f"{secrets.token_hex(8)}@example.com"


async def handed_out(raw_admin: httpx.AsyncClient, kind: str, email: str, **more: Any) -> dict[str, Any]:
    """The answer of generate_link."""
    reply = await raw_admin.post("/admin/generate_link", json={"type": kind, "email": email, **more})
    assert reply.status_code == 200, reply.text
    link: dict[str, Any] = reply.json()
    return link


async def redeem(raw: httpx.AsyncClient, token_hash: str, kind: str) -> httpx.Response:
    return await raw.post("/verify", json={"type": kind, "token_hash": token_hash})


# Case 34
async def test_a_recovery_link_works_once(
    client: AsyncGoTrueClient,
    admin: AsyncGoTrueClient,
    raw: httpx.AsyncClient,
    person: Person,
    sign_in: SignIn,
) -> None:
    user = await person(app_metadata={"team": "night"})
    email = user.email or ""
    link = (await admin.admin.generate_link({"type": "recovery", "email": email})).properties
    assert link.verification_type == "recovery"
    assert link.hashed_token == hashlib.sha224((email + link.email_otp).encode()).hexdigest()
    assert re.fullmatch(r"\d{6,10}", link.email_otp)
    assert link.hashed_token in link.action_link
    reply = await client.verify_otp({"token_hash": link.hashed_token, "type": "recovery"})
    assert reply.session is not None
    claims = claims_of(reply.session.access_token)
    assert (claims["sub"], claims["aal"]) == (user.id, "aal1")
    assert [entry["method"] for entry in claims["amr"]] == ["otp"]
    assert claims["app_metadata"] == {"provider": "email", "providers": ["email"], "team": "night"}

    body = {"refresh_token": reply.session.refresh_token}
    fresh = (await raw.post("/token?grant_type=refresh_token", json=body)).json()
    assert claims_of(fresh["access_token"])["amr"] == claims["amr"]
    change = await raw.put("/user", json={"password": NEW_PASSWORD}, headers=bearer(reply.session))
    assert change.status_code == 200
    assert (await sign_in(user, NEW_PASSWORD)).user.id == user.id

    with pytest.raises(AuthApiError) as refusal:
        await client.verify_otp({"token_hash": link.hashed_token, "type": "recovery"})
    assert (refusal.value.status, refusal.value.code) == (403, "otp_expired")


async def test_the_code_does_as_well_as_the_link(
    client: AsyncGoTrueClient, raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person
) -> None:
    email = (await person()).email or ""
    link = await handed_out(raw_admin, "recovery", email)
    wrong = {"type": "recovery", "email": email, "token": "000000"}
    assert said(await raw.post("/verify", json=wrong)) == (403, "otp_expired")
    nobody = {"type": "recovery", "email": f"un{email}", "token": link["email_otp"]}
    assert said(await raw.post("/verify", json=nobody)) == (403, "otp_expired")
    reply = await client.verify_otp({"email": email, "token": link["email_otp"], "type": "recovery"})
    assert reply.session is not None
    assert said(await redeem(raw, link["hashed_token"], "recovery")) == (403, "otp_expired")


async def test_only_the_newest_link_works(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person
) -> None:
    email = (await person()).email or ""
    old = await handed_out(raw_admin, "recovery", email)
    new = await handed_out(raw_admin, "magiclink", email)
    assert said(await redeem(raw, old["hashed_token"], "recovery")) == (403, "otp_expired")
    assert (await redeem(raw, new["hashed_token"], "magiclink")).status_code == 200


async def test_a_link_of_one_kind_is_none_of_another(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person
) -> None:
    token_hash = (await handed_out(raw_admin, "recovery", (await person()).email or ""))["hashed_token"]
    for kind in ("invite", "signup"):
        assert said(await redeem(raw, token_hash, kind)) == (403, "otp_expired")
    assert (await redeem(raw, token_hash, "email")).status_code == 200


async def test_a_password_change_ends_what_was_sent_before(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    user = await person()
    session = await sign_in(user)
    link = await handed_out(raw_admin, "recovery", user.email or "")
    await raw.put("/user", json={"password": NEW_PASSWORD}, headers=bearer(session))
    assert said(await redeem(raw, link["hashed_token"], "recovery")) == (403, "otp_expired")


async def test_the_banned_do_not_come_in_by_a_link(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person
) -> None:
    user = await person(ban_duration="24h")
    link = await handed_out(raw_admin, "recovery", user.email or "")
    assert said(await redeem(raw, link["hashed_token"], "recovery")) == (403, "user_banned")
    await raw_admin.put(f"/admin/users/{user.id}", json={"ban_duration": "none"})
    assert (await redeem(raw, link["hashed_token"], "recovery")).status_code == 200


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (400, "validation_failed")),
        ({"token_hash": "00"}, (400, "validation_failed")),
        ({"type": "recovery"}, (400, "validation_failed")),
        ({"type": "recovery", "token": "123456", "token_hash": "00"}, (400, "validation_failed")),
        ({"type": "recovery", "token": "123456"}, (400, "validation_failed")),
        ({"type": "recovery", "token_hash": "00", "email": "a@example.com"}, (400, "validation_failed")),
        ({"type": "of a kind", "token_hash": "00"}, (400, "validation_failed")),
        ({"type": "recovery", "token_hash": "00" * 28}, (403, "otp_expired")),
        ({"type": "invite", "token_hash": "' or true --"}, (403, "otp_expired")),
    ],
    ids=str,
)
async def test_what_is_no_link(
    raw: httpx.AsyncClient, body: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert said(await raw.post("/verify", json=body)) == refusal


# Case 35
async def test_recovery_does_not_tell_who_is_known(raw: httpx.AsyncClient, client: AsyncGoTrueClient) -> None:
    reply = await raw.post("/recover", json={"email": new_email()})
    assert (reply.status_code, reply.json()) == (200, {})
    await client.reset_password_for_email(new_email())
    for wrong in ({}, {"email": ""}, {"email": "no address"}):
        assert said(await raw.post("/recover", json=wrong)) == (400, "validation_failed")


async def test_who_is_invited_chooses_a_password(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, admin: AsyncGoTrueClient, sign_in: SignIn
) -> None:
    email = new_email()
    link = await handed_out(raw_admin, "invite", email.upper(), data={"name": "Ana"})
    try:
        assert link["verification_type"] == "invite"
        assert (link["email"], link["user_metadata"]["name"]) == (email, "Ana")
        assert link["invited_at"]
        assert "email_confirmed_at" not in link
        attempt = {"email": email, "password": PASSWORD}
        assert said(await raw.post("/token?grant_type=password", json=attempt)) == (
            400,
            "invalid_credentials",
        )

        again = await handed_out(raw_admin, "invite", email)
        assert again["id"] == link["id"]
        assert said(await redeem(raw, link["hashed_token"], "invite")) == (403, "otp_expired")
        session = (await redeem(raw, again["hashed_token"], "invite")).json()
        assert session["user"]["email_confirmed_at"]
        assert session["user"]["user_metadata"] == {"name": "Ana", "email_verified": True}
        assert session["user"]["identities"][0]["identity_data"]["email_verified"] is True
        assert [entry["method"] for entry in claims_of(session["access_token"])["amr"]] == ["otp"]
        headers = {"Authorization": f"Bearer {session['access_token']}"}
        assert (await raw.put("/user", json={"password": PASSWORD}, headers=headers)).status_code == 200
        assert (await raw.post("/token?grant_type=password", json=attempt)).status_code == 200
        assert said(await redeem(raw, again["hashed_token"], "invite")) == (403, "otp_expired")
    finally:
        await forget(admin, link["id"])


async def test_who_is_here_is_not_invited(raw_admin: httpx.AsyncClient, person: Person) -> None:
    body = {"email": (await person()).email}
    assert said(await raw_admin.post("/invite", json=body)) == (422, "email_exists")
    for kind in ("invite", "signup"):
        reply = await raw_admin.post(
            "/admin/generate_link", json={"type": kind, "password": PASSWORD, **body}
        )
        assert said(reply) == (422, "email_exists")


async def test_an_admin_may_sign_somebody_up(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, admin: AsyncGoTrueClient
) -> None:
    email = new_email()
    nothing = await raw_admin.post("/admin/generate_link", json={"type": "signup", "email": email})
    assert said(nothing) == (400, "validation_failed")
    link = await handed_out(raw_admin, "signup", email, password=PASSWORD)
    try:
        attempt = {"email": email, "password": PASSWORD}
        assert said(await raw.post("/token?grant_type=password", json=attempt)) == (
            400,
            "email_not_confirmed",
        )
        assert (await redeem(raw, link["hashed_token"], "signup")).status_code == 200
        assert (await raw.post("/token?grant_type=password", json=attempt)).status_code == 200
    finally:
        await forget(admin, link["id"])


async def test_a_magic_link_for_a_outsider_is_a_sign_up(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, admin: AsyncGoTrueClient
) -> None:
    link = await handed_out(raw_admin, "magiclink", new_email())
    try:
        assert link["verification_type"] == "signup"
        assert (await redeem(raw, link["hashed_token"], "signup")).status_code == 200
    finally:
        await forget(admin, link["id"])


async def test_links_that_are_not_made(raw_admin: httpx.AsyncClient, person: Person) -> None:
    outsider = {"type": "recovery", "email": new_email()}
    assert said(await raw_admin.post("/admin/generate_link", json=outsider)) == (404, "user_not_found")
    email = (await person()).email
    for wrong in ({"type": "of a kind", "email": email}, {"email": email}, {"type": "recovery"}):
        assert said(await raw_admin.post("/admin/generate_link", json=wrong)) == (400, "validation_failed")


async def test_a_link_may_lead_to_this_site_and_to_no_other(
    raw_admin: httpx.AsyncClient, person: Person
) -> None:
    email = (await person()).email or ""
    site = (await handed_out(raw_admin, "recovery", email))["redirect_to"]
    for elsewhere in ("https://evil.example.net/", "https://203.0.113.9/", "javascript:alert(1)", "//[evil"):
        link = await handed_out(raw_admin, "recovery", email, redirect_to=elsewhere)
        assert link["redirect_to"] == site
        assert "evil" not in link["action_link"]
    own = f"{site.rstrip('/')}/elsewhere"
    assert (await handed_out(raw_admin, "recovery", email, redirect_to=own))["redirect_to"] == own
