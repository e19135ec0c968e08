"""What a signed-in person may see and change of themselves, and how a session ends."""

import time
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.auth_contract.conftest import PASSWORD, Person, SignIn, Target, bearer, said

VERSION = {"X-Supabase-Api-Version": "2024-01-01"}


# Case 17
async def test_a_person_has_both_metadata(raw: httpx.AsyncClient, person: Person, sign_in: SignIn) -> None:
    user = (await raw.get("/user", headers=bearer(await sign_in(await person())))).json()
    assert user["app_metadata"]["provider"] == "email"
    assert isinstance(user["user_metadata"], dict)
    assert user["identities"][0]["provider"] == "email"
    assert user["role"] == user["aud"] == "authenticated"
    assert user["confirmed_at"] == user["email_confirmed_at"]
    confirmed, last = (datetime.fromisoformat(user[name]) for name in ("confirmed_at", "last_sign_in_at"))
    assert confirmed <= last <= datetime.now(UTC) + timedelta(minutes=1)
    assert not {"encrypted_password", "recovery_token", "confirmation_token"} & user.keys()


# Case 18
async def test_no_token_is_401_and_a_bad_one_403(raw: httpx.AsyncClient) -> None:
    assert said(await raw.get("/user")) == (401, "no_authorization")
    assert said(await raw.get("/user", headers={"Authorization": "Bearer a.b.c"})) == (403, "bad_jwt")


# Case 18
async def test_an_expired_token_is_refused(
    target: Target, raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    if target.keys is None:
        pytest.skip("only the embedded server's keys are ours to sign with")
    claims = target.keys.verify((await sign_in(await person())).access_token)
    claims["exp"] = int(time.time()) - 30
    expired = target.keys.sign(claims)
    assert said(await raw.get("/user", headers={"Authorization": f"Bearer {expired}"})) == (403, "bad_jwt")


@pytest.mark.parametrize(
    ("name", "value"),
    [("iss", "http://127.0.0.1:1/auth/v1"), ("iss", None), ("aud", "anon"), ("aud", ["anon"]), ("aud", None),
     ("role", "service_role"), ("role", "anon"), ("role", None)],
)  # fmt: skip
async def test_a_token_for_somebody_else_reads_and_changes_nobody(
    target: Target, raw: httpx.AsyncClient, person: Person, sign_in: SignIn, name: str, value: object
) -> None:
    if target.keys is None:
        pytest.skip("only the embedded server's keys are ours to sign with")
    session = await sign_in(await person())
    claims = target.keys.verify(session.access_token)
    del claims[name]
    forged = claims if value is None else {**claims, name: value}
    other = {"Authorization": f"Bearer {target.keys.sign(forged)}"}
    changed = {"data": {"name": "x"}, "password": "another-of-theirs"}
    assert said(await raw.get("/user", headers=other)) == (403, "bad_jwt")
    assert said(await raw.put("/user", headers=other, json=changed)) == (403, "bad_jwt")
    assert (await raw.get("/user", headers=bearer(session))).status_code == 200
    assert (await raw.post("/logout", headers=other)).status_code == 204, (
        "it ends with a token of another port"
    )


# Case 19
async def test_after_logout_the_session_is_gone(
    raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    assert (await raw.post("/logout", headers=bearer(session))).status_code == 204
    assert said(await raw.get("/user", headers=bearer(session))) == (403, "session_not_found")
    assert said(await raw.post("/logout", headers=bearer(session))) == (403, "session_not_found")
    body = {"refresh_token": session.refresh_token}
    assert (await raw.post("/token?grant_type=refresh_token", json=body)).status_code == 400


# Case 20
@pytest.mark.parametrize(
    ("scope", "left"), [("global", (403, 403)), ("local", (403, 200)), ("others", (200, 403))]
)
async def test_logout_has_scopes(
    raw: httpx.AsyncClient, person: Person, sign_in: SignIn, scope: str, left: tuple[int, int]
) -> None:
    user = await person()
    this, other = await sign_in(user), await sign_in(user)
    assert (await raw.post(f"/logout?scope={scope}", headers=bearer(this))).status_code == 204
    after = [(await raw.get("/user", headers=bearer(session))).status_code for session in (this, other)]
    assert tuple(after) == left


# Case 20
async def test_an_unknown_scope_is_refused(raw: httpx.AsyncClient, person: Person, sign_in: SignIn) -> None:
    session = await sign_in(await person())
    assert said(await raw.post("/logout?scope=all", headers=bearer(session))) == (400, "validation_failed")


# Case 21
async def test_a_persons_metadata_merges(raw: httpx.AsyncClient, person: Person, sign_in: SignIn) -> None:
    session = await sign_in(await person(user_metadata={"name": "Ana", "theme": "dark"}))
    changes = {"data": {"theme": None, "size": "large"}}
    reply = await raw.put("/user", json=changes, headers=bearer(session))
    assert reply.status_code == 200
    metadata = reply.json()["user_metadata"]
    assert (metadata["name"], metadata["size"], "theme" in metadata) == ("Ana", "large", False)


# Case 22
async def test_nobody_promotes_themselves(raw: httpx.AsyncClient, person: Person, sign_in: SignIn) -> None:
    session = await sign_in(await person(app_metadata={"team": "night"}))
    promotion = {"app_metadata": {"app_role": "admin"}}
    assert said(await raw.put("/user", json=promotion, headers=bearer(session))) == (403, "not_admin")
    await raw.put("/user", json={"role": "service_role", "data": {}}, headers=bearer(session))
    user = (await raw.get("/user", headers=bearer(session))).json()
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"], "team": "night"}
    assert user["role"] == "authenticated"


async def test_a_telephone_number_is_refused_not_dropped(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, target: Target, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person(user_metadata={"name": "Ana"}))
    for phone, refusals in (
        # Where no provider of text messages is set up, the real server calls this a fault of its own.
        ("+1 850 555 0155", {(400, "phone_provider_disabled"), (500, "unexpected_failure")}),
        ("18505550155", {(400, "phone_provider_disabled"), (500, "unexpected_failure")}),
        ("no number", {(400, "validation_failed")}),
        (7, {(400, "bad_json")}),
    ):
        change = {"phone": phone, "data": {"name": "Bo"}}
        assert said(await raw.put("/user", json=change, headers=bearer(session))) in refusals
        if target.keys is not None:  # a project's admin may write down a number
            for method, path in (("POST", "/admin/users"), ("PUT", f"/admin/users/{session.user.id}")):
                body = {"email": session.user.email, **change}
                assert said(await raw_admin.request(method, path, json=body)) in refusals
    for none in ("", None):
        reply = await raw.put("/user", json={"phone": none}, headers=bearer(session))
        assert (reply.status_code, reply.json()["phone"]) == (200, "")
        assert reply.json()["user_metadata"]["name"] == "Ana"


# Case 23
async def test_passwords_must_be_new_and_long_enough(
    raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    same = await raw.put("/user", json={"password": PASSWORD}, headers=bearer(session))
    assert said(same) == (422, "same_password")
    for password in ("short", ""):
        weak = await raw.put("/user", json={"password": password}, headers={**bearer(session), **VERSION})
        assert (weak.status_code, weak.json()["code"]) == (422, "weak_password")
        assert weak.json()["weak_password"]["reasons"] == ["length"]
    endless = await raw.put("/user", json={"password": "x" * 73}, headers=bearer(session))
    assert said(endless) == (400, "validation_failed")
    assert (await sign_in(session.user)).access_token


# Case 24
async def test_a_password_change_ends_the_other_sessions(
    raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    user = await person()
    this, other = await sign_in(user), await sign_in(user)
    change = {"password": "quite-another-one", "nonce": "123456", "current_password": "of no interest"}
    reply = await raw.put("/user", json=change, headers=bearer(this))
    assert reply.status_code == 200
    assert (await raw.get("/user", headers=bearer(this))).status_code == 200
    assert said(await raw.get("/user", headers=bearer(other))) == (403, "session_not_found")
    for session, status in ((this, 200), (other, 400)):
        body = {"refresh_token": session.refresh_token}
        assert (await raw.post("/token?grant_type=refresh_token", json=body)).status_code == status
    old = await raw.post("/token?grant_type=password", json={"email": user.email, "password": PASSWORD})
    assert said(old) == (400, "invalid_credentials")
    assert (await sign_in(user, "quite-another-one")).access_token


# Case 25
async def test_a_ban_reaches_those_inside(
    raw: httpx.AsyncClient, raw_admin: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    session = await sign_in(await person())
    path = f"/admin/users/{session.user.id}"
    banned = (await raw_admin.put(path, json={"ban_duration": "1h30m"})).json()["banned_until"]
    left = datetime.fromisoformat(banned) - datetime.now(UTC)
    assert timedelta(minutes=89) < left <= timedelta(minutes=90)
    assert said(await raw.get("/user", headers=bearer(session))) == (403, "user_banned")
    assert "banned_until" not in (await raw_admin.put(path, json={"ban_duration": "none"})).json()
    assert (await raw.get("/user", headers=bearer(session))).status_code == 200


async def test_a_session_of_somebody_else_is_no_session(
    target: Target, raw: httpx.AsyncClient, person: Person, sign_in: SignIn
) -> None:
    if target.keys is None:
        pytest.skip("only the embedded server's keys are ours to sign with")
    mine, theirs = await sign_in(await person()), await sign_in(await person())
    claims = target.keys.verify(mine.access_token)
    claims["session_id"] = target.keys.verify(theirs.access_token)["session_id"]
    forged = {"Authorization": f"Bearer {target.keys.sign(claims)}"}
    assert said(await raw.get("/user", headers=forged)) == (403, "session_not_found")
    claims["session_id"] = str(uuid.uuid4())
    forged = {"Authorization": f"Bearer {target.keys.sign(claims)}"}
    assert said(await raw.get("/user", headers=forged)) == (403, "session_not_found")
