"""The Auth service's e-mails: each is a line of the log, with its link, and a file in the home's outbox.

The embedded mode has no mail server, so the log is how a link reaches its reader. Links are never logged otherwise.
"""

import asyncio
import email.policy
import ipaddress
import os
import secrets
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import structlog

from server.embedded.auth_errors import AuthError

Page = Literal["recovery", "invitation"]

_SUBJECTS = {
    "recovery": "Choose a new password for Floorwalker",
    "invitation": "You are invited to Floorwalker",
}
_TEXTS = {
    "recovery": """\
Somebody, probably you, asked for a new password for {to} at Floorwalker.

Open this link within an hour and choose one:

{link}

It works once. If it was not you, ignore this e-mail: your password stays as it is.
""",
    "invitation": """\
You are invited to Floorwalker as {to}.

Open this link within a day and choose a password to sign in:

{link}

It works once. If you did not expect an invitation, ignore this e-mail.
""",
}

log = structlog.get_logger(__name__)


def link(site: str, page: Page, token_hash: str) -> str:
    """The address of the page, in the form of a hosted project's e-mail template: {{ .SiteURL }}/recovery?token_hash={{ .TokenHash }}."""
    return f"{site}/{page}?token_hash={token_hash}"


async def send(outbox: Path, site: str, page: Page, to: str, token_hash: str) -> None:
    """Log the e-mail and store it. AuthError when it cannot be stored; then it was not sent."""
    written = datetime.now(UTC)
    name = f"{written:%Y%m%dT%H%M%S.%f}Z-{secrets.token_hex(4)}.eml"
    address = link(site, page, token_hash)
    message = _message(site, page, to, address, written)
    try:
        await asyncio.to_thread(_keep, outbox, name, bytes(message))
    except OSError as error:
        log.warning("mail_not_sent", kind=page, reason=error.strerror or str(error), outbox=str(outbox))
        raise AuthError(500, "unexpected_failure", f"Error sending {page} email") from error
    log.info("mail_sent", kind=page, to=to, link=address, file=str(outbox / name))


def _message(site: str, page: Page, to: str, address: str, written: datetime) -> EmailMessage:
    domain = _domain(site)
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = f"Floorwalker <floorwalker@{domain}>"
    message["To"] = to
    message["Subject"] = _SUBJECTS[page]
    message["Date"] = format_datetime(written)
    message["Message-ID"] = make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    # With its default encoding the library would break the long line of the link, which could then not be opened from the file.
    message.set_content(_TEXTS[page].format(to=to, link=address), cte="8bit")
    return message


def _domain(site: str) -> str:
    host = urlsplit(site).hostname or "localhost"
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.encode("idna").decode()
    return "localhost"


def _keep(outbox: Path, name: str, content: bytes) -> None:
    """Write the file under another name first, so that it appears complete. Only its owner may read it."""
    outbox.mkdir(mode=0o700, exist_ok=True)
    outbox.chmod(0o700)
    half = outbox / f".{name}.part"
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.rename(outbox / name)
    finally:
        half.unlink(missing_ok=True)
