"""What the secret key may do with people, and that nothing else may."""

import secrets
import uuid

import httpx
import jwt
import pytest
from supabase_auth import AsyncGoTrueClient
from supabase_auth.errors import AuthApiError

from tests.auth_contract.conftest import PASSWORD, Person, SignIn, Target, bearer


def said(reply: httpx.Response) -> tuple[int, str | None]:
    return reply.status_code, reply.headers.get("x-sb-error-code")


async def test_creation_keeps_both_metadata(admin: AsyncGoTrueClient, person: Person) -> None:
    made = await person(app_metadata={"app_role": "supervisor"}, user_metadata={"name": "Ana"})
    found = (await admin.admin.get_user_by_id(made.id)).user
    assert found.app_metadata == {"provider": "email", "providers": ["email"], "app_role": "supervisor"}
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


async def test_an_address_is_taken_once(admin: AsyncGoTrueClient, person: Person) -> None:
    made, other = await person(), await person()
    with pytest.raises(AuthApiError) as refusal:
        await person(email=(made.email or "").upper())
    assert (refusal.value.status, refusal.value.code) == (422, "email_exists")
    with pytest.raises(AuthApiError) as refusal:
        await admin.admin.update_user_by_id(other.id, {"email": made.email or ""})
    assert (refusal.value.status, refusal.value.code) == (422, "email_exists")


@pytest.mark.parametrize(
    "wanted",
    [{}, {"email": "no address"}, {"email": "a@b"}, {"email": "a@example.com", "ban_duration": "for ever"}],
)
async def test_what_cannot_be_created(raw_admin: httpx.AsyncClient, wanted: dict[str, str]) -> None:
    assert said(await raw_admin.post("/admin/users", json=wanted)) == (400, "validation_failed")


async def test_a_persons_token_does_not_administer(
    target: Target, raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person(app_metadata={"app_role": "admin"}))
    for key in (target.publishable, target.secret):
        headers = {**bearer(session), "apikey": key}
        assert said(await raw.get("/admin/users", headers=headers)) == (403, "not_admin")
        body = {"email": "a@example.com"}
        assert said(await raw.post("/admin/users", json=body, headers=headers)) == (403, "not_admin")
        path = f"/admin/users/{session.user.id}"
        assert said(await raw.put(path, json={}, headers=headers)) == (403, "not_admin")
        assert said(await raw.delete(path, headers=headers)) == (403, "not_admin")


async def test_neither_does_the_publishable_key(target: Target, raw: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {target.publishable}"}
    assert (await raw.get("/admin/users", headers=headers)).status_code in {401, 403}
    assert (await raw.get("/admin/users")).status_code in {401, 403}


async def test_people_are_listed_in_pages(raw_admin: httpx.AsyncClient, person: Person) -> None:
    made = {(await person()).id for _ in range(3)}
    first = await raw_admin.get("/admin/users?page=1&per_page=2")
    assert len(first.json()["users"]) == 2
    total = int(first.headers["X-Total-Count"])
    assert total >= 3
    assert 'rel="next"' in first.headers["Link"]
    assert 'rel="last"' in first.headers["Link"]
    everybody = await raw_admin.get("/admin/users?page=&per_page=1000")
    assert made <= {user["id"] for user in everybody.json()["users"]}
    assert 'rel="next"' not in everybody.headers["Link"]
    assert said(await raw_admin.get("/admin/users?page=x")) == (400, "validation_failed")


async def test_the_client_lists_people(admin: AsyncGoTrueClient, person: Person) -> None:
    made = await person()
    assert made.id in {user.id for user in await admin.admin.list_users()}


async def test_an_unknown_person_is_not_found(raw_admin: httpx.AsyncClient) -> None:
    assert said(await raw_admin.get("/admin/users/nonsense")) == (404, "validation_failed")
    for method in ("GET", "PUT", "DELETE"):
        reply = await raw_admin.request(method, f"/admin/users/{uuid.uuid4()}", json={})
        assert said(reply) == (404, "user_not_found")


async def test_a_change_of_role_is_seen_after_a_refresh(
    admin: AsyncGoTrueClient, raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person(app_metadata={"app_role": "supervisor", "supervisor_type": "voice"}))
    changes = {"app_role": "admin", "supervisor_type": None}
    user = (await admin.admin.update_user_by_id(session.user.id, {"app_metadata": changes})).user
    assert user.app_metadata == {"provider": "email", "providers": ["email"], "app_role": "admin"}
    body = {"refresh_token": session.refresh_token}
    fresh = (await raw.post("/token?grant_type=refresh_token", json=body)).json()
    claims = jwt.decode(fresh["access_token"], options={"verify_signature": False})
    assert claims["app_metadata"] == user.app_metadata
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
    assert (await raw.get("/user", headers=bearer(session))).status_code == 403
    assert (await sign_in(user, "their-new-one")).user.id == user.id


async def test_the_deleted_are_gone(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    path = f"/admin/users/{session.user.id}"
    assert (await raw_admin.delete(path)).status_code == 200
    assert (await raw_admin.get(path)).status_code == 404
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
    assert (await raw.get("/user", headers=bearer(session))).status_code == 403
    body = {"email": session.user.email, "password": PASSWORD}
    assert said(await raw.post("/token?grant_type=password", json=body)) == (400, "invalid_credentials")
