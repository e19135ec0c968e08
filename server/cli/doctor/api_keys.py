"""What a Supabase key alone reveals: its kind, its project, and whether a secret signed it."""

import base64
import hashlib
import hmac
import json
from typing import Any, Literal

Kind = Literal["publishable", "secret", "unknown"]
_ROLES: dict[str, Kind] = {"anon": "publishable", "service_role": "secret"}


def kind(key: str) -> Kind:
    """Publishable or secret, by its prefix or, for an older key, by the role in it."""
    if key.startswith("sb_publishable_"):
        return "publishable"
    if key.startswith("sb_secret_"):
        return "secret"
    return _ROLES.get(str(_part(key, 1).get("role")), "unknown")


def project(key: str) -> str | None:
    """The project of an older key."""
    found = _part(key, 1).get("ref")
    return found if isinstance(found, str) else None


def signed_with(key: str, secret: str) -> bool | None:
    """Whether an older key was signed with this secret; None when it was signed in another way."""
    if _part(key, 0).get("alg") != "HS256":
        return None
    content, _, signature = key.rpartition(".")
    wanted = hmac.new(secret.encode(), content.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(wanted).rstrip(b"="), signature.rstrip("=").encode())


def _part(key: str, number: int) -> dict[str, Any]:
    """Header or claims of a JWT, unverified; empty when it is not one."""
    parts = key.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[number] + "=" * (-len(parts[number]) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
