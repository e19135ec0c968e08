"""pgbouncer in transaction mode before a home's database, as a hosted project's pooler is."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.embedded import folders
from tests.app_server import DEADLINE
from tests.conftest import a_folder, free_port

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_ROLES = ("floorwalker_web", "postgres")


@dataclass(frozen=True, slots=True)
class Pooler:
    port: int
    log: Path

    def url(self, role: str = "floorwalker_web", database: str = "postgres") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"


@contextmanager
def pooling(home: Path, *, size: int = 5, mode: str = "transaction") -> Iterator[Pooler]:
    """Pools of `size` connections a role, on a port of its own; by the account that PostgreSQL runs as."""
    assert PGBOUNCER is not None
    who = folders.account(home)
    with a_folder() as place:
        pooler = Pooler(free_port(), place / "pgbouncer.log")
        (place / "users").write_text("".join(f'"{role}" ""\n' for role in _ROLES))
        (place / "pgbouncer.ini").write_text(
            f"""
            [databases]
            * = host={folders.existing_folders(home).sockets} port=5432
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {pooler.port}
            unix_socket_dir =
            auth_type = trust
            auth_file = {place / "users"}
            pool_mode = {mode}
            default_pool_size = {size}
            max_client_conn = 500
            """.replace("\n            ", "\n")
        )
        with pooler.log.open("ab") as output:
            process = subprocess.Popen(
                [PGBOUNCER, place / "pgbouncer.ini"],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=who.uid if who.switch else None,
                group=who.gid if who.switch else None,
                extra_groups=[] if who.switch else None,
            )
        try:
            _wait(process, pooler)
            yield pooler
        finally:
            process.send_signal(signal.SIGTERM)  # at once, without waiting for its clients
            process.wait(DEADLINE)


def _wait(process: "subprocess.Popen[bytes]", pooler: Pooler) -> None:
    end = time.monotonic() + DEADLINE
    while True:
        try:
            socket.create_connection(("127.0.0.1", pooler.port), 1).close()
        except OSError:
            assert process.poll() is None, pooler.log.read_text()
            assert time.monotonic() < end, pooler.log.read_text()
            time.sleep(0.03)
        else:
            return
