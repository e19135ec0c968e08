"""A server of somebody else that is told when an interaction has ended: it answers as it is told, and keeps what it got."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Receiver:
    """`answers`: status and body of the next answers; afterwards 204. While `hangs`, there is no answer."""

    url: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    got: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    hangs: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    open: list[socket.socket] = field(default_factory=list)
    most: int = 0  # requests that were open at once

    def began(self, connection: socket.socket) -> None:
        """Count a request among those whose sender still waits."""
        self.open = [*(one for one in self.open if not _left(one)), connection]
        self.most = max(self.most, len(self.open))


def _left(connection: socket.socket) -> bool:
    """Whether the sender of a request has closed its connection."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:  # closed here, after an answer
        return True


@contextmanager
def receiving() -> Iterator[Receiver]:
    found, lock = Receiver(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((dict(self.headers), json.loads(body)))
            found.paths.append(self.path)
            with lock:
                found.began(self.connection)
            if found.hangs.is_set():
                found.goes_on.wait(30)
            status, text = found.answers.pop(0) if found.answers else (204, b"")
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}/done?a=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.goes_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
