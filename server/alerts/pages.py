"""The stream of the alerts that call a viewer; other pages show the same region."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from server.kernel.auth import Viewer
from server.kernel.live import ALERTS_PAGE, Audience, Page, alerts_for


async def watch(request: Request, viewer: Viewer) -> Sequence[Audience]:
    """The audience of /stream?page=alerts."""
    return [alerts_for(viewer)]


PAGES: list[Page[Any]] = [replace(ALERTS_PAGE, watch=watch)]
