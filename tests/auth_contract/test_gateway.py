"""What the server says of itself, which requests it accepts, and the two forms of its refusals."""

import json

import httpx
import pytest

from tests.app_server import DEADLINE
from tests.auth_contract.conftest import Target

VERSION = {"X-Supabase-Api-Version": "2024-01-01"}
WRONG = {"email": "nobody@example.com", "password": "not-this-one"}


# Case 1
async def test_health_has_a_name_and_a_version(raw: httpx.AsyncClient) -> None:
    health = (await raw.get("/health")).json()
    assert health["name"]
    assert health["version"]


# Case 2
async def test_settings_say_that_sign_up_is_closed(raw: httpx.AsyncClient) -> None:
    settings = (await raw.get("/settings")).json()
    assert settings["disable_signup"] is True
    assert settings["external"]["email"] is True
    assert settings["external"]["anonymous_users"] is False
    assert settings["mailer_autoconfirm"] is False


# Case 3
async def test_published_keys_have_no_private_parts(raw: httpx.AsyncClient) -> None:
    keys = (await raw.get("/.well-known/jwks.json")).json()["keys"]
    assert keys
    assert all({"kty", "kid", "alg"} <= key.keys() and not {"d", "p", "q", "k"} & key.keys() for key in keys)


async def test_the_issuer_is_where_the_server_is(target: Target, raw: httpx.AsyncClient) -> None:
    published = (await raw.get("/.well-known/openid-configuration")).json()
    assert published["issuer"] == target.url
    assert published["jwks_uri"] == f"{target.url}/.well-known/jwks.json"


async def test_health_and_keys_need_no_api_key(target: Target) -> None:
    async with httpx.AsyncClient(base_url=target.url, timeout=DEADLINE) as outsider:
        assert (await outsider.get("/.well-known/jwks.json")).status_code == 200
        if target.keys:
            assert (await outsider.get("/health")).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"apikey": "sb_publishable_of_another_project"}])
async def test_everything_else_needs_one(target: Target, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=target.url, headers=headers, timeout=DEADLINE) as outsider:
        assert (await outsider.get("/settings")).status_code == 401
        assert (await outsider.post("/token?grant_type=password", json=WRONG)).status_code == 401
        assert (await outsider.get("/admin/users")).status_code == 401


# Case 7
async def test_errors_have_the_old_shape_without_a_version(raw: httpx.AsyncClient) -> None:
    reply = await raw.post("/token?grant_type=password", json=WRONG)
    assert reply.status_code == 400
    assert reply.json() == {
        "code": 400,
        "error_code": "invalid_credentials",
        "msg": "Invalid login credentials",
    }
    assert reply.headers["x-sb-error-code"] == "invalid_credentials"


# Case 8
async def test_errors_have_the_new_shape_with_a_version_that_is_echoed(raw: httpx.AsyncClient) -> None:
    reply = await raw.post("/token?grant_type=password", json=WRONG, headers=VERSION)
    assert reply.status_code == 400
    assert reply.json() == {"code": "invalid_credentials", "message": "Invalid login credentials"}
    assert reply.headers["X-Supabase-Api-Version"] == "2024-01-01"
    assert reply.headers["x-sb-error-code"] == "invalid_credentials"


# Case 9
@pytest.mark.parametrize("path", ["/token?grant_type=password", "/recover", "/verify"])
@pytest.mark.parametrize("broken", [b"{", b"[1", b"nonsense", b'"text"', b'{"email": 7, "type": 7}'])
async def test_bad_json_is_said_to_be_that(raw: httpx.AsyncClient, path: str, broken: bytes) -> None:
    reply = await raw.post(path, content=broken, headers=VERSION)
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_json")


# Case 26
async def test_sign_up_is_closed(raw: httpx.AsyncClient) -> None:
    reply = await raw.post(
        "/signup", json={"email": "new@example.com", "password": "long enough"}, headers=VERSION
    )
    assert (reply.status_code, reply.json()["code"]) == (422, "signup_disabled")


@pytest.mark.parametrize(
    "given", [{}, {"data": {"name": "x"}}, {"email": "", "password": "long enough"}], ids=str
)
async def test_a_sign_up_of_nobody_says_that_there_is_none_without_an_address(
    raw: httpx.AsyncClient, given: dict[str, object]
) -> None:
    reply = await raw.post("/signup", json=given, headers=VERSION)
    assert (reply.status_code, reply.json()["code"]) == (422, "anonymous_provider_disabled")


async def test_no_telephone_number_opens_anything(raw: httpx.AsyncClient) -> None:
    login = {"phone": "+18505550155", "password": "long enough"}
    reply = await raw.post("/token?grant_type=password", json=login, headers=VERSION)
    assert (reply.status_code, reply.json()["code"]) == (422, "phone_provider_disabled")
    reply = await raw.post("/signup", json=login, headers=VERSION)
    assert (reply.status_code, reply.json()["code"]) == (422, "signup_disabled")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", "/otp"), ("POST", "/factors"), ("GET", "/authorize"), ("GET", "/sso"),
     ("GET", "/reauthenticate"), ("POST", "/resend"), ("GET", "/admin/audit"), ("POST", "/factors/1/verify"),
     ("GET", "/user/identities/authorize"), ("DELETE", "/admin/users/1/factors/2")],
)  # fmt: skip
async def test_what_is_not_offered_is_a_refusal_like_any_other(
    target: Target, raw: httpx.AsyncClient, method: str, path: str
) -> None:
    if target.keys is None:
        pytest.skip("a project offers more than the embedded service")
    reply = await raw.request(method, path)
    assert reply.status_code == 404
    assert reply.json() == {"code": 404, "error_code": "feature_disabled", "msg": reply.json()["msg"]}
    assert reply.headers["x-sb-error-code"] == "feature_disabled"
    assert method in reply.json()["msg"]
    versioned = await raw.request(method, path, headers=VERSION)
    assert versioned.json() == {"code": "feature_disabled", "message": reply.json()["msg"]}
    assert versioned.headers["X-Supabase-Api-Version"] == "2024-01-01"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/user", {"GET", "HEAD", "PUT"}),
        ("PATCH", "/verify", {"GET", "HEAD", "POST"}),
        ("GET", "/token", {"POST"}),
        ("PATCH", "/admin/users", {"GET", "HEAD", "POST"}),
        ("PATCH", "/admin/users/1", {"GET", "HEAD", "PUT", "DELETE"}),
    ],
)
async def test_another_method_is_405_and_names_those_that_there_are(
    target: Target, raw: httpx.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    if target.keys is None:
        pytest.skip("a project's server answers without a body")
    reply = await raw.request(method, path)
    assert (reply.status_code, reply.json()["error_code"]) == (405, "feature_disabled")
    assert set(reply.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("email", ["a\0b@example.com", "\ud800@example.com", "x" * 300, 7, None, ["a"]])
async def test_impossible_values_are_refused_not_fatal(raw: httpx.AsyncClient, email: object) -> None:
    body = json.dumps({"email": email, "password": "p\ud800\0"})
    reply = await raw.post("/token?grant_type=password", content=body, headers=VERSION)
    assert reply.status_code == 400
