"""A real NATS server for tests, which can be killed, frozen and restarted at the same address."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.app_server import DEADLINE
from tests.conftest import a_folder, free_port

NATS = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/bin")


@dataclass(slots=True)
class Nats:
    log: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    monitor: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert NATS is not None
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [NATS, "-a", "127.0.0.1", "-p", str(self.port), "-m", str(self.monitor), *self.options],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.03)
            else:
                return

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE)
            self.process = None

    async def connections(self) -> list[dict[str, Any]]:
        """What the server says of who is connected, with the subjects each subscribed to."""
        async with httpx.AsyncClient(timeout=DEADLINE) as http:
            answer = await http.get(f"http://127.0.0.1:{self.monitor}/connz?subs=1&limit=1000")
        return [
            one | {"subscriptions_list": one.get("subscriptions_list", [])}
            for one in answer.json()["connections"]
        ]

    async def subjects(self) -> list[str]:
        """Every subject of ours that somebody subscribed to, once for each who did."""
        return [
            subject.split(".", 2)[2]
            for one in await self.connections()
            for subject in one["subscriptions_list"]
            if subject.startswith("floorwalker.") and not subject.startswith("floorwalker.inbox")
        ]


@contextmanager
def nats(*options: str) -> Iterator[Nats]:
    """A server of its own for the block."""
    with a_folder() as folder:
        server = Nats(folder / "nats.log", options)
        server.start()
        try:
            yield server
        finally:
            server.kill()
