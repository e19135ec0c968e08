"""The keys in SECRET_KEY: the first encrypts and signs, all of them decrypt and verify."""

import base64
import hashlib
import hmac

from cryptography import fernet

from server.settings import SHORTEST_SECRET

Unopened = fernet.InvalidToken  # encrypted with another key, altered, or too long ago


def listed(given: str) -> list[str]:
    """The keys, separated by commas, in order. A short part means that the comma belongs to a single key."""
    parts = [part.strip() for part in given.split(",")]
    return parts if len(parts) > 1 and all(len(part) >= SHORTEST_SECRET for part in parts) else [given]


class SecretKeys:
    """Encrypts what only this application may read, and makes signatures that only it can make."""

    def __init__(self, given: str) -> None:
        keys = listed(given)
        if len(keys) > 1:
            keys.append(given)  # used while SECRET_KEY was one key that contains a comma
        self._box = fernet.MultiFernet(
            [fernet.Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys]
        )
        self._signing = [hashlib.sha256(b"device " + key.encode()).digest() for key in keys]

    def seal(self, text: str) -> bytes:
        """Encrypt a text."""
        return self._box.encrypt(text.encode())

    def unseal(self, sealed: bytes | str, seconds: int | None = None) -> str:
        """Decrypt it. Unopened when none of the keys encrypted it, or it is older than `seconds`."""
        return self._box.decrypt(sealed if isinstance(sealed, str) else bytes(sealed), seconds).decode()

    def sign(self, text: str) -> str:
        """A signature of this text: 32 hexadecimal digits."""
        return _signature(self._signing[0], text)

    def is_signature(self, text: str, signature: str) -> bool:
        """Whether one of the keys made this signature of the text."""
        return any(
            hmac.compare_digest(signature.encode(), _signature(key, text).encode()) for key in self._signing
        )


def _signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
