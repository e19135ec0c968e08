"""Checks of tokens: signature, issuer, audience, times; and when keys are fetched."""

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

from server.errors import Unavailable
from server.kernel.auth.tokens import Verifier
from tests.conftest import until

ISSUER = "http://auth.test/auth/v1"
OURS, THEIRS = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


class Published(httpx.AsyncBaseTransport):
    """A server that publishes keys and knows tokens of an unknown secret; it counts requests."""

    def __init__(self, **keys: ec.EllipticCurvePrivateKey) -> None:
        self.keys = keys or {"k1": OURS}
        self.more: list[Any] = []  # further entries among the keys
        self.known: set[str] = set()  # tokens
        self.asked, self.broken, self.slow = 0, False, 0.01
        self.open = asyncio.Event()  # while it is not set, no request is answered
        self.open.set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        await asyncio.sleep(self.slow)
        await self.open.wait()
        if self.broken:
            return httpx.Response(503)
        if request.url.path.endswith("/user"):
            known = request.headers["authorization"].removeprefix("Bearer ") in self.known
            return httpx.Response(200 if known else 403, json={})
        keys = [
            {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "ES256"}
            for kid, key in self.keys.items()
        ]
        return httpx.Response(200, json={"keys": [*self.more, *keys]})


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    found = {"iss": ISSUER, "aud": "authenticated", "sub": str(uuid4()), "role": "authenticated", "session_id": str(uuid4()), "iat": now, "exp": now + 3600}  # fmt: skip
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def token(key: Any = OURS, algorithm: str = "ES256", kid: str | None = "k1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid} if kid else None)


def verifier(published: Published | None = None, secret: str | None = None) -> Verifier:
    return Verifier(ISSUER, httpx.AsyncClient(transport=published or Published()), "apikey", secret)


async def test_a_good_token_is_checked_once_and_remembered() -> None:
    keys = Published()
    check, good = verifier(keys), token()
    found = [await check.check(good) for _ in range(3)]
    assert {one["role"] for one in found} == {"authenticated"}
    assert keys.asked == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://evil.test/auth/v1"}, {"iss": None}, {"aud": "anon"}, {"aud": None}, {"exp": -11}, {"exp": None},
        {"iat": 3600}, {"iat": None}, {"nbf": 3600}, {"sub": None}, {"session_id": None},
        {"role": None}, {"role": "service_role"}, {"role": "anon"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_claim_that_is_wrong_or_missing_is_refused(changes: dict[str, Any]) -> None:
    now = int(time.time())
    moments = {name: now + value for name, value in changes.items() if isinstance(value, int)}
    with pytest.raises(jwt.InvalidTokenError):
        await verifier().check(token(**changes | moments))


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
    keys = Published()
    check = verifier(keys)
    found = await asyncio.gather(
        *(check.check(token(THEIRS, kid=f"k{n}-x")) for n in range(200)), return_exceptions=True
    )
    assert {type(one) for one in found} == {jwt.InvalidTokenError}
    assert keys.asked == 1
    assert await check.check(token())


async def test_without_keys_nobody_is_refused_for_good() -> None:
    keys = Published()
    keys.broken = True
    check = verifier(keys)
    found = await asyncio.gather(*(check.check(token()) for _ in range(50)), return_exceptions=True)
    assert {type(one) for one in found} == {Unavailable}
    assert keys.asked == 1, "a request that waited for a fetch that failed does not try it once more"
    keys.broken = False

    async def checked() -> bool:
        try:
            return bool(await check.check(token()))
        except Unavailable:
            return False

    await until(checked)


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({"exp": -8}, True), ({"exp": -11}, False), ({"iat": 9, "exp": 3600}, True), ({"iat": 12, "exp": 3600}, False),
        ({"nbf": 9}, True), ({"nbf": 12}, False),
    ],
    ids=str,
)  # fmt: skip
async def test_clocks_may_differ_by_ten_seconds(changes: dict[str, int], good: bool) -> None:
    moments: dict[str, Any] = {name: int(time.time()) + seconds for name, seconds in changes.items()}
    if good:
        assert await verifier().check(token(**moments))
    else:
        with pytest.raises(jwt.InvalidTokenError):
            await verifier().check(token(**moments))


async def test_a_new_key_is_found_at_once_and_the_old_one_is_good_while_it_is_published() -> None:
    published = Published(k1=OURS)
    check = verifier(published)
    assert await check.check(token())
    for number in range(2, 6):  # all within the half minute after a fetch without result
        kid, key = f"k{number}", ec.generate_private_key(ec.SECP256R1())
        published.keys = {**published.keys, kid: key}
        assert await check.check(token(key, kid=kid))
        assert published.asked == number
        assert await check.check(token())
    published.keys = {"k5": published.keys["k5"]}
    check.fetched, check.tried = check.fetched - 601, check.tried - 601
    assert await check.check(token(published.keys["k5"], kid="k5"))
    with pytest.raises(jwt.InvalidTokenError):
        await check.check(token())


async def test_a_real_new_key_is_found_within_half_a_minute_of_made_up_ones() -> None:
    published = Published(k1=OURS)
    check = verifier(published)
    with pytest.raises(jwt.InvalidTokenError):
        await check.check(token(THEIRS, kid="made up"))
    published.keys["k2"] = THEIRS
    for _ in range(3):
        with pytest.raises(jwt.InvalidTokenError):
            await check.check(token(THEIRS, kid="k2"))
    assert published.asked == 1
    check.in_vain -= 30
    assert await check.check(token(THEIRS, kid="k2"))
    assert published.asked == 2


async def test_old_keys_do_while_there_are_no_others_and_nobody_waits_for_those() -> None:
    published = Published(k1=OURS)
    check = verifier(published)
    assert await check.check(token())
    published.broken = True
    published.open.clear()
    check.fetched, check.tried = check.fetched - 601, check.tried - 601
    first = asyncio.create_task(check.check(token()))
    await asyncio.sleep(0.01)
    for _ in range(20):
        assert await check.check(token())
    assert not first.done(), "only one waits"
    published.open.set()
    assert await first
    for _ in range(20):
        assert await check.check(token())
    assert published.asked == 2, "and for a while nobody asks again"


@pytest.mark.parametrize(
    "odd",
    ["x", None, {"kid": "k0"}, {"kid": "k0", "alg": "ES256"}, {"kid": "k0", "alg": "ES256", "kty": "EC", "crv": "P-256", "x": "!", "y": "!"}, {"kid": 5, "alg": "ES256"}],
    ids=str,
)  # fmt: skip
async def test_a_key_that_nobody_can_use_stands_in_no_others_way(odd: Any) -> None:
    published = Published()
    published.more = [odd]
    assert await verifier(published).check(token())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"keys": 5}'])
async def test_what_is_no_key_set_changes_nothing(body: bytes) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body)

    check = Verifier(ISSUER, httpx.AsyncClient(transport=httpx.MockTransport(answer)), "apikey", None)
    with pytest.raises(Unavailable):
        await check.check(token())


async def test_where_only_the_auth_server_has_the_secret_it_is_asked() -> None:
    published = Published()
    check, good, made_up = verifier(published), token("s" * 64, "HS256"), token("t" * 64, "HS256")
    published.known = {good}
    for _ in range(3):
        assert (await check.check(good))["role"] == "authenticated"
    assert published.asked == 1
    with pytest.raises(jwt.InvalidTokenError):
        await check.check(made_up)
    wrong: dict[str, Any] = {
        "iss": "http://evil.test",
        "exp": int(time.time()) - 60,
        "aud": "x",
        "role": "anon",
    }
    for name, value in wrong.items():
        changes: dict[str, Any] = {name: value}
        bad = token("s" * 64, "HS256", **changes)
        published.known.add(bad)
        with pytest.raises(jwt.InvalidTokenError):
            await check.check(bad)
    published.broken = True
    later = token("s" * 64, "HS256")
    published.known.add(later)
    with pytest.raises(Unavailable):
        await check.check(later)


async def test_for_a_token_that_was_good_before_nobody_waits_in_vain() -> None:
    published = Published()
    published.broken, published.slow = True, 0.3
    check = verifier(published)
    asked = [check.check(token(), again=True) for _ in range(20)]
    assert {type(one) for one in await asyncio.gather(*asked, return_exceptions=True)} == {Unavailable}
    for _ in range(20):
        with pytest.raises(Unavailable):
            await check.check(token(), again=True)
    assert published.asked == 1
