"""Who may connect to a home's PostgreSQL: which accounts of this machine, as which roles.

The file whose lock is the start is readable by its owner only. Under root, PostgreSQL's own account passes through the home and
is no superuser. So the embedded database has the same roles and default privileges as a hosted one, and tests of the
migrations' grants mean something.
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
    """Have PostgreSQL check the connecting account by `peer`, also in an older home that trusted every local connection.

    Only the owner of the home's lock may call this, while PostgreSQL is stopped.
    """
    ours = _names(0, os.geteuid(), home.stat().st_uid)
    # PostgreSQL looks up the account by its number. In a container that runs as a number without a name this fails, and the
    # private folder of the socket is the protection.
    named = bool(_names(os.geteuid()))
    access = _read(data / "pg_hba.conf")
    _replace(
        data / "pg_hba.conf", access, _LINE.sub(rf"\1{f'peer map={_MAP}' if named else 'trust'}", access), who
    )
    lines = [f'{_MAP} "{name}" {role}' for name in ours for role in (SUPERUSER, *_ROLES)]
    # Under root, PostgreSQL's account may be shared with other services, such as a pooler. It gets every role but superuser.
    lines += [f'{_MAP} "{name}" {role}' for name in _names(who.uid) if name not in ours for role in _ROLES]
    lines.insert(
        0, "# Written at each start of Floorwalker: who of this machine may be whom in the database."
    )
    _replace(data / "pg_ident.conf", _read(data / "pg_ident.conf"), "\n".join(lines) + "\n", who)


def _names(*numbers: int) -> list[str]:
    found = []
    for number in dict.fromkeys(numbers):
        with suppress(KeyError):
            found.append(pwd.getpwuid(number).pw_name)
    return found


def _read(path: Path) -> str:
    # The folder belongs to PostgreSQL's account and we may be root, so no link that it made is followed.
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
