"""The letters that the embedded Auth service sends, as whoever they are for would read them."""

import email
import email.policy
import re
from pathlib import Path

from tests.app_server import AppServer

_LINK = re.compile(r"https?://\S+")


def letters(app_server: AppServer, address: str) -> list[Path]:
    """Those to this address, the oldest first."""
    files = sorted((app_server.home / "outbox").glob("*.eml"))
    return [path for path in files if f"To: {address}" in path.read_text()]


def path_in(letter: Path) -> str:
    """Where the letter's link leads on our site, from the first slash on."""
    message = email.message_from_bytes(letter.read_bytes(), policy=email.policy.default)
    body = message.get_body()
    assert body is not None
    link = _LINK.search(body.get_content())
    assert link is not None
    return "/" + link[0].split("/", 3)[3]
