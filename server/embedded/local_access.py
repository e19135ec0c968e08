"""Which accounts of this machine may connect to a home's PostgreSQL, and as which roles.

There are no passwords. PostgreSQL asks the operating system's kernel for the connecting account (`peer`), and a map says which
roles this account may use: all of them for the account that runs the server, the owner of the home, and root. PostgreSQL's own
account, which differs from these when the server is started by root, may use every role but the superuser (2026-11-27).
"""

import os
import pwd
import re
from contextlib import suppress
from pathlib import Path

from server.embedded.folders import Account

SUPERUSER = "supabase_admin"
_ROLES = ("postgres", "floorwalker_web", "supabase_auth_admin", "authenticator")
_MAP = "floorwalker"
_LINE = re.compile(rf"^(local\s+\S+\s+\S+\s+)(?:trust|peer(?:\s+map={_MAP})?)[ \t]*$", re.MULTILINE)


def write(home: Path, data: Path, who: Account) -> None:
    """Write both files, also in a home of an older version, which trusted every local connection.

    Only the owner of the home's lock may call this, while PostgreSQL is stopped.
    """
    trusted = _names(0, os.geteuid(), home.stat().st_uid)
    # PostgreSQL looks up the account's name by its number. In a container whose number has no name this would fail, so every
    # local connection is trusted there, and the private folder of the socket is the protection.
    named = bool(_names(os.geteuid()))
    access = _read(data / "pg_hba.conf")
    _replace(
        data / "pg_hba.conf", access, _LINE.sub(rf"\1{f'peer map={_MAP}' if named else 'trust'}", access), who
    )
    lines = [f'{_MAP} "{name}" {role}' for name in trusted for role in (SUPERUSER, *_ROLES)]
    # PostgreSQL's account may be shared with other services, such as a pooler, so it gets every role but the superuser.
    lines += [f'{_MAP} "{name}" {role}' for name in _names(who.uid) if name not in trusted for role in _ROLES]
    lines.insert(
        0, "# Written at each start of Floorwalker: which accounts of this machine may use which roles."
    )
    _replace(data / "pg_ident.conf", _read(data / "pg_ident.conf"), "\n".join(lines) + "\n", who)


def _names(*numbers: int) -> list[str]:
    found = []
    for number in dict.fromkeys(numbers):
        with suppress(KeyError):
            found.append(pwd.getpwuid(number).pw_name)
    return found


def _read(path: Path) -> str:
    # The folder belongs to PostgreSQL's account and this process may be root, so a link there is not followed.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
        return file.read()


def _replace(path: Path, before: str, after: str, who: Account) -> None:
    """Write a file atomically, and only where its content changes."""
    if before == after:
        return
    half = path.with_name(path.name + ".new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        if who.switch:
            os.fchown(file.fileno(), who.uid, who.gid)
        file.write(after)
        file.flush()
        os.fsync(file.fileno())
    half.rename(path)
