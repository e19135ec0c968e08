"""What the secret key may do with people, and that nothing else may."""

import re
import secrets
import uuid
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from supabase_auth import AsyncGoTrueClient
from supabase_auth.errors import AuthApiError

from tests.auth_contract.conftest import PASSWORD, Person, Profile, SignIn, Target, bearer, claims_of, said

BCRYPT_HASH = "$2a$10$YL7c6JjUgGygXM0YwP7oH.G6rBt/WeRmRSNaT07vkuNBfGIvasA.e"  # of "floorwalker"


# Case 27
async def test_creation_keeps_both_metadata(admin: AsyncGoTrueClient, person: Person) -> None:
    made = await person(app_metadata={"team": "night"}, user_metadata={"name": "Ana"})
    found = (await admin.admin.get_user_by_id(made.id)).user
    assert found.app_metadata == {"provider": "email", "providers": ["email"], "team": "night"}
    assert found.user_metadata["name"] == "Ana"
    assert found.email_confirmed_at is not None
    assert found.role == "authenticated"
    assert found.identities is not None
    assert found.identities[0].identity_data["email"] == found.email


async def test_creation_answers_200(raw_admin: httpx.AsyncClient) -> None:
    email = f"{secrets.token_hex(8)}@Example.com"
    reply = await raw_admin.post("/admin/users", json={"email": email})
    assert reply.status_code == 200
    assert reply.json()["email"] == email.lower()
    assert "email_confirmed_at" not in reply.json()
    assert (await raw_admin.delete(f"/admin/users/{reply.json()['id']}")).status_code == 200


# Case 28
async def test_an_address_is_taken_once(admin: AsyncGoTrueClient, person: Person) -> None:
    made, other = await person(), await person()
    with pytest.raises(AuthApiError) as refusal:
        await person(email=(made.email or "").upper())
    assert (refusal.value.status, refusal.value.code) == (422, "email_exists")
    with pytest.raises(AuthApiError) as refusal:
        await admin.admin.update_user_by_id(other.id, {"email": made.email or ""})
    # The real server calls this a fault of its own.
    assert (refusal.value.status, refusal.value.code) in {
        (422, "email_exists"),
        (500, "unexpected_failure"),
    }
    assert (await admin.admin.get_user_by_id(other.id)).user.email == other.email


@pytest.mark.parametrize(
    "wanted",
    [
        {"email": None},
        {"email": "no address"},
        {"email": "a b@example.com"},
        {"ban_duration": "without end"},
        {"id": "nonsense"},
        {"id": str(uuid.UUID(int=0))},
        {"password": "long enough", "password_hash": BCRYPT_HASH},
        {"password": "x" * 73},
    ],
    ids=str,
)
async def test_what_cannot_be_created(raw_admin: httpx.AsyncClient, wanted: dict[str, str]) -> None:
    body = {"email": f"{secrets.token_hex(8)}@example.com", **wanted}
    assert said(await raw_admin.post("/admin/users", json=body)) == (400, "validation_failed")


async def test_a_person_who_comes_from_elsewhere_keeps_id_and_password(
    person: Person, sign_in: SignIn
) -> None:
    user_id = str(uuid.uuid4())
    made = await person(id=user_id, password=None, password_hash=BCRYPT_HASH)
    assert made.id == user_id
    assert made.identities is not None
    assert made.identities[0].identity_data["sub"] == user_id
    assert (await sign_in(made, "floorwalker")).user.id == user_id


@pytest.mark.parametrize("wrong", ["floorwalker", "$2a$10$tooshort", "$1$abcdefgh$y5UOfAZJtgWbU8R.HnZ1x."])
async def test_what_is_no_hash_of_a_password_is_refused(raw_admin: httpx.AsyncClient, wrong: str) -> None:
    email = f"{secrets.token_hex(8)}@example.com"
    reply = await raw_admin.post("/admin/users", json={"email": email, "password_hash": wrong})
    assert reply.status_code in {400, 500}  # the real server calls this a fault of its own
    assert (
        await raw_admin.post("/admin/generate_link", json={"type": "recovery", "email": email})
    ).status_code == 404


# Case 29
async def test_a_persons_token_does_not_administer(
    target: Target, raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person(app_metadata={"role": "service_role", "is_admin": True}))
    path = f"/admin/users/{session.user.id}"
    body = {"email": "a@example.com", "type": "recovery"}
    for key in (target.publishable, target.secret):
        headers = {**bearer(session), "apikey": key}
        assert said(await raw.get("/admin/users", headers=headers)) == (403, "not_admin")
        assert said(await raw.get(path, headers=headers)) == (403, "not_admin")
        assert said(await raw.post("/admin/users", json=body, headers=headers)) == (403, "not_admin")
        assert said(await raw.post("/admin/generate_link", json=body, headers=headers)) == (403, "not_admin")
        assert said(await raw.post("/invite", json=body, headers=headers)) == (403, "not_admin")
        assert said(await raw.put(path, json={}, headers=headers)) == (403, "not_admin")
        assert said(await raw.delete(path, headers=headers)) == (403, "not_admin")


# Case 29
async def test_neither_does_the_publishable_key(target: Target, raw: httpx.AsyncClient) -> None:
    for headers in ({"Authorization": f"Bearer {target.publishable}"}, {}):
        assert (await raw.get("/admin/users", headers=headers)).status_code in {401, 403}
        for path in ("/admin/users", "/admin/generate_link", "/invite"):
            reply = await raw.post(path, json={"email": "a@example.com"}, headers=headers)
            assert reply.status_code in {401, 403}


# Case 30
async def test_people_are_listed_in_pages(raw_admin: httpx.AsyncClient, person: Person) -> None:
    made = {(await person()).id for _ in range(3)}
    first = await raw_admin.get("/admin/users?page=1&per_page=2")
    assert first.json()["aud"] == "authenticated"
    assert len(first.json()["users"]) == 2
    total = int(first.headers["X-Total-Count"])
    assert total >= 3
    links = linked(first.headers["Link"])
    assert links["last"]["page"] == [str(-(-total // 2))]
    assert links["next"] == {"page": ["2"], "per_page": ["2"]}
    second = await raw_admin.get("/admin/users?page=2&per_page=2")
    assert {user["id"] for user in second.json()["users"]}.isdisjoint(u["id"] for u in first.json()["users"])
    everybody = await raw_admin.get("/admin/users?page=&per_page=1000")
    assert made <= {user["id"] for user in everybody.json()["users"]}
    assert "next" not in linked(everybody.headers["Link"])
    assert len((await raw_admin.get("/admin/users?page=&per_page=")).json()["users"]) <= 50
    for wrong in ("page=x", "per_page=0", "per_page=-1"):
        assert said(await raw_admin.get(f"/admin/users?{wrong}")) == (400, "validation_failed")


def linked(header: str) -> dict[str, dict[str, list[str]]]:
    """A Link header: where each relation leads, as the query of its address."""
    found = re.findall(r'<([^>]+)>; rel="(\w+)"', header)
    return {relation: parse_qs(urlsplit(address).query) for address, relation in found}


async def test_the_client_lists_people(admin: AsyncGoTrueClient, person: Person) -> None:
    made = await person()
    assert made.id in {user.id for user in await admin.admin.list_users()}


# Case 31
async def test_an_unknown_person_is_not_found(raw_admin: httpx.AsyncClient) -> None:
    assert said(await raw_admin.get("/admin/users/nonsense")) == (404, "validation_failed")
    for method in ("GET", "PUT", "DELETE"):
        reply = await raw_admin.request(method, f"/admin/users/{uuid.uuid4()}", json={})
        assert said(reply) == (404, "user_not_found")


# Case 32
async def test_a_change_of_role_is_seen_after_a_refresh(
    admin: AsyncGoTrueClient, raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person(app_metadata={"team": "night", "seat": 7}))
    changes = {"team": "day", "seat": None}
    user = (await admin.admin.update_user_by_id(session.user.id, {"app_metadata": changes})).user
    assert user.app_metadata == {"provider": "email", "providers": ["email"], "team": "day"}
    assert claims_of(session.access_token)["app_metadata"]["team"] == "night"
    body = {"refresh_token": session.refresh_token}
    fresh = (await raw.post("/token?grant_type=refresh_token", json=body)).json()
    assert claims_of(fresh["access_token"])["app_metadata"] == user.app_metadata
    assert fresh["user"]["app_metadata"] == user.app_metadata


async def test_an_admin_changes_address_and_password(
    admin: AsyncGoTrueClient, raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    email = f"{secrets.token_hex(8)}@example.com"
    user = (
        await admin.admin.update_user_by_id(session.user.id, {"email": email, "password": "their-new-one"})
    ).user
    assert user.email == email
    assert user.identities is not None
    assert user.identities[0].identity_data["email"] == email
    assert (await raw.get("/user", headers=bearer(session))).status_code == 403
    assert (await sign_in(user, "their-new-one")).user.id == user.id


# Case 33
async def test_the_deleted_are_gone(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    path = f"/admin/users/{session.user.id}"
    gone = await raw_admin.delete(path)
    assert (gone.status_code, gone.json()) == (200, {})
    assert said(await raw_admin.get(path)) == (404, "user_not_found")
    assert said(await raw_admin.delete(path)) == (404, "user_not_found")
    assert said(await raw.get("/user", headers=bearer(session))) == (403, "user_not_found")
    body = {"email": session.user.email, "password": PASSWORD}
    assert said(await raw.post("/token?grant_type=password", json=body)) == (400, "invalid_credentials")


async def test_the_softly_deleted_stay_without_a_name(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    path = f"/admin/users/{session.user.id}"
    reply = await raw_admin.request("DELETE", path, json={"should_soft_delete": True})
    assert reply.status_code == 200
    left = (await raw_admin.get(path)).json()
    assert left["deleted_at"]
    assert left["email"] != session.user.email
    assert left["user_metadata"] == left["app_metadata"] == {}
    assert not any(identity["identity_data"] for identity in left["identities"] or [])
    again = await raw_admin.request("DELETE", path, json={"should_soft_delete": True})
    assert again.status_code == 200
    assert (await raw_admin.get(path)).json() == left
    assert (await raw.get("/user", headers=bearer(session))).status_code == 403
    body = {"email": session.user.email, "password": PASSWORD}
    assert said(await raw.post("/token?grant_type=password", json=body)) == (400, "invalid_credentials")


# Case 36
async def test_people_of_ours_have_a_profile(
    raw_admin: httpx.AsyncClient, person: Person, profile: Profile
) -> None:
    """In any order the Auth server writes: a row for each login with a whole role, kept up to date, gone for none."""
    word = secrets.token_hex(5)
    meta = {"app_role": "supervisor", "supervisor_type": "voice", "username": f"ana-{word}"}
    made = await person(app_metadata=meta, user_metadata={"name": "Ana"})
    row = await profile(made.id)
    assert row is not None
    assert (row["email"], row["name"], row["username"]) == (made.email, "Ana", f"ana-{word}")
    assert (row["role"], row["supervisor_type"]) == ("supervisor", "voice")
    assert row["deactivated_at"] is row["banned_until"] is None
    assert await profile((await person()).id) is None

    path, email = f"/admin/users/{made.id}", f"{word}@example.com"
    changes = {"email": email, "user_metadata": {"name": "Ana Reyes"}, "ban_duration": "24h"}
    assert (await raw_admin.put(path, json=changes)).status_code == 200
    row = await profile(made.id)
    assert row is not None
    assert (row["email"], row["name"], bool(row["banned_until"])) == (email, "Ana Reyes", True)

    # What they did refers to them: the database refuses to forget them, and lets them lose their name.
    assert said(await raw_admin.delete(path)) == (500, "unexpected_failure")
    soft = await raw_admin.request("DELETE", path, json={"should_soft_delete": True})
    assert soft.status_code == 200
    row = await profile(made.id)
    assert row is not None
    assert row["deactivated_at"] is not None
    assert email not in str(row)
