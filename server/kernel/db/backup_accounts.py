"""The accounts in a backup: everything to sign in with, except links that were sent by e-mail.

pg_dump cannot leave out columns. So it leaves out the rows of auth.users, and they follow its archive in the same file,
as SQL that COPYs them; pg_restore reads an archive to its own end and no further. The last line of the file gives the
number of bytes of accounts and their SHA-256.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import IO

from server.errors import Invalid
from server.kernel.db.connections import Connection

_LAST = re.compile(rb"floorwalker-accounts (\d{20}) ([0-9a-f]{64})\n")
_LENGTH = len(b"floorwalker-accounts \n") + 20 + 1 + 64
_COLUMNS = """
select quote_ident(attname) as name, attname ~ '(^|_)token(_|$)' as live
from pg_catalog.pg_attribute where attrelid = 'auth.users'::regclass and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum
"""
# Backups of earlier versions have these rows in the archive.
CLEAR = """
update auth.users set confirmation_token = '', recovery_token = '', email_change_token_new = '',
  email_change_token_current = '', phone_change_token = '', reauthentication_token = ''
where concat(confirmation_token, recovery_token, email_change_token_new, email_change_token_current, phone_change_token,
  reauthentication_token) <> ''
"""
# The password of the sample people of an embedded home is published.
WITHOUT_SAMPLES = """
update auth.users set encrypted_password = '' where encrypted_password = $1 or email like '%@replay.example.com'
"""


async def append(owner: Connection, file: Path, *, rows: bool = True) -> None:
    """Write the accounts of this transaction after the archive in the file, or a note that there are none."""
    columns = await owner.fetch(_COLUMNS)
    names = ", ".join(one["name"] for one in columns)
    values = ", ".join("''" if one["live"] else one["name"] for one in columns)
    with file.open("ab") as out:
        size, sum_ = 0, hashlib.sha256()

        async def write(data: bytes) -> None:
            nonlocal size
            out.write(data)
            sum_.update(data)
            size += len(data)

        await write(f"set client_encoding = 'UTF8';\ncopy auth.users ({names}) from stdin;\n".encode())
        await owner.copy_from_query(f"select {values} from auth.users where {rows} order by id", output=write)
        await write(b"\\.\n")
        out.write(f"floorwalker-accounts {size:020} {sum_.hexdigest()}\n".encode())


def read(file: Path, damaged: str) -> bytes | None:
    """The SQL that restores the accounts; None for a backup of an earlier version. Invalid when it is incomplete."""
    with file.open("rb") as whole:
        found = _LAST.fullmatch(_tail(whole, _LENGTH, 0))
        if found is None:
            return None
        accounts = _tail(whole, int(found[1]), _LENGTH)
    if hashlib.sha256(accounts).hexdigest() != found[2].decode():
        raise Invalid(damaged)
    return accounts


def _tail(file: IO[bytes], length: int, before: int) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - before - length))
    return file.read(length)
