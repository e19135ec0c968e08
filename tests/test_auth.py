"""The token check: what is signed, by whom, for whom, until when; and one fetch of the keys."""

import asyncio
import hashlib
import hmac
import time
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from server.auth import Verifier
from server.errors import Unavailable

ISSUER = "http://auth.test/auth/v1"
OURS, THEIRS = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


class Keys(httpx.AsyncBaseTransport):
    """Where the keys are published; counts who asks."""

    def __init__(self) -> None:
        self.asked, self.broken = 0, False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.broken:
            return httpx.Response(503)
        key = jwt.algorithms.ECAlgorithm.to_jwk(OURS.public_key(), as_dict=True)
        return httpx.Response(200, json={"keys": [{**key, "kid": "k1", "alg": "ES256", "use": "sig"}]})


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    found = {"iss": ISSUER, "aud": "authenticated", "sub": str(uuid4()), "role": "authenticated", "session_id": str(uuid4()), "iat": now, "exp": now + 3600}  # fmt: skip
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def token(key: Any = OURS, algorithm: str = "ES256", kid: str | None = "k1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid} if kid else None)


def verifier(keys: Keys | None = None, secret: str | None = None) -> Verifier:
    return Verifier(ISSUER, httpx.AsyncClient(transport=keys or Keys()), "apikey", secret)


async def test_a_good_token_is_checked_once_and_remembered() -> None:
    keys = Keys()
    check, good = verifier(keys), token()
    found = [await check.check(good) for _ in range(3)]
    assert {one["role"] for one in found} == {"authenticated"}
    assert keys.asked == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://evil.test/auth/v1"}, {"iss": None}, {"aud": "anon"}, {"aud": None}, {"exp": int(time.time()) - 11}, {"exp": None},
        {"iat": int(time.time()) + 3600}, {"iat": None}, {"nbf": int(time.time()) + 3600}, {"sub": None}, {"session_id": None},
        {"role": None}, {"role": "service_role"}, {"role": "anon"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_claim_that_is_wrong_or_missing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        await verifier().check(token(**changes))


async def test_a_token_signed_otherwise_is_refused() -> None:
    public = OURS.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header, payload = (
        jwt.utils.base64url_encode(b'{"alg":"HS256","kid":"k1"}'),
        token().split(".")[1].encode(),
    )
    mark = hmac.new(public, header + b"." + payload, hashlib.sha256).digest()
    confused = b".".join([header, payload, jwt.utils.base64url_encode(mark)]).decode()
    unsigned = jwt.encode(claims(), "", "none", headers={"kid": "k1"})
    for bad in (
        token(THEIRS), confused, unsigned, token("s" * 64, "HS256"), token(kid=None),
        token()[:-4] + "AAAA", "", "x", "a.b.c", "eyJ.eyJ.", token() + ".x",
    ):  # fmt: skip
        with pytest.raises(jwt.InvalidTokenError):
            await verifier().check(bad)


async def test_hs256_is_taken_with_our_secret_only() -> None:
    check = verifier(secret="s" * 64)
    assert (await check.check(token("s" * 64, "HS256")))["role"] == "authenticated"
    for bad in (token("t" * 64, "HS256"), token("s" * 64, "HS512"), jwt.encode(claims(), "", "none")):
        with pytest.raises(jwt.InvalidTokenError):
            await check.check(bad)


async def test_a_flood_of_unknown_keys_makes_one_fetch() -> None:
    keys = Keys()
    check = verifier(keys)
    found = await asyncio.gather(
        *(check.check(token(THEIRS, kid=f"k{n}-x")) for n in range(200)), return_exceptions=True
    )
    assert {type(one) for one in found} == {jwt.InvalidTokenError}
    assert keys.asked == 1
    assert await check.check(token())


async def test_without_keys_nobody_is_refused_for_good() -> None:
    keys = Keys()
    keys.broken = True
    check = verifier(keys)
    with pytest.raises(Unavailable):
        await check.check(token())
    keys.broken = False
    assert await check.check(token())
