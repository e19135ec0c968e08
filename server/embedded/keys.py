"""The keys of the embedded Auth service: one that signs access tokens, and two API keys."""

import base64
import hmac
import json
import os
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from server.embedded.folders import make_home

ALGORITHM = "ES256"
_FILE = "auth-keys.json"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys, created at the first start beside the database and readable by their owner only."""

    kid: str
    signing: ec.EllipticCurvePrivateKey
    publishable: str
    secret: str

    @classmethod
    def load_or_create(cls, home: Path) -> Self:
        """The keys of this home. Two processes that start at once get the same ones."""
        make_home(home)
        path = home / _FILE
        if not path.exists():
            half = home / f"{_FILE}.{secrets.token_hex(4)}"
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(_new(), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            try:
                path.hardlink_to(half)  # unlike a rename, it fails where the file exists
            except FileExistsError:
                pass
            finally:
                half.unlink()
        kept = json.loads(path.read_text())
        signing = serialization.load_pem_private_key(kept["signing"].encode(), password=None)
        assert isinstance(signing, ec.EllipticCurvePrivateKey)
        return cls(kept["kid"], signing, kept["publishable"], kept["secret"])

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.signing, algorithm=ALGORITHM, headers={"kid": self.kid})

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token that this key signed. jwt.PyJWTError for any other token and for an expired one."""
        claims: dict[str, Any] = jwt.decode(
            token,
            self.signing.public_key(),
            algorithms=[ALGORITHM],
            options={"require": ["exp", "iat", "sub"], "verify_aud": False},
        )
        return claims

    def jwks(self) -> dict[str, Any]:
        """The public key, as /.well-known/jwks.json serves it."""
        point = self.signing.public_key().public_numbers()
        key = {"kty": "EC", "crv": "P-256", "x": _base64(point.x), "y": _base64(point.y)}
        return {
            "keys": [
                {**key, "alg": ALGORITHM, "kid": self.kid, "use": "sig", "key_ops": ["verify"], "ext": True}
            ]
        }

    def is_secret(self, given: str) -> bool:
        return _same(given, self.secret)

    def opens(self, given: str) -> bool:
        """Whether this is one of the two API keys."""
        return _same(given, self.publishable) or _same(given, self.secret)


def _new() -> dict[str, str]:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "kid": str(uuid.uuid4()),
        "signing": pem.decode(),
        "publishable": f"sb_publishable_{secrets.token_urlsafe(24)}",
        "secret": f"sb_secret_{secrets.token_urlsafe(24)}",
    }


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _base64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
