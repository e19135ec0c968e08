"""Supabase Auth: does it answer, does it accept the keys, who may sign up, and are its tokens valid here."""

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from server.cli.context import Context
from server.cli.doctor import api_keys, clocks
from server.cli.doctor.findings import SECONDS, Finding, Findings, doubtful, right, why, wrong
from server.kernel.auth import usable

_KEYS_PAGE = "Project Settings → API Keys"


@dataclass(slots=True)
class _Server:
    """The Auth server, called with either key, and the time of the last call."""

    http: httpx.AsyncClient
    url: str
    publishable: str
    secret: str
    asked: float = 0.0
    answered: float = 0.0

    async def ask(self, path: str, key: str, **query: str) -> httpx.Response:
        headers = {"apikey": key} if key else {}
        if path.startswith("/admin"):
            headers["Authorization"] = f"Bearer {key}"
        self.asked = time.time()
        answer = await self.http.get(f"{self.url}{path}", headers=headers, params=query)
        self.answered = time.time()
        return answer


async def check(context: Context) -> Findings:
    """The checks in order. When the first one gets no answer, the others are left out, because they would report the same."""
    settings = context.settings
    if settings.supabase_url is None:
        return
    async with context.auth_http(SECONDS) as http:
        server = _Server(
            http,
            settings.auth_url,
            _text(settings.supabase_publishable_key),
            _text(settings.supabase_secret_key),
        )
        try:
            answer = await _health(server)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            yield _silent(settings.supabase_url, error)
            return
        found = _spoken("home" if context.home else settings.supabase_url, answer)
        yield found
        if found.mark == "✗":
            return
        if "date" in answer.headers:
            yield _clock(server, answer.headers["date"])
        async for finding in _keys(server):
            yield finding
        async for finding in _tokens(server, _text(settings.supabase_jwt_secret)):
            yield finding


async def _health(server: _Server) -> httpx.Response:
    """Sent with a key that is accepted, because a gateway refuses requests without one."""
    answer = await server.ask("/health", server.publishable)
    if answer.status_code == 401 and server.secret:
        with_secret = await server.ask("/health", server.secret)
        return answer if with_secret.status_code == 401 else with_secret
    return answer


def _silent(url: str, error: Exception) -> Finding:
    return wrong(
        f"SUPABASE_URL: nothing answers at {url} ({why(error)}): check the address and the network; "
        "a paused project does not answer until it is restored in the dashboard"
    )


def _spoken(url: str, answer: httpx.Response) -> Finding:
    health = _json(answer)
    if answer.status_code == 200 and isinstance(health, dict) and health.get("name") == "GoTrue":
        return right(f"Supabase Auth (GoTrue {health.get('version')}) answers at {url}")
    if answer.status_code == 401 and isinstance(health, dict) and "message" in health:
        return doubtful(
            f"a gateway answers at {url} and accepts none of the keys, so the Auth server behind it cannot be checked"
        )
    if answer.status_code == 540:
        return wrong(f"SUPABASE_URL: the project at {url} is paused: restore it in the dashboard")
    return wrong(
        f"SUPABASE_URL: the server at {url} (status {answer.status_code}) is not Supabase Auth: "
        "set it to the project's address, https://<project>.supabase.co, and nothing after it"
    )


def _clock(server: _Server, date: str) -> Finding:
    try:
        shown = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return doubtful("the Auth server's clock cannot be read: its Date header is not a date")
    # In whole seconds, and many servers update the header only once per second.
    return clocks.judged("the Auth server's", clocks.ahead(server.asked, server.answered, shown, shown + 2.0))


async def _keys(server: _Server) -> Findings:
    kinds = api_keys.kind(server.publishable), api_keys.kind(server.secret)
    if kinds == ("secret", "publishable"):
        yield wrong("SUPABASE_PUBLISHABLE_KEY and SUPABASE_SECRET_KEY are swapped: exchange their values")
        server.publishable, server.secret = server.secret, server.publishable
    else:
        if server.publishable:
            yield await _publishable(server, kinds[0])
        yield await _secret(server, kinds[1])
    async for finding in _sign_up(server):
        yield finding


async def _publishable(server: _Server, kind: api_keys.Kind) -> Finding:
    if kind == "secret":
        return wrong(
            f"SUPABASE_PUBLISHABLE_KEY is a secret key: put the publishable one there ({_KEYS_PAGE})"
        )
    answer = await server.ask("/settings", server.publishable)
    if answer.status_code == 200:
        return right("SUPABASE_PUBLISHABLE_KEY is accepted")
    return _refused("SUPABASE_PUBLISHABLE_KEY", server, server.publishable, answer)


async def _secret(server: _Server, kind: api_keys.Kind) -> Finding:
    if not server.secret:
        return doubtful(
            f"SUPABASE_SECRET_KEY is not set, and is needed to create, invite and change people ({_KEYS_PAGE})"
        )
    if kind == "publishable":
        return wrong(
            f"SUPABASE_SECRET_KEY is a publishable key, which has no admin rights: "
            f"put the secret one there ({_KEYS_PAGE})"
        )
    answer = await server.ask("/admin/users", server.secret, page="1", per_page="1")
    if answer.status_code == 200:
        return right("SUPABASE_SECRET_KEY is accepted for administration")
    return _refused("SUPABASE_SECRET_KEY", server, server.secret, answer)


def _refused(setting: str, server: _Server, key: str, answer: httpx.Response) -> Finding:
    said = _json(answer)
    words = said.get("message") or said.get("msg") if isinstance(said, dict) else None
    reason = f"status {answer.status_code}" + (f", {words}" if isinstance(words, str) else "")
    project, host = api_keys.project(key), urlsplit(server.url).hostname or ""
    if project and host.endswith(".supabase.co") and not host.startswith(f"{project}."):
        return wrong(
            f"{setting} is of the project {project}, and SUPABASE_URL leads to {host}: take both from one project"
        )
    return wrong(f"{setting} is refused ({reason}): copy it again ({_KEYS_PAGE})")


async def _sign_up(server: _Server) -> Findings:
    """Checked with whichever key is accepted."""
    for key in filter(None, (server.publishable, server.secret)):
        answer = await server.ask("/settings", key)
        if answer.status_code == 200:
            break
    else:
        return
    said = _json(answer)
    known: dict[str, Any] = said if isinstance(said, dict) else {}
    external = known.get("external")
    external = external if isinstance(external, dict) else {}
    if external.get("email") is False:
        yield wrong(
            "nobody can sign in by e-mail: turn it on in the dashboard, Authentication → Sign In / Providers → Email"
        )
    if known.get("disable_signup") is True:
        yield right("sign-up is closed")
    else:
        yield doubtful(
            "sign-up is open, so anybody can create a login, although without any rights here: close it in the "
            "dashboard, Authentication → Sign In / Providers → Allow new users to sign up"
        )


async def _tokens(server: _Server, secret: str) -> Findings:
    yield await _signing(server, secret)
    answer = await server.ask("/.well-known/openid-configuration", server.publishable)
    said = _json(answer)
    issuer = said.get("issuer") if isinstance(said, dict) else None
    if answer.status_code != 200 or not isinstance(issuer, str):
        yield doubtful(
            f"the Auth server does not say which issuer its tokens name: it has to be {server.url}"
        )
    elif issuer.rstrip("/") == server.url:
        yield right(f"tokens are issued by {issuer}, as expected")
    else:
        address = issuer.rstrip("/").removesuffix("/auth/v1")
        yield wrong(
            f"tokens are issued by {issuer}, and those of {server.url} are expected, so nobody could sign in: "
            f"set SUPABASE_URL to {address}"
        )


async def _signing(server: _Server, secret: str) -> Finding:
    answer = await server.ask("/.well-known/jwks.json", server.publishable)
    try:
        keys = usable(_json(answer)) if answer.status_code == 200 else {}
    except ValueError:
        keys = {}
    if answer.status_code != 200:
        return wrong(
            f"the keys that tokens are checked with cannot be fetched (status {answer.status_code} from "
            f"{server.url}/.well-known/jwks.json): nobody can sign in until they can"
        )
    if keys:
        algorithms = ", ".join(sorted({str(key.algorithm_name) for key in keys.values()}))
        return right(f"tokens are checked with published keys ({algorithms})")
    if not secret:
        return doubtful(
            "the project signs with HS256, so the Auth server is asked about each token: set SUPABASE_JWT_SECRET "
            "(Project Settings → JWT Keys), or better move to asymmetric signing keys there"
        )
    if False in (api_keys.signed_with(key, secret) for key in (server.publishable, server.secret)):
        return wrong(
            "SUPABASE_JWT_SECRET is not what the project signs with: copy it again (Project Settings → JWT Keys)"
        )
    return right("tokens are checked with SUPABASE_JWT_SECRET (HS256)")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _text(key: SecretStr | None) -> str:
    return key.get_secret_value() if key else ""
