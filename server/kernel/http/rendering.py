"""HTML from templates: pages, partials and the names that templates may use. Only this module imports Jinja."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2 import Template as Compiled
from jinja2.ext import Extension
from jinja2.runtime import Context
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from server import FILES
from server.errors import RequestError
from server.kernel.db import Record
from server.kernel.http.bundles import address as static
from server.kernel.http.compression import padding
from server.kernel.http.filters import (
    argument,
    clock_time,
    course,
    duration,
    iso,
    mask_phone,
    moment,
    now,
    parts,
    size,
    small_sparkline,
    sparkline,
)
from server.kernel.http.looks import look_of
from server.kernel.http.plain_text import cut, spelled, visible
from server.kernel.http.user_agents import device

Shown = TypeVar("Shown", bound=Mapping[str, Any])


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page. Templates find `viewer` where a person is signed in."""
    page = page_of(environment().get_template(template), context | _frame(request))
    return HTMLResponse(page, status, padding())


def page_of(template: Compiled, values: Mapping[str, Any]) -> str:
    """What the template makes of these values, none of which it keeps.

    A macro refers to the context that has it, also in an included or imported template, so with Jinja's own render() all rows of
    a page waited for the garbage collector: each hundredth list of interactions stopped the process for 0.2 s.
    """
    made: list[Context] = []
    token = _MADE.set(made)
    try:
        return "".join(template.root_render_func(template.new_context(dict(values))))
    except Exception:  # noqa: BLE001 - it is raised again, with the lines of the template in its traceback
        template.environment.handle_exception()
    finally:
        _MADE.reset(token)
        for context in made:
            # Not that of a module imported without context, which Jinja keeps for other pages.
            if context.parent.keys() & values.keys():
                context.vars.clear()
                context.parent = {}


def _frame(connection: HTTPConnection) -> dict[str, Any]:
    return {
        "viewer": getattr(connection.state, "viewer", None),
        "path": connection.url.path,
        "look": look_of(connection),
    }


def live(request: Request, template: str, query: dict[str, str], **context: Any) -> HTMLResponse:
    """A page with a stream, `/stream?query`. The tabs of one session that show the same page share one stream."""
    address = urlencode(query)
    channel = hashlib.sha256(f"{request.state.viewer.session_id} {address}".encode()).hexdigest()[:24]
    return render(request, template, query=address, channel=channel, **context)


def partial(template: str, **context: Any) -> str:
    """One region, by the same template for page, reply and stream."""
    found = environment().get_template(template)
    # Like render(), but without copying the globals into each context: 1.9 times as fast for a small partial, 1.1 times
    # for an agent's card (bench optimisations).
    return "".join(found.root_render_func(found.new_context({**_globals(), **context}, shared=True)))


@dataclass(frozen=True, slots=True)
class Template(Generic[Shown]):
    """A template and the type of record that it shows; a test compares the names in the template with the record's fields."""

    path: str
    shows: type[Shown]

    def html(self, shown: Shown) -> str:
        """The partial."""
        return partial(self.path, **shown)


def fragment(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """One region as a reply."""
    return HTMLResponse(partial(template, **context), status)


def error(connection: HTTPConnection, problem: RequestError) -> Response:
    """A refusal as a page, or as text for a fragment."""
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after else {}
    if connection.headers.get("hx-request"):
        return PlainTextResponse(problem.detail, problem.status, headers)
    page = page_of(environment().get_template("error.html"), {"problem": problem, **_frame(connection)})
    return HTMLResponse(page, problem.status, headers)


_DICT = frozenset(dir(dict))
_KEYED = (dict, Record)
_MADE = ContextVar[list[Context] | None]("_MADE", default=None)


class _Context(Context):
    """Known to page_of while it renders."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if (made := _MADE.get()) is not None:
            made.append(self)


class _Environment(Environment):
    """Most values are dicts or rows, so it asks those for the key first; Jinja would try an attribute and fail.

    An agent's card is rendered 1.5 times as fast (bench optimisations).
    """

    context_class = _Context

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) in _KEYED and attribute in obj and attribute not in _DICT:
            return obj[attribute]
        return super().getattr(obj, attribute)


class _Unindented(Extension):
    """Removes the indentation of templates, which only their readers need.

    Without this the wallboard's list has 1.06 times as many bytes (bench optimisations).
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja's
        if name is not None and not name.endswith(".html"):
            return source  # an example of a program, which is shown as it is
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


@cache
def environment() -> Environment:
    """Jinja with the filters and globals of this application."""
    made = _Environment(
        loader=FileSystemLoader(FILES / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
        extensions=[_Unindented],
    )
    made.filters.update(mask_phone=mask_phone, moment=moment, argument=argument, sparkline=sparkline)
    made.filters.update(small_sparkline=small_sparkline, clock_time=clock_time)
    made.filters.update(spelled=spelled, visible=visible, cut=cut)
    made.filters.update(iso=iso, duration=duration, size=size, parts=parts, course=course, device=device)
    made.globals.update(static=static, now=now, reasons=[], stale_seconds=0)
    return made


def hold(reasons: Sequence[str], stale_seconds: int) -> None:
    """What every page shows of the settings: the reasons that a denial offers, and after how many seconds an agent is silent."""
    environment().globals.update(reasons=[*reasons], stale_seconds=stale_seconds)
    _globals.cache_clear()


def offered_reasons() -> list[str]:
    """The reasons that a denial offers."""
    found: list[str] = _globals()["reasons"]
    return found


@cache
def _globals() -> dict[str, Any]:
    return dict(environment().globals)
