"""The pages under /docs, and the reference of the agent API at /api: public, in the product's look."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from server import FILES, __version__
from server.errors import NotFound
from server.kernel import http
from server.settings import STORED, Settings, names_of

_EXAMPLES = FILES / "templates" / "docs" / "examples"
_EXAMPLE_ADDRESS = "http://127.0.0.1:8000"  # in the example files
_API_TITLE = "Floorwalker agent API"
_WIDTH = 80  # characters of a body on one line


@dataclass(frozen=True, slots=True)
class Chapter:
    """One page: the last part of its address and of its template's name, and its title."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as the documentation shows it. A default of None means that it is not set."""

    name: str
    older_names: tuple[str, ...]
    default: str | None
    description: str


CHAPTERS = (
    Chapter("tour", "A tour"),
    Chapter("connect", "Connect an agent"),
    Chapter("agents", "Agents and their tools"),
    Chapter("deploy", "Deploy"),
    Chapter("settings", "Settings"),
    Chapter("commands", "Commands"),
    Chapter("backup", "Backup and restore"),
    Chapter("operations", "Monitoring and retention"),
    Chapter("troubleshooting", "Troubleshooting"),
)


def routes(calls: Sequence[http.Call]) -> list[BaseRoute]:
    """The documentation of a server that has these calls."""
    document = http.document(calls, _API_TITLE, __version__)

    async def api(request: Request) -> Response:
        return _render(request, "docs/api.html", "API reference", document=document, curl=_curl)

    async def openapi(_request: Request) -> Response:
        return JSONResponse(document)

    return [
        Route("/docs", _tour),
        Route("/docs/{name}", _chapter),
        Route("/api", api),
        Route("/api/openapi.json", openapi),
    ]


async def _tour(request: Request) -> Response:
    return _show(request, CHAPTERS[0])


async def _chapter(request: Request) -> Response:
    for chapter in CHAPTERS[1:]:
        if chapter.name == request.path_params["name"]:
            return _show(request, chapter)
    raise NotFound("There is no such page in the documentation.")


def _show(request: Request, chapter: Chapter) -> Response:
    return _render(request, f"docs/{chapter.name}.html", chapter.title, settings=documented(), stored=STORED)


def _render(request: Request, template: str, title: str, **context: Any) -> Response:
    settings: Settings = request.state.settings

    def example(name: str) -> str:
        # Agents use the public address; a proxy and probes on this machine use the port that the server listens on.
        text = _example(name).replace(_EXAMPLE_ADDRESS + http.PREFIX, settings.address + http.PREFIX)
        return text.replace(_EXAMPLE_ADDRESS, settings.here)

    return http.render(
        request,
        template,
        title=title,
        chapters=CHAPTERS,
        example=example,
        embedded=settings.embedded,
        **context,
    )


@cache
def _example(name: str) -> str:
    """An example file as it is: Jinja removes the indentation of what is in a template."""
    return (_EXAMPLES / name).read_text().rstrip()


def _curl(method: str, path: str, call: dict[str, Any]) -> str:
    """A line for a shell that has the variables of examples/api.sh; `path` and `call` are those of the OpenAPI document."""
    name = "$INTERACTION" if path.startswith(f"{http.PREFIX}/interactions") else "$PERMISSION"
    address = "$FLOORWALKER_API" + path.removeprefix(http.PREFIX).replace("{id}", name)
    query = [p for p in call["parameters"] if p["in"] == "query"]
    if query:
        address += "?" + "&".join(f"{p['name']}={p['schema']['examples'][0]}" for p in query)
    lines = [
        f'curl -sS --fail-with-body -X {method} "{address}"',
        '-H "Authorization: Bearer $FLOORWALKER_KEY"',
    ]
    if "requestBody" in call:
        example = call["requestBody"]["content"]["application/json"]["example"]
        body = json.dumps(example) if len(json.dumps(example)) < _WIDTH else json.dumps(example, indent=2)
        body = re.sub(r"\$[A-Z]+", lambda found: f"'{found[0]}'", body)  # out of the quotes of the shell
        lines += ['-H "Content-Type: application/json"', f"-d '{body}'"]
    return " \\\n  ".join(lines)


def documented() -> list[Setting]:
    """Every setting, in the order of their definition."""
    found = []
    for name, field in Settings.model_fields.items():
        newest, *older = names_of(name)
        value = int(field.default) if isinstance(field.default, bool) else field.default
        default = None if value is None else str(value)
        found.append(Setting(newest, tuple(older), default, field.description or ""))
    return found
