"""HTML: templates, partials, forms and the filters they use; the only door to Jinja."""

import datetime as dt
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from server.errors import Invalid, RequestError

ROOT = Path(__file__).parent.parent
_FORM_FIELDS = 50


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page; `viewer` is there when somebody is signed in."""
    context.setdefault("viewer", getattr(request.state, "viewer", None))
    context["path"] = request.url.path
    return HTMLResponse(_templates().get_template(template).render(context), status)


def partial(template: str, **context: Any) -> str:
    """One region: the same template for the page, the reply and the stream."""
    return _templates().get_template(template).render(context)


def fragment(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """One region as a reply of its own."""
    return HTMLResponse(partial(template, **context), status)


def error(connection: HTTPConnection, problem: RequestError) -> Response:
    """A refusal as a page; as a line of text for a fragment."""
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after else {}
    if connection.headers.get("hx-request"):
        return PlainTextResponse(problem.detail, problem.status, headers)
    page = _templates().get_template("error.html")
    return HTMLResponse(
        page.render(problem=problem, viewer=None, path=connection.url.path), problem.status, headers
    )


async def form(request: Request) -> dict[str, str]:
    """The text fields of a form. Invalid when it is no form."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise Invalid("This form was not sent as a form.")
    fields = await request.form(max_files=0, max_fields=_FORM_FIELDS)
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def mask_phone(number: str | None) -> str:
    """+18505550155 → +1 850 ··· 0155"""
    if not number:
        return "number not known yet"
    return f"{number[:2]} {number[2:5]} ··· {number[-4:]}" if len(number) > 9 else f"··· {number[-3:]}"


def moment(value: str | dt.datetime | None, kind: str = "clock") -> Markup | str:
    """A <time>: a clock in UTC, which the page's script turns into the viewer's own or counts from."""
    if value is None:
        return ""
    when = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    when = when.astimezone(dt.UTC)
    return Markup('<time datetime="{}" data-{}>{:%H:%M:%S} UTC</time>').format(when.isoformat(), kind, when)


def argument(value: object) -> str:
    """An argument as it was sent: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


@cache
def static(path: str) -> str:
    """The address of a static file, with its content's hash so that it may be cached for ever."""
    mark = hashlib.sha256((ROOT / "static" / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={mark}"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(mask_phone=mask_phone, moment=moment, argument=argument)
    environment.globals["static"] = static
    return environment
