"""Access tokens, checked with the keys that the Auth server publishes or with the secret of older projects."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import structlog

from server.errors import Unavailable

Claims = Mapping[str, Any]
InvalidToken = jwt.InvalidTokenError

UNCHECKED = "Sign-ins cannot be checked at the moment, please try again in a few seconds."
_ALGORITHMS = ("ES256", "RS256")
_KEYS_LIVE = 600.0  # seconds for which published keys count as current
_PAUSE = 30.0  # seconds between two fetches that find nothing new
_AGAIN = 1.0  # … after a failed fetch, while there is no key
_TIMEOUT = 5.0  # seconds for one fetch
_REMEMBER = 60.0  # seconds at most for which a checked token is not checked again
_REMEMBERED = 10_000  # tokens at most

log = structlog.get_logger(__name__)


def digest(secret: str) -> bytes:
    """SHA-256 of a cookie's id, a key or a token, which is all that is stored of it."""
    return hashlib.sha256(secret.encode()).digest()


class Verifier:
    """Checks access tokens: fixed algorithms, issuer, audience, times. One set of keys per process."""

    def __init__(self, issuer: str, http: httpx.AsyncClient, apikey: str, secret: str | None) -> None:
        self._issuer, self._http, self._apikey, self._secret = issuer, http, apikey, secret
        self._keys: dict[str, jwt.PyJWK] = {}
        self.fetched = self.tried = self.in_vain = self._unanswered = -_KEYS_LIVE
        self._fetching = asyncio.Lock()
        self._checked: dict[bytes, tuple[float, Claims]] = {}

    async def check(self, token: str, *, again: bool = False) -> Claims:
        """The claims of a valid token. InvalidToken for any other; Unavailable while it cannot be checked.

        `again`: the token was valid before, so this check does not wait for another request's fetch of keys.
        """
        mark = digest(token)
        known = self._checked.get(mark)
        if known and known[0] > time.time():
            return known[1]
        claims = await self._decode(token, again=again)
        if len(self._checked) >= _REMEMBERED:
            self._checked.clear()
        self._checked[mark] = (min(float(claims["exp"]), time.time() + _REMEMBER), claims)
        return claims

    async def _decode(self, token: str, *, again: bool) -> Claims:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != "HS256":
            key = await self._key(str(header.get("kid")), again=again)
            return self._read(token, key.key, str(key.algorithm_name))
        if self._secret is not None:
            return self._read(token, self._secret, "HS256")
        claims = self._read(token, None, "HS256")
        await self._ask(token, again=again)
        return claims

    def _read(self, token: str, key: Any, algorithm: str) -> Claims:
        """The claims. Without a key the signature is not checked."""
        claims: Claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience="authenticated",
            issuer=self._issuer,
            leeway=10,
            options={
                "require": ["exp", "iat", "sub", "role", "session_id"],
                "verify_signature": key is not None,
                # Listed one by one, because without a signature PyJWT checks nothing else by default.
                "verify_exp": True,
                "verify_nbf": True,
                "verify_iat": True,
                "verify_aud": True,
                "verify_iss": True,
            },
        )
        if claims["role"] != "authenticated":
            raise jwt.InvalidTokenError("not a person's token")
        return claims

    async def _ask(self, token: str, *, again: bool) -> None:
        """Ask the Auth server whether it signed this token, where only it knows the secret."""
        if again and time.monotonic() - self._unanswered < _PAUSE:
            raise Unavailable(UNCHECKED, 5)
        headers = {"apikey": self._apikey, "Authorization": f"Bearer {token}"}
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await self._http.get(f"{self._issuer}/user", headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            self._unanswered = time.monotonic()
            raise Unavailable(UNCHECKED, 5) from error
        if answer.status_code in (401, 403, 404):
            raise jwt.InvalidSignatureError("the Auth server does not know this token")
        if answer.status_code != 200:
            raise Unavailable(UNCHECKED, 5)

    async def _key(self, kid: str, *, again: bool) -> jwt.PyJWK:
        """A published key. One fetch runs at a time, and a caller that has an older key does not wait for it."""
        wanted, needed = kid not in self._keys or self._stale(), kid not in self._keys and not again
        if wanted and (needed or not self._fetching.locked()):
            asked = time.monotonic()
            async with self._fetching:
                if self.tried < asked and self._may_fetch(kid, needed=needed):
                    await self._fetch(kid)
        if kid in self._keys:
            return self._keys[kid]
        if self._failing() or self._fetching.locked():
            raise Unavailable(UNCHECKED, 5)
        raise jwt.InvalidTokenError("signed with an unknown key")

    def _stale(self) -> bool:
        return time.monotonic() - self.fetched > _KEYS_LIVE

    def _failing(self) -> bool:
        return self.tried > self.fetched

    def _may_fetch(self, kid: str, *, needed: bool) -> bool:
        """Whether to fetch now. Made-up key ids cause at most two fetches per minute; a real new key is found at once."""
        now = time.monotonic()
        if self._failing() or kid in self._keys:
            return now - self.tried > (_AGAIN if needed else _PAUSE)
        return now - self.in_vain > _PAUSE

    async def _fetch(self, kid: str) -> None:
        self.tried = time.monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await self._http.get(
                    f"{self._issuer}/.well-known/jwks.json", headers={"apikey": self._apikey}
                )
            answer.raise_for_status()
            self._keys, self.fetched = usable(answer.json()), self.tried
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            # People who are signed in stay so with the keys that are known.
            log.warning("jwks_not_fetched", reason=f"{type(error).__name__}: {error}")
            return
        if kid not in self._keys:
            self.in_vain = self.tried


def usable(published: Any) -> dict[str, jwt.PyJWK]:
    """The usable keys of a key set. ValueError when it is not a key set."""
    listed = published.get("keys") if isinstance(published, dict) else None
    if not isinstance(listed, list):
        raise ValueError("this is not a key set")  # noqa: TRY004 - whatever was published, the error is the same
    found = {}
    for key in listed:
        if isinstance(key, dict) and key.get("alg") in _ALGORITHMS and isinstance(key.get("kid"), str):
            try:
                found[key["kid"]] = jwt.PyJWK(key)
            except jwt.PyJWTError as error:  # a key that cannot be used does not prevent the use of others
                log.warning("jwks_key_skipped", kid=key["kid"], reason=str(error))
    return found
