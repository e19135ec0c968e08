"""An Auth server whose answers are changed or refused: a small HTTP server that forwards requests."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

_VERSION = "x-supabase-api-version"  # without it, the client does not look for codes
Change = Callable[[str, Any], Any]  # path and JSON → other JSON


def unchanged(_path: str, said: Any) -> Any:
    return said


@contextmanager
def faulty_auth(
    url: str, change: Change = unchanged, *, clock: float = 0.0, refused: frozenset[str] = frozenset()
) -> Iterator[str]:
    """The address of a server that answers like `url`, except for the changes and the methods that are refused.

    Its clock is so many seconds ahead.
    """

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.command in refused:
                self._answer(500, {"code": 500, "error_code": "unexpected_failure", "msg": "Out of order"})
                return
            given = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = httpx.request(
                self.command, f"{url}{self.path}", headers=given, content=asked, timeout=10
            )
            said = json.loads(answer.text.replace(url, own))
            version = {name: value for name, value in answer.headers.items() if name == _VERSION}
            self._answer(answer.status_code, change(self.path.removeprefix("/auth/v1"), said), version)

        do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the library's names

        def _answer(self, status: int, said: Any, headers: Mapping[str, str] | None = None) -> None:
            body = json.dumps(said).encode()
            self.send_response_only(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
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
