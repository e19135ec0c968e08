"""An Auth server on whose way answers are bent: a tiny real HTTP server that passes questions on."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

Bend = Callable[[str, Any], Any]  # path and JSON → other JSON


def straight(_path: str, said: Any) -> Any:
    return said


@contextmanager
def crooked(url: str, bend: Bend = straight, *, clock: float = 0.0) -> Iterator[str]:
    """The address of a server that answers as `url` does, but for what is bent; its clock is so many seconds ahead."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = httpx.get(f"{url}{self.path}", headers=given, timeout=10)
            said = json.loads(answer.text.replace(url, own))
            body = json.dumps(bend(self.path.removeprefix("/auth/v1"), said)).encode()
            self.send_response_only(answer.status_code)
            self.send_header("Date", formatdate(time.time() + clock, usegmt=True))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    own = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield own
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
