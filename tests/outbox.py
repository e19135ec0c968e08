"""The e-mails that the embedded Auth service sends, as their recipients read them."""

import email
import email.policy
import re
from pathlib import Path

from tests.app_server import AppServer

_LINK = re.compile(r"https?://\S+")


def emails(app_server: AppServer, address: str) -> list[Path]:
    """Those to this address, the oldest first."""
    files = sorted((app_server.home / "outbox").glob("*.eml"))
    return [path for path in files if f"To: {address}" in path.read_text()]


def path_in(message: Path) -> str:
    """Where the link of an e-mail leads on our site, from the first slash on."""
    parsed = email.message_from_bytes(message.read_bytes(), policy=email.policy.default)
    body = parsed.get_body()
    assert body is not None
    link = _LINK.search(body.get_content())
    assert link is not None
    return "/" + link[0].split("/", 3)[3]
