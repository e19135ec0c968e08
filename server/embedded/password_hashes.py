"""Hashes of passwords from other servers, of the kinds that Supabase Auth accepts."""

import base64
import hmac
import re
from collections.abc import Callable
from functools import partial

import bcrypt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2i, Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

# The cost is limited, because one sign-in could otherwise keep the machine busy for hours or fill its memory.
_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
_ARGON2 = re.compile(r"\$argon2(id?)\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$([^$]+)\$([^$]+)")
_FIREBASE = re.compile(
    r"\$fbscrypt\$v=1,n=([1-9]|1[0-6]),r=([1-9]),p=([1-9])(?:,ss=([^,$]+))?,sk=([^,$]+)\$([^$]+)\$([^$]+)"
)


def checker(kept: str) -> Callable[[bytes], bool]:
    """A function that checks a password against this hash. ValueError when the hash is of no accepted kind."""
    if _BCRYPT.fullmatch(kept):
        return partial(_bcrypt, kept.encode())
    if found := _ARGON2.fullmatch(kept):
        kind, memory, times, lanes, salt, wanted = found.groups()
        key = (Argon2id if kind == "id" else Argon2i)(
            salt=_bytes(salt),
            length=len(_bytes(wanted)),
            iterations=int(times),
            lanes=int(lanes),
            memory_cost=int(memory),
        )
        return partial(_argon2, key, _bytes(wanted))
    if found := _FIREBASE.fullmatch(kept):
        n, r, p, separator, signer, salt, wanted = found.groups("")
        scrypt = Scrypt(salt=_bytes(salt) + _bytes(separator), length=32, n=2 ** int(n), r=int(r), p=int(p))
        return partial(_firebase, scrypt, _bytes(signer), _bytes(wanted))
    raise ValueError("a hash of no known kind")


def _bcrypt(kept: bytes, password: bytes) -> bool:
    return bcrypt.checkpw(password, kept)


def _argon2(key: Argon2i | Argon2id, wanted: bytes, password: bytes) -> bool:
    try:
        key.verify(password, wanted)
    except InvalidKey:
        return False
    return True


def _firebase(scrypt: Scrypt, signer: bytes, wanted: bytes, password: bytes) -> bool:
    """Firebase encrypts its project's key with the output of scrypt for the password."""
    cipher = Cipher(algorithms.AES256(scrypt.derive(password)), modes.CTR(bytes(16))).encryptor()
    return hmac.compare_digest(cipher.update(signer) + cipher.finalize(), wanted)


def _bytes(text: str) -> bytes:
    """Base64 with padding, or without as argon2 writes it."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
