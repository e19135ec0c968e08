"""The keys that SECRET_KEY lists: the first seals and signs, all of them open and recognise."""

import base64
import hashlib
import hmac

from cryptography import fernet

from server.settings import SHORTEST_SECRET

Unopened = fernet.InvalidToken  # what was sealed with another key, or not by us, or too long ago


def listed(given: str) -> list[str]:
    """The keys, with commas between them, in their order; a short part means that the comma belongs to a single key."""
    parts = [part.strip() for part in given.split(",")]
    return parts if len(parts) > 1 and all(len(part) >= SHORTEST_SECRET for part in parts) else [given]


class SecretKeys:
    """What only this application can read, and signatures that only it can make."""

    def __init__(self, given: str) -> None:
        keys = listed(given)
        if len(keys) > 1:
            keys.append(given)  # sealed when this was one key with a comma in it
        self._box = fernet.MultiFernet(
            [fernet.Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys]
        )
        self._signing = [hashlib.sha256(b"device " + key.encode()).digest() for key in keys]

    def seal(self, text: str) -> bytes:
        """Lock up what only this application may read."""
        return self._box.encrypt(text.encode())

    def unseal(self, sealed: bytes | str, seconds: int | None = None) -> str:
        """Read it again. Unopened when none of the keys sealed it, or longer ago than that."""
        return self._box.decrypt(sealed if isinstance(sealed, str) else bytes(sealed), seconds).decode()

    def sign(self, text: str) -> str:
        """32 hexadecimal digits that nobody else can make of this text."""
        return _signature(self._signing[0], text)

    def is_signature(self, text: str, signature: str) -> bool:
        """Whether one of the keys signed the text so."""
        return any(
            hmac.compare_digest(signature.encode(), _signature(key, text).encode()) for key in self._signing
        )


def _signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
