"""Web push: a message that only one browser can read, and the proof of who sends it, for a POST to the browser's push service.

By hand on `cryptography`, which is here already (2026-11-29): RFC 8291 and RFC 8292 are the two functions below, and are tested
with the example of RFC 8291 and by a push service that decrypts. pywebpush 2.3 brings requests, aiohttp, http-ece and py-vapid,
13 packages in all, and would send by itself, past the check of addresses.
"""

import base64
import json
import os
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.errors import Invalid

_CURVE = ec.SECP256R1()
_RECORD = 4096  # bytes of the one record; a push service takes at most 4096 of body
MOST = 3_000  # bytes of text, so that the body stays below that
_VALID = 12 * 3600  # seconds that a proof is valid; RFC 8292 allows 24 hours


def new_key() -> str:
    """A new private key as VAPID_PRIVATE_KEY has it: 32 bytes in base64url, as every tool for web push writes it."""
    number = ec.generate_private_key(_CURVE).private_numbers().private_value
    return base64url(number.to_bytes(32, "big"))


def public_point(text: str) -> bytes:
    """The 65 bytes of a browser's public key. Invalid unless it is a point of P-256."""
    try:
        point = from_base64url(text)
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError:
        raise Invalid("This is not the key of a push subscription.") from None
    if len(point) != 65:
        raise Invalid("This is not the key of a push subscription.")
    return point


@dataclass(frozen=True, slots=True)
class PushKeys:
    """The key pair with which this server proves to push services who it is, and whom they can write to about it."""

    private: ec.EllipticCurvePrivateKey
    contact: str  # mailto: or https:

    @classmethod
    def of(cls, text: str, contact: str) -> "PushKeys":
        """From VAPID_PRIVATE_KEY. ValueError unless it is 32 bytes in base64url that are a key of P-256."""
        number = from_base64url(text)
        if len(number) != 32:
            raise ValueError("it is not 32 bytes in base64url")
        return cls(ec.derive_private_key(int.from_bytes(number, "big"), _CURVE), contact)

    @property
    def public(self) -> str:
        """What a page gives to the browser as applicationServerKey."""
        return base64url(_point(self.private.public_key()))

    def proof(self, endpoint: str) -> str:
        """The header Authorization of RFC 8292 for a message to this endpoint."""
        there = urlsplit(endpoint)
        claims = {
            "aud": f"{there.scheme}://{there.netloc}",
            "exp": int(time.time()) + _VALID,
            "sub": self.contact,
        }
        signed = f"{_json({'typ': 'JWT', 'alg': 'ES256'})}.{_json(claims)}"
        r, s = decode_dss_signature(self.private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return f"vapid t={signed}.{signature}, k={self.public}"


def encrypt(
    text: bytes,
    p256dh: bytes,
    auth: bytes,
    *,
    salt: bytes | None = None,
    sender: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body of a message with Content-Encoding aes128gcm (RFC 8188, 8291). `salt` and `sender` are random but in a test."""
    if len(text) > MOST:
        raise ValueError(f"a message has at most {MOST} bytes")
    salt = salt or os.urandom(16)
    sender = sender or ec.generate_private_key(_CURVE)
    browser = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, p256dh)
    point = _point(sender.public_key())
    shared = sender.exchange(ec.ECDH(), browser)
    secret = _derive(shared, auth, b"WebPush: info\x00" + p256dh + point, 32)
    key = _derive(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\x00", 12)
    sealed = AESGCM(key).encrypt(nonce, text + b"\x02", None)  # 2: the last record
    return salt + _RECORD.to_bytes(4, "big") + bytes([len(point)]) + point + sealed


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _json(value: dict[str, object]) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def base64url(data: bytes) -> str:
    """Without padding, as browsers and tokens write it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Padded or not. ValueError for anything else."""
    text = text.strip().rstrip("=")
    return base64.b64decode((text + "=" * (-len(text) % 4)).encode("ascii"), altchars=b"-_", validate=True)
