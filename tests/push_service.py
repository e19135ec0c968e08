"""A push service of our own on loopback: it takes messages for browsers, checks who sends them, and decrypts them as a browser would.

The decryption is written from RFC 8188 and RFC 8291 and shares nothing with the product's encryption.
"""

import hashlib
import hmac
import json
import os
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.kernel.providers import new_key

CURVE = ec.SECP256R1()
PUSH_KEY = new_key()  # of the server that sends


def plain(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def written(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(slots=True)
class Browser:
    """A browser with its keys; `got` has what arrived for it: the headers and the message."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    secret: bytes = field(default_factory=lambda: os.urandom(16))
    got: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # of the next requests; afterwards 201

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def fields(self) -> dict[str, str]:
        """As the page hands them over."""
        return {"endpoint": self.endpoint, "p256dh": written(self.point), "auth": written(self.secret)}

    def read(self, body: bytes) -> dict[str, Any]:
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= size
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender))
        secret = _mac(_mac(self.secret, shared), b"WebPush: info\0" + self.point + sender + b"\1")
        first = _mac(salt, secret)
        key = _mac(first, b"Content-Encoding: aes128gcm\0\1")[:16]
        nonce = _mac(first, b"Content-Encoding: nonce\0\1")[:12]
        opened = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert opened.endswith(b"\2"), "one record, and it is the last"
        found: dict[str, Any] = json.loads(opened[:-1])
        return found


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def proven(header: str, origin: str) -> dict[str, Any]:
    """The claims of a VAPID header for this push service, whose signature is right; with the public key as `k`."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "vapid"
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, plain(parts["k"]))
    claims: dict[str, Any] = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=origin)
    return claims | {"k": parts["k"]}


@dataclass(slots=True)
class PushService:
    url: str = ""
    browsers: dict[str, Browser] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)  # why a request was no message

    def browser(self) -> Browser:
        made = Browser(f"{self.url}/send/{os.urandom(12).hex()}")
        self.browsers[made.endpoint.removeprefix(self.url)] = made
        return made


@contextmanager
def push_service() -> Iterator[PushService]:
    found = PushService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = 404
            if browser := found.browsers.get(self.path):
                status = browser.answers.pop(0) if browser.answers else 201
                if status == 201:
                    try:
                        claims = proven(self.headers["Authorization"], found.url)
                        assert self.headers["Content-Encoding"] == "aes128gcm"
                        browser.got.append((dict(self.headers) | {"claims": claims}, browser.read(body)))
                    except Exception as error:  # noqa: BLE001 - the test sees it
                        found.refused.append(repr(error))
                        status = 400
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert not found.refused
