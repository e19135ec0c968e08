"""Counts answers and times them."""

import time
from collections.abc import Awaitable
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.kernel import observability


class Measured:
    """Counts answers and the time to their first byte."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        return self.app(scope, receive, partial(self._measured, scope["method"], time.perf_counter(), send))

    def _measured(self, method: str, start: float, send: Send, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            observability.DURATION.observe(time.perf_counter() - start)
            observability.answered(method, message["status"]).inc()
        return send(message)
