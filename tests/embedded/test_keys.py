"""Keys are made once, kept from other accounts, and sign what a client of Supabase can verify."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from server.embedded.keys import Keys

CLAIMS = {"sub": "somebody", "aud": "authenticated"}


def test_the_second_start_finds_the_keys_of_the_first(tmp_path: Path) -> None:
    first, second = Keys.load_or_create(tmp_path), Keys.load_or_create(tmp_path)
    assert (first.kid, first.publishable, first.secret) == (second.kid, second.publishable, second.secret)
    second.verify(first.sign({**CLAIMS, "iat": 0, "exp": time.time() + 60}))


def test_starts_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        kids = {keys.kid for keys in threads.map(Keys.load_or_create, [tmp_path / "home"] * 8)}
    assert len(kids) == 1
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["auth-keys.json"]


def test_only_the_owner_reads_them(tmp_path: Path) -> None:
    keys = Keys.load_or_create(tmp_path)
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]
    assert keys.publishable.startswith("sb_publishable_")
    assert keys.secret.startswith("sb_secret_")


def test_tokens_of_others_and_old_ones_are_refused(tmp_path: Path) -> None:
    ours, theirs = Keys.load_or_create(tmp_path / "ours"), Keys.load_or_create(tmp_path / "theirs")
    now = time.time()
    for token in (
        theirs.sign({**CLAIMS, "iat": now, "exp": now + 60}),
        ours.sign({**CLAIMS, "iat": now - 60, "exp": now - 30}),
        jwt.encode({**CLAIMS, "iat": now, "exp": now + 60}, ours.secret.ljust(32), algorithm="HS256"),
        jwt.encode({**CLAIMS, "iat": now, "exp": now + 60}, "", algorithm="none"),
    ):
        with pytest.raises(jwt.PyJWTError):
            ours.verify(token)


def test_the_published_key_verifies(tmp_path: Path) -> None:
    keys = Keys.load_or_create(tmp_path)
    (published,) = keys.jwks()["keys"]
    assert "d" not in published
    token = keys.sign({**CLAIMS, "iat": time.time(), "exp": time.time() + 60})
    assert jwt.get_unverified_header(token)["kid"] == published["kid"]
    jwt.decode(token, jwt.PyJWK(published), algorithms=["ES256"], audience="authenticated")
