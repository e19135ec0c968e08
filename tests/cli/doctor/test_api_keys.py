"""Keys of both kinds, new and old, and what is no key."""

import jwt
import pytest

from server.cli.doctor import api_keys

SECRET = "the secret of an older project, long enough"


def older(role: str, secret: str = SECRET) -> str:
    """As projects had them from the beginning: tokens without an end."""
    return jwt.encode({"iss": "supabase", "ref": "abcdefgh", "role": role}, secret, algorithm="HS256")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("sb_publishable_x", "publishable"),
        ("sb_secret_x", "secret"),
        (older("anon"), "publishable"),
        (older("service_role"), "secret"),
        (older("authenticated"), "unknown"),
        ("", "unknown"),
        ("a.b.c", "unknown"),
        ("e30.WzFd.e30", "unknown"),  # JSON, but a list
        ("e30.eyJyb2xlIjpbXX0.e30", "unknown"),  # the role is a list
        ("e30.W1tbW1tbW1tb.x", "unknown"),
    ],
)
def test_the_kind_is_seen_from_the_key_alone(key: str, kind: str) -> None:
    assert api_keys.kind(key) == kind


def test_an_older_key_says_its_project_and_who_signed_it() -> None:
    key = older("anon")
    assert api_keys.project(key) == "abcdefgh"
    assert api_keys.signed_with(key, SECRET) is True
    assert api_keys.signed_with(key, SECRET + ".") is False
    assert api_keys.signed_with(key[:-2], SECRET) is False


def test_a_newer_key_says_neither() -> None:
    assert api_keys.project("sb_secret_x") is None
    assert api_keys.signed_with("sb_secret_x", SECRET) is None
