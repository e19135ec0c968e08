"""People sign in through Supabase Auth; their tokens stay here, a cookie's id stands for them."""

import asyncio
import base64
import datetime as dt
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import httpx
import jwt
import structlog
from cryptography.fernet import Fernet, InvalidToken
from supabase_auth import AsyncGoTrueClient
from supabase_auth.errors import AuthApiError, AuthError, AuthRetryableError

from server.db import Connection, Database, Record
from server.errors import Unauthorized, Unavailable

Role = Literal["admin", "supervisor"]
_KEYS_LIVE, _KEYS_PAUSE = 600.0, 30.0  # seconds: of the cached key set, between two forced fetches
_REMEMBER = 60.0  # seconds at most that a checked token need not be checked again
_REFRESH_BEFORE = dt.timedelta(seconds=60)
REFUSED = "The e-mail or the password is wrong, or this account has no access here."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person who makes this request, as the database knows them now."""

    id: UUID
    email: str
    role: Role
    name: str
    username: str | None
    supervisor_type: str | None
    session_id: UUID
    expires_at: dt.datetime

    database_role = "authenticated"

    @property
    def claims(self) -> str:
        """What row-level security reads: whose rows, and nothing that a token could invent."""
        return json.dumps({"sub": str(self.id), "role": "authenticated"})


@dataclass(frozen=True, slots=True)
class AgentCaller:
    """The agent who makes this request, by one of its keys."""

    id: UUID
    key_id: UUID

    database_role = "agent_runtime"

    @property
    def claims(self) -> str:
        """Name the key; the database looks up whose it is, and whether it still is."""
        return json.dumps({"key_id": str(self.key_id), "role": "agent_runtime"})


def digest(secret: str) -> bytes:
    """sha256: what is stored of a cookie's id or an agent's key."""
    return hashlib.sha256(secret.encode()).digest()


class Verifier:
    """Checks access tokens: fixed algorithms, issuer, audience, times; one key set for the process."""

    def __init__(self, issuer: str, http: httpx.AsyncClient, apikey: str, secret: str | None) -> None:
        self._issuer, self._http, self._apikey, self._secret = issuer, http, apikey, secret
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._tried = -_KEYS_LIVE
        self._lock = asyncio.Lock()
        self._checked: dict[bytes, tuple[float, Mapping[str, Any]]] = {}

    async def check(self, token: str) -> Mapping[str, Any]:
        """The claims of a good token. jwt.InvalidTokenError for any other."""
        mark = digest(token)
        known = self._checked.get(mark)
        if known and known[0] > time.time():
            return known[1]
        claims = await self._decode(token)
        if len(self._checked) > 10_000:
            self._checked.clear()
        self._checked[mark] = (min(float(claims["exp"]), time.time() + _REMEMBER), claims)
        return claims

    async def _decode(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256":
            if self._secret is None:
                raise jwt.InvalidAlgorithmError("signed with HS256, and SUPABASE_JWT_SECRET is not set")
            key, algorithm = (
                jwt.PyJWK.from_dict(
                    {"kty": "oct", "k": base64.urlsafe_b64encode(self._secret.encode()).decode()}, "HS256"
                ),
                "HS256",
            )
        else:
            key = await self._key(str(header.get("kid")))
            algorithm = key.algorithm_name
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            audience="authenticated",
            issuer=self._issuer,
            leeway=10,
            options={"require": ["exp", "iat", "sub", "role", "session_id"]},
        )
        if claims["role"] != "authenticated":
            raise jwt.InvalidTokenError("not a person's token")
        return claims

    async def _key(self, kid: str) -> jwt.PyJWK:
        if kid not in self._keys or time.monotonic() - self._fetched > _KEYS_LIVE:
            async with self._lock:
                await self._fetch()
        if not self._keys:
            raise Unavailable("Sign-ins cannot be checked at the moment, please try again.", 5)
        if kid not in self._keys:
            raise jwt.InvalidTokenError("signed with an unknown key")
        return self._keys[kid]

    async def _fetch(self) -> None:
        """Fetch the key set; made-up kids cannot make us ask more often than twice a minute."""
        if time.monotonic() - self._tried < _KEYS_PAUSE and time.monotonic() - self._fetched < _KEYS_LIVE:
            return
        self._tried = time.monotonic()
        try:
            answer = await self._http.get(
                f"{self._issuer}/.well-known/jwks.json", headers={"apikey": self._apikey}
            )
            answer.raise_for_status()
            found = answer.json()["keys"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            log.warning("jwks_not_fetched", reason=str(error))  # whoever is in stays in with what we have
            return
        self._keys = {k["kid"]: jwt.PyJWK(k) for k in found if k.get("alg") in ("ES256", "RS256")}
        self._fetched = self._tried


class Auth:
    """Sign-in, web sessions, sign-out. One throw-away client an operation: a client holds one session."""

    def __init__(
        self,
        db: Database,
        http: httpx.AsyncClient,
        *,
        url: str,
        apikey: str,
        secret_key: str,
        jwt_secret: str | None = None,
    ) -> None:
        self._db, self._http, self._apikey = db, http, apikey
        self._url = url.rstrip("/") + "/auth/v1"
        self._verifier = Verifier(self._url, http, apikey, jwt_secret)
        self._box = Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret_key.encode()).digest()))

    async def sign_in(self, email: str, password: str, user_agent: str, address: str) -> str:
        """Open a session; the cookie's id. Unauthorized with the same words for every reason."""
        try:
            answer = await self._client().sign_in_with_password({"email": email, "password": password})
        except AuthRetryableError as error:
            raise Unavailable("Signing in does not work at the moment, please try again.", 5) from error
        except AuthError as error:
            log.info("sign_in_refused", reason=getattr(error, "code", None))
            raise Unauthorized(REFUSED) from error
        if answer.session is None:
            raise Unauthorized(REFUSED)
        access, refresh = answer.session.access_token, answer.session.refresh_token
        try:
            claims = await self._verifier.check(access)
        except jwt.InvalidTokenError as error:
            log.warning("sign_in_token_refused", reason=str(error))  # a wrong SUPABASE_URL or clock
            raise Unavailable("Signing in does not work at the moment, please try again.", 5) from error
        cookie = secrets.token_urlsafe(32)
        rows = await self._db.call(
            "select private.open_web_session($1, $2, $3, $4, $5, $6, $7) as id",
            digest(cookie),
            UUID(claims["sub"]),
            self._seal(access),
            self._seal(refresh),
            _moment(claims["exp"]),
            user_agent,
            address,
        )
        if rows[0]["id"] is None:
            log.info("sign_in_refused", reason="no_profile", user=claims["sub"])
            await self._log_out(access)
            raise Unauthorized(REFUSED)
        log.info("signed_in", user=claims["sub"], session=str(rows[0]["id"]))
        return cookie

    async def viewer(self, cookie: str | None) -> Viewer | None:
        """Who the cookie's id stands for, with a fresh token behind it; None when for nobody any more."""
        if not cookie or len(cookie) > 200:
            return None
        rows = await self._db.call("select * from private.find_web_session($1)", digest(cookie))
        if not rows:
            return None
        row = rows[0]
        if row["expires_at"] - dt.datetime.now(dt.UTC) < _REFRESH_BEFORE:
            return await self._refresh(cookie)
        try:
            claims = await self._verifier.check(self._open(row["access_token"]))
        except (jwt.InvalidTokenError, InvalidToken) as error:
            log.warning("session_token_refused", session=str(row["id"]), reason=str(error))
            return None
        return _viewer(row) if claims["sub"] == str(row["user_id"]) else None

    async def sign_out(self, cookie: str | None) -> None:
        """End the session here and at the Auth server; its streams end with it."""
        if not cookie:
            return
        rows = await self._db.call("select * from private.find_web_session($1)", digest(cookie))
        if rows:
            await self._db.call("select private.close_web_session($1)", rows[0]["id"])
            log.info("signed_out", user=str(rows[0]["user_id"]), session=str(rows[0]["id"]))
            await self._log_out(self._open(rows[0]["access_token"]))

    async def agent(self, key: str) -> AgentCaller:
        """Whose key it is. Unauthorized when nobody's, revoked, or of a retired agent."""
        rows = await self._db.call("select * from private.agent_of_key($1)", digest(key))
        if not rows:
            raise Unauthorized("this agent key is unknown or revoked")
        return AgentCaller(id=rows[0]["agent_id"], key_id=rows[0]["key_id"])

    async def _refresh(self, cookie: str) -> Viewer | None:
        """Renew the token under a row lock, so that tabs and replicas never race; the second finds it done."""
        async with self._db.as_server() as connection:
            row = await _locked(connection, cookie)
            if row is None:
                return None
            if row["expires_at"] - dt.datetime.now(dt.UTC) >= _REFRESH_BEFORE:
                return _viewer(row)
            try:
                answer = await self._client().refresh_session(self._open(row["refresh_token"]))
            except AuthApiError as error:
                log.info("session_ended", session=str(row["id"]), reason=error.code)
                await connection.execute("select private.close_web_session($1)", row["id"])
                return None
            except (AuthError, InvalidToken) as error:
                if row["expires_at"] > dt.datetime.now(dt.UTC) and isinstance(error, AuthRetryableError):
                    return _viewer(row)  # Auth does not answer: in until the token ends
                if isinstance(error, AuthRetryableError):
                    raise Unavailable("Your session cannot be renewed at the moment.", 5) from error
                return None
            if answer.session is None:
                return None
            claims = await self._verifier.check(answer.session.access_token)
            await connection.execute(
                "select private.renew_web_session($1, $2, $3, $4)",
                row["id"],
                self._seal(answer.session.access_token),
                self._seal(answer.session.refresh_token),
                _moment(claims["exp"]),
            )
            row = await _locked(connection, cookie)
            return _viewer(row) if row else None

    async def _log_out(self, access: str) -> None:
        try:
            await self._client().admin.sign_out(access, "local")
        except AuthError as error:
            log.info("auth_log_out_failed", reason=getattr(error, "code", None))

    def _client(self) -> AsyncGoTrueClient:
        return AsyncGoTrueClient(
            url=self._url,
            headers={"apikey": self._apikey},
            http_client=self._http,
            auto_refresh_token=False,
            persist_session=False,
            flow_type="implicit",
        )

    def _seal(self, token: str) -> bytes:
        return self._box.encrypt(token.encode())

    def _open(self, sealed: bytes) -> str:
        return self._box.decrypt(bytes(sealed)).decode()


async def _locked(connection: Connection, cookie: str) -> Record | None:
    return await connection.fetchrow("select * from private.find_web_session($1, true)", digest(cookie))


def _viewer(row: Record) -> Viewer:
    return Viewer(
        id=row["user_id"],
        email=row["email"],
        role=row["role"],
        name=row["name"],
        username=row["username"],
        supervisor_type=row["supervisor_type"],
        session_id=row["id"],
        expires_at=row["expires_at"],
    )


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
