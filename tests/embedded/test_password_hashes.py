"""Passwords hashed elsewhere go on working, and anything else is not accepted as a hash."""

import secrets

import pytest

from server.embedded import passwords
from tests.embedded.conftest import Mounted

KNOWN = {
    "$2a$10$YL7c6JjUgGygXM0YwP7oH.G6rBt/WeRmRSNaT07vkuNBfGIvasA.e": "floorwalker",
    "$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g": "test",
    "$argon2id$v=19$m=32,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ$RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk": "test",
    # Of Firebase's own example; the key of a project is part of its hashes.
    "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZ"
    "vpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5l"
    "Q==": "user1password",
}
NONE = [
    "",
    "floorwalker",
    "$2a$10$tooshort",
    "$2a$31$YL7c6JjUgGygXM0YwP7oH.G6rBt/WeRmRSNaT07vkuNBfGIvasA.e",
    "$argon2d$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
    "$argon2id$v=16$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
    "$argon2id$v=19$m=99999999,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
    "$argon2id$v=19$m=16,t=2,p=1$not base64$NfEnUOuUpb7F2fQkgFUG4g",
    "$argon2id$v=19$m=1,t=1,p=9$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
    "$fbscrypt$v=2,n=14,r=8,p=1,ss=Bw==,sk=ou9t$C0sHCg9ek77hsg==$zKVTMg==",
    "$fbscrypt$v=1,n=30,r=8,p=1,ss=Bw==,sk=ou9t$C0sHCg9ek77hsg==$zKVTMg==",
]


@pytest.mark.parametrize("kept", KNOWN)
async def test_passwords_of_every_kind_are_known_again(kept: str) -> None:
    assert passwords.is_hash(kept)
    assert await passwords.matches(KNOWN[kept], kept)
    assert not await passwords.matches(KNOWN[kept] + "1", kept)
    assert not await passwords.matches("", kept)


@pytest.mark.parametrize("kept", NONE)
async def test_what_is_no_hash_matches_nothing(kept: str) -> None:
    assert not passwords.is_hash(kept)
    assert not await passwords.matches("floorwalker", kept)
    assert not await passwords.matches("", kept)


@pytest.mark.parametrize("kept", KNOWN)
async def test_a_person_who_brings_a_hash_along_signs_in(mounted: Mounted, kept: str) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    body = {"email": email, "password_hash": kept, "email_confirm": True}
    assert (await mounted.post("/admin/users", body, secret=True)).status_code == 200
    attempt = {"email": email, "password": KNOWN[kept]}
    assert (await mounted.post("/token?grant_type=password", attempt)).status_code == 200


@pytest.mark.parametrize("kept", NONE[1:])
async def test_a_person_who_brings_something_else_is_refused(mounted: Mounted, kept: str) -> None:
    body = {"email": f"{secrets.token_hex(6)}@example.com", "password_hash": kept}
    reply = await mounted.post("/admin/users", body, secret=True)
    assert (reply.status_code, reply.json()["error_code"]) == (400, "validation_failed")
