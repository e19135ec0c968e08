"""A change of address by two links, one for each address; only both together change it."""

import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from supabase_auth import AsyncGoTrueClient, User

from tests.auth_contract.conftest import PASSWORD, Person, SignIn, claims_of, said

CURRENT, NEW = "email_change_current", "email_change_new"


def new_email() -> str:
    return f"{secrets.token_hex(8)}@example.com"


async def handed_out(raw_admin: httpx.AsyncClient, kind: str, user: User, address: str) -> dict[str, Any]:
    body = {"type": kind, "email": user.email, "new_email": address}
    reply = await raw_admin.post("/admin/generate_link", json=body)
    assert reply.status_code == 200, reply.text
    link: dict[str, Any] = reply.json()
    assert (link["verification_type"], link["email"], link["new_email"]) == (kind, user.email, address)
    return link


def token_of(link: dict[str, Any]) -> str:
    """What the link carries. (The real server's `hashed_token` of the new address is made of the current one.)"""
    query = parse_qs(urlsplit(link["action_link"]).query)
    assert query["type"] == ["email_change"]
    return str(query["token"][0])


async def redeem(raw: httpx.AsyncClient, link: dict[str, Any]) -> httpx.Response:
    return await raw.post("/verify", json={"type": "email_change", "token_hash": token_of(link)})


@pytest.mark.parametrize("order", [(CURRENT, NEW), (NEW, CURRENT)], ids=lambda order: order[0])
async def test_both_links_change_the_address_whichever_is_first(
    raw: httpx.AsyncClient,
    raw_admin: httpx.AsyncClient,
    admin: AsyncGoTrueClient,
    person: Person,
    sign_in: SignIn,
    order: tuple[str, str],
) -> None:
    user, address = await person(app_metadata={"team": "night"}), new_email()
    links = [await handed_out(raw_admin, kind, user, address) for kind in order]
    first = await redeem(raw, links[0])
    assert first.status_code == 200
    assert "access_token" not in first.json()
    assert "other email" in first.json()["msg"]
    assert (await admin.admin.get_user_by_id(user.id)).user.email == user.email
    assert said(await redeem(raw, links[0])) == (403, "otp_expired"), "a link is used once"

    second = await redeem(raw, links[1])
    assert second.status_code == 200
    assert claims_of(second.json()["access_token"])["email"] == address
    found = (await admin.admin.get_user_by_id(user.id)).user
    assert (found.email, found.new_email) == (address, None)
    assert found.app_metadata["team"] == "night"
    assert found.identities is not None
    data = found.identities[0].identity_data
    assert (data["email"], data["email_verified"]) == (address, True)
    assert said(await redeem(raw, links[1])) == (403, "otp_expired")
    assert (await sign_in(found)).user.id == user.id
    old = await raw.post("/token?grant_type=password", json={"email": user.email, "password": PASSWORD})
    assert said(old) == (400, "invalid_credentials")


async def test_the_codes_do_as_well_as_the_links(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person
) -> None:
    user, address = await person(), new_email()
    codes = {
        email: (await handed_out(raw_admin, kind, user, address))["email_otp"]
        for kind, email in ((CURRENT, user.email or ""), (NEW, address))
    }
    replies = [
        await raw.post("/verify", json={"type": "email_change", "email": email, "token": code})
        for email, code in codes.items()
    ]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert replies[1].json()["user"]["email"] == address


async def test_a_link_for_one_kind_of_thing_is_none_for_another(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person
) -> None:
    user = await person()
    link = await handed_out(raw_admin, CURRENT, user, new_email())
    for kind in ("recovery", "invite", "signup", "magiclink", "email"):
        body = {"type": kind, "token_hash": token_of(link)}
        assert said(await raw.post("/verify", json=body)) == (403, "otp_expired")
    body = {"type": "recovery", "email": user.email or ""}
    recovery = (await raw_admin.post("/admin/generate_link", json=body)).json()["hashed_token"]
    wrong = {"type": "email_change", "token_hash": recovery}
    assert said(await raw.post("/verify", json=wrong)) == (403, "otp_expired")
    for named in (CURRENT, NEW):
        body = {"type": named, "token_hash": token_of(link)}
        assert said(await raw.post("/verify", json=body)) == (400, "validation_failed")


async def test_an_address_that_cannot_be_had_is_refused(raw_admin: httpx.AsyncClient, person: Person) -> None:
    user, other = await person(), await person()
    for kind in (CURRENT, NEW):
        for address, refusal in (
            (other.email, (422, "email_exists")),
            ((other.email or "").upper(), (422, "email_exists")),
            ("no address", (400, "validation_failed")),
            ("", (400, "validation_failed")),
            (None, (400, "validation_failed")),
        ):
            body = {"type": kind, "email": user.email, "new_email": address}
            assert said(await raw_admin.post("/admin/generate_link", json=body)) == refusal
        outsider = {"type": kind, "email": new_email(), "new_email": new_email()}
        assert said(await raw_admin.post("/admin/generate_link", json=outsider)) == (404, "user_not_found")


async def test_an_address_that_somebody_took_meanwhile_is_not_given_twice(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, admin: AsyncGoTrueClient, person: Person
) -> None:
    user, address = await person(), new_email()
    links = [await handed_out(raw_admin, kind, user, address) for kind in (CURRENT, NEW)]
    await redeem(raw, links[0])
    await person(email=address)
    # The real server calls this a fault of its own.
    assert said(await redeem(raw, links[1])) in {(422, "email_exists"), (500, "unexpected_failure")}
    assert (await admin.admin.get_user_by_id(user.id)).user.email == user.email


async def test_the_banned_change_nothing(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person
) -> None:
    user = await person(ban_duration="24h")
    link = await handed_out(raw_admin, NEW, user, new_email())
    assert said(await redeem(raw, link)) == (403, "user_banned")


async def test_opening_the_links_confirms_and_leads_back_to_the_site(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, admin: AsyncGoTrueClient, person: Person
) -> None:
    user, address = await person(), new_email()
    links = [await handed_out(raw_admin, kind, user, address) for kind in (CURRENT, NEW)]
    said_of = []
    for link in (links[0], links[0], links[1]):
        reply = await raw.get(f"/verify?{urlsplit(link['action_link']).query}")
        assert reply.status_code == 303
        place = urlsplit(reply.headers["location"])
        assert f"{place.scheme}://{place.netloc}{place.path}".rstrip("/") == link["redirect_to"].rstrip("/")
        said_of.append(parse_qs(place.fragment))
    assert "other email" in said_of[0]["message"][0]
    assert said_of[1]["error_code"] == ["otp_expired"]
    assert "error" not in said_of[2]
    assert (await admin.admin.get_user_by_id(user.id)).user.email == address
