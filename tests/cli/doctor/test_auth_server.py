"""The Auth server as it should be, and one fault after the other."""

import socket
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from server.cli.doctor import auth_server
from tests.app_server import AppServer
from tests.cli.doctor.conftest import Cloud, bad, found, one
from tests.conftest import free_port
from tests.faulty_auth import faulty_auth

SECRET = "the secret of an older project, long enough"


def older(role: str, secret: str = SECRET) -> str:
    claims = {"iss": "supabase", "ref": "abcdefgh", "role": role}
    return jwt.encode(claims, secret, algorithm="HS256")


async def looked(cloud: Cloud, **changes: str) -> list[str]:
    return await found(auth_server.check(cloud.place(**changes)))


async def test_all_is_well(cloud: Cloud) -> None:
    findings = await looked(cloud)
    assert not bad(findings)
    one(findings, "GoTrue", cloud.app_server.url)
    one(findings, "this machine's clock and the Auth server's agree")
    one(findings, "SUPABASE_PUBLISHABLE_KEY is accepted")
    one(findings, "SUPABASE_SECRET_KEY is accepted")
    one(findings, "sign-up is closed")
    one(findings, "published keys (ES256)")
    one(findings, "tokens are issued by", "as expected")


async def test_a_slash_at_the_end_of_the_address_is_no_fault(cloud: Cloud) -> None:
    assert not bad(await looked(cloud, SUPABASE_URL=cloud.app_server.url + "/"))


async def test_keys_that_are_refused(cloud: Cloud) -> None:
    findings = await looked(cloud, SUPABASE_PUBLISHABLE_KEY="sb_publishable_of_another")
    assert bad(findings) == [
        one(findings, "✗ SUPABASE_PUBLISHABLE_KEY is refused", "Invalid API key", "API Keys")
    ]
    findings = await looked(cloud, SUPABASE_SECRET_KEY="sb_secret_of_another")
    assert bad(findings) == [one(findings, "✗ SUPABASE_SECRET_KEY is refused", "Invalid API key", "API Keys")]
    one(findings, "sign-up is closed")
    findings = await looked(cloud, SUPABASE_SECRET_KEY="")
    assert bad(findings) == [one(findings, "! SUPABASE_SECRET_KEY is not set")]


async def test_a_swapped_pair_is_recognised_and_the_rest_is_looked_at(cloud: Cloud) -> None:
    findings = await looked(
        cloud, SUPABASE_PUBLISHABLE_KEY=cloud.secret, SUPABASE_SECRET_KEY=cloud.publishable
    )
    assert bad(findings) == [one(findings, "✗", "are swapped")]
    one(findings, "sign-up is closed")
    findings = await looked(
        cloud, SUPABASE_PUBLISHABLE_KEY=older("service_role"), SUPABASE_SECRET_KEY=older("anon")
    )
    one(findings, "✗", "are swapped")


async def test_one_key_of_the_wrong_kind(cloud: Cloud) -> None:
    findings = await looked(cloud, SUPABASE_PUBLISHABLE_KEY=cloud.secret)
    assert bad(findings) == [one(findings, "✗ SUPABASE_PUBLISHABLE_KEY is a secret key")]
    findings = await looked(cloud, SUPABASE_SECRET_KEY=cloud.publishable)
    assert bad(findings) == [one(findings, "✗ SUPABASE_SECRET_KEY is a publishable key")]
    findings = await looked(cloud, SUPABASE_SECRET_KEY=older("anon"))
    assert bad(findings) == [one(findings, "✗ SUPABASE_SECRET_KEY is a publishable key")]


async def test_nobody_there(cloud: Cloud) -> None:
    findings = await looked(cloud, SUPABASE_URL=f"http://127.0.0.1:{free_port()}")
    assert findings == [one(findings, "✗ SUPABASE_URL: nothing answers", "paused")]
    for nonsense in ("https://[", "no address", "https://a..b"):
        findings = await looked(cloud, SUPABASE_URL=nonsense)
        assert findings == [one(findings, "✗ SUPABASE_URL: nothing answers")]


@pytest.fixture
def silent() -> Iterator[str]:
    """Somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"


async def test_somebody_who_says_nothing(cloud: Cloud, silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth_server, "SECONDS", 0.3)
    findings = await looked(cloud, SUPABASE_URL=silent)
    assert findings == [one(findings, "✗ SUPABASE_URL: nothing answers", "ReadTimeout")]


async def test_somebody_else_there(cloud: Cloud) -> None:
    findings = await looked(cloud, SUPABASE_URL=cloud.app_server.url + "/auth/v1")
    assert findings == [one(findings, "✗ SUPABASE_URL", "status 404", "nothing after it")]


async def test_another_name_of_the_same_server_is_another_issuer(cloud: Cloud) -> None:
    findings = await looked(cloud, SUPABASE_URL=cloud.app_server.url.replace("127.0.0.1", "localhost"))
    assert bad(findings) == [
        one(
            findings,
            "✗ tokens are issued by",
            "nobody could sign in",
            f"set SUPABASE_URL to {cloud.app_server.url}",
        )
    ]


async def test_another_project_than_the_keys(cloud: Cloud, app_server: AppServer) -> None:
    findings = bad(await looked(cloud, SUPABASE_URL=app_server.url))
    one(findings, "✗ SUPABASE_PUBLISHABLE_KEY is refused")
    one(findings, "✗ SUPABASE_SECRET_KEY is refused")


@pytest.mark.parametrize(
    ("ahead", "mark", "words"),
    [(0, "✓", "agree"), (5, "!", "behind"), (60, "✗", "behind"), (-5, "!", "ahead"), (-60, "✗", "ahead")],
)
async def test_its_clock(cloud: Cloud, ahead: float, mark: str, words: str) -> None:
    with faulty_auth(cloud.app_server.url, clock=ahead) as url:
        findings = await looked(cloud, SUPABASE_URL=url)
    assert one(findings, "this machine's clock", words).startswith(mark)
    assert len(bad(findings)) == (mark != "✓")


async def test_open_sign_up_is_worth_a_look(cloud: Cloud) -> None:
    def open_it(path: str, said: Any) -> Any:
        return said | {"disable_signup": False} if path == "/settings" else said

    with faulty_auth(cloud.app_server.url, open_it) as url:
        findings = await looked(cloud, SUPABASE_URL=url)
    assert bad(findings) == [one(findings, "! sign-up is open", "Allow new users to sign up")]


async def test_without_sign_in_by_email_nobody_comes_in(cloud: Cloud) -> None:
    def close_it(path: str, said: Any) -> Any:
        return said | {"external": {"email": False}} if path == "/settings" else said

    with faulty_auth(cloud.app_server.url, close_it) as url:
        findings = await looked(cloud, SUPABASE_URL=url)
    assert bad(findings) == [one(findings, "✗ nobody can sign in by e-mail")]


async def test_a_project_that_signs_with_a_secret(cloud: Cloud) -> None:
    def no_keys(path: str, said: Any) -> Any:
        return {"keys": []} if path == "/.well-known/jwks.json" else said

    with faulty_auth(cloud.app_server.url, no_keys) as url:
        findings = await looked(cloud, SUPABASE_URL=url)
        assert bad(findings) == [one(findings, "! the project signs with HS256", "SUPABASE_JWT_SECRET")]
        assert not bad(await looked(cloud, SUPABASE_URL=url, SUPABASE_JWT_SECRET=SECRET))
        right = await looked(
            cloud, SUPABASE_URL=url, SUPABASE_JWT_SECRET=SECRET, SUPABASE_PUBLISHABLE_KEY=older("anon")
        )
        one(right, "✓ tokens are checked with SUPABASE_JWT_SECRET")
        wrong = await looked(
            cloud, SUPABASE_URL=url, SUPABASE_JWT_SECRET="another", SUPABASE_PUBLISHABLE_KEY=older("anon")
        )
        one(wrong, "✗ SUPABASE_JWT_SECRET is not what the project signs with")


async def test_what_it_publishes_may_be_nonsense(cloud: Cloud) -> None:
    def nonsense(path: str, said: Any) -> Any:
        return ["none of your business"] if path.startswith(("/.well-known", "/settings")) else said

    with faulty_auth(cloud.app_server.url, nonsense) as url:
        findings = await looked(cloud, SUPABASE_URL=url)
    one(findings, "! the Auth server does not say", "issuer")
    one(findings, "! the project signs with HS256")
    one(findings, "! sign-up is open")
