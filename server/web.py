"""HTML: templates, partials, forms and the filters they use; the only door to Jinja."""

import datetime as dt
import hashlib
import io
import json
import marshal
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from csv import writer as csv_writer
from functools import cache
from operator import getitem
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from server import forms
from server.errors import NotFound, RequestError
from server.plain_text import cut, spelled, visible

Made = TypeVar("Made")

ROOT = Path(__file__).parent.parent
_SPARKS = 60  # scores a sparkline has room for
# How a cell begins that a spreadsheet may take for a formula. It reads full-width signs as the plain ones, and skips tabs
# and line ends.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00", re.ASCII)
# Each of its points as text, by place and score: a line of sixty is drawn for every metric that arrives.
_POINTS = [[f"{place * 4},{100 - score}" for score in range(101)] for place in range(_SPARKS)]


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page; `viewer` is there when somebody is signed in."""
    return HTMLResponse(_templates().get_template(template).render(context | _frame(request)), status)


def _frame(connection: HTTPConnection) -> dict[str, Any]:
    settings = getattr(connection.state, "settings", None)
    return {
        "viewer": getattr(connection.state, "viewer", None),
        "path": connection.url.path,
        "stale_seconds": settings.stale_seconds if settings else 0,
    }


def live(request: Request, template: str, query: dict[str, str], **context: Any) -> HTMLResponse:
    """A page with a stream, `/stream?query`; the tabs of one session that show the same share one stream."""
    address = urlencode(query)
    channel = hashlib.sha256(f"{request.state.viewer.session_id} {address}".encode()).hexdigest()[:24]
    return render(request, template, query=address, channel=channel, **context)


def partial(template: str, **context: Any) -> str:
    """One region: the same template for the page, the reply and the stream."""
    found = _templates().get_template(template)
    # What render() does, but for copying the globals into each context, which takes as long as a small partial.
    return "".join(found.root_render_func(found.new_context({**_globals(), **context}, shared=True)))


class Partials:
    """Partials of one audience, rendered again only when what they show has changed."""

    __slots__ = ("_before", "_now")

    def __init__(self) -> None:
        self._before: dict[str, tuple[str | bytes, Any]] = {}
        self._now: dict[str, tuple[str | bytes, Any]] = {}

    def __call__(self, name: str, template: str, **context: Any) -> str:
        """One partial under a name of its own; `context` is made of what JSON has, and nothing else is shown."""
        return self._made(name, _digest(context), lambda: partial(template, **context))

    def of_row(self, row: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Made]) -> Made:
        """What is made of a row with an id; as long as it carries the same mark, or has none and is equal, it is not made again."""
        return self._made(row["id"], row.get("mark") or _digest(row), lambda: make(row))

    def _made(self, name: str, mark: str | bytes, make: Callable[[], Made]) -> Made:
        known = self._before.get(name)
        made: Made = known[1] if known is not None and known[0] == mark else make()
        self._now[name] = mark, made
        return made

    def note(self, name: str, mark: str) -> None:
        """What is known of this state beside its rows."""
        self._now[name] = mark, None

    @property
    def marks(self) -> dict[str, str]:
        """The marks of this state, by id or name: a row that still carries its own need not be read again."""
        return {name: mark for name, (mark, _) in self._now.items() if isinstance(mark, str)}

    def turn(self) -> None:
        """The next state begins: what was not asked for in this one is forgotten."""
        self._before, self._now = self._now, {}


def _digest(context: Any) -> bytes:
    return marshal.dumps(context, 2)  # version 2 says the same of what is equal, and is smaller than the rows


def fragment(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """One region as a reply of its own."""
    return HTMLResponse(partial(template, **context), status)


def error(connection: HTTPConnection, problem: RequestError) -> Response:
    """A refusal as a page; as a line of text for a fragment."""
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after else {}
    if connection.headers.get("hx-request"):
        return PlainTextResponse(problem.detail, problem.status, headers)
    page = _templates().get_template("error.html")
    return HTMLResponse(page.render(problem=problem, **_frame(connection)), problem.status, headers)


async def form(request: Request) -> dict[str, str]:
    """The text fields of a form. Invalid when it is no form, UnsupportedMediaType when it is not UTF-8."""
    return await forms.fields(request)


def identifier(text: str, what: str) -> UUID:
    """The id in an address or a form. NotFound for what is none: there is no such thing."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no such {what}.") from None


def mask_phone(number: str | None) -> str:
    """+18505550155 → +1 850 ··· 0155"""
    if not number:
        return "number not known yet"
    return f"{number[:2]} {number[2:5]} ··· {number[-4:]}" if len(number) > 9 else f"··· {number[-3:]}"


def moment(value: str | dt.datetime | None, kind: str = "clock") -> Markup | str:
    """A <time>: a clock in UTC, which the page's script turns into the viewer's own or counts from."""
    if value is None:
        return ""
    if isinstance(value, str) and _UTC.fullmatch(value):  # as the database writes it, several a card
        text = value
    else:
        when = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        text = when.astimezone(dt.UTC).isoformat()
    shown = f"{text[:10]} {text[11:16]}" if kind == "day" else text[11:19]
    # Put together by hand, from nothing that anybody typed.
    return Markup(f'<time datetime="{text}" data-kind="{kind}">{shown} UTC</time>')  # noqa: S704


def iso(value: str | dt.datetime) -> str:
    """A moment as ISO 8601, whether it comes from a row or from JSON."""
    return value if isinstance(value, str) else value.isoformat()


def argument(value: object) -> str:
    """An argument as it was sent: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def arguments(text: str) -> dict[str, Any]:
    """Arguments in the order they were sent; what cannot be taken apart (a thousand digits or levels) as one text."""
    try:
        found: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        return {"as sent": text}
    return found


def duration(seconds: float) -> str:
    """125 → 2:05"""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(count: float) -> str:
    """1234567 → 1.2 MB"""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def parts(values: Sequence[float]) -> Markup:
    """The three parts of a score as one bar, 100 wide."""
    csat, interactions, aht = (float(value) for value in values)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"'
        ' aria-label="CSAT {}, interactions {}, handle time {}">'
        '<rect class="csat" width="{}" height="10"/><rect class="interactions" x="{}" width="{}" height="10"/>'
        '<rect class="aht" x="{}" width="{}" height="10"/></svg>'
    ).format(csat, interactions, aht, csat, csat, interactions, csat + interactions, aht)


def course(scores: Sequence[Sequence[Any]]) -> Markup:
    """Satisfaction over a whole interaction, from [[seconds, score, sentiment]]."""
    if len(scores) < 2:
        return Markup("")
    last = max(float(scores[-1][0]), 1.0)
    points = [f"{float(at) / last * 1000:.0f},{100 - float(score):.0f}" for at, score, _ in scores]
    return Markup(
        '<svg class="course" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img"'
        ' aria-label="Satisfaction from {} to {} in {}"><path d="M0 30H1000M0 60H1000"/>'
        '<polyline points="{}"/></svg>'
    ).format(round(float(scores[0][1])), round(float(scores[-1][1])), duration(last), " ".join(points))


def csv(filename: str, columns: Sequence[str], rows: Iterable[Any]) -> Response:
    """A list's rows as CSV; what a spreadsheet would take for a formula is defused."""
    out = io.StringIO()
    writer = csv_writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(out.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def sparkline(scores: Sequence[float]) -> Markup:
    """The last scores (0 to 100, oldest first) as a line from left to right; sixty fill it."""
    lately = list(map(round, scores[-_SPARKS:]))
    if len(lately) < 2:
        return Markup('<svg class="sparkline" viewBox="0 0 236 100" aria-hidden="true"></svg>')
    start = _SPARKS - len(lately)
    line = " ".join(map(getitem, _POINTS[start:], lately))
    return Markup(  # noqa: S704 - numbers only
        '<svg class="sparkline" viewBox="0 0 236 100" preserveAspectRatio="none" role="img"'
        f' aria-label="Satisfaction lately, from {lately[0]} to {lately[-1]}">'
        f'<polygon points="{start * 4},100 {line} 236,100"/><polyline points="{line}"/></svg>'
    )


@cache
def stylesheets() -> list[str]:
    """One file a component; base.css is first, since it orders the layers."""
    names = sorted(path.name for path in (ROOT / "static/css").glob("*.css") if path.name != "base.css")
    return [f"css/{name}" for name in ("base.css", *names)]


def now() -> dt.datetime:
    """The server's clock, for pages on machines whose own is wrong."""
    return dt.datetime.now(dt.UTC)


@cache
def static(path: str) -> str:
    """The address of a static file, with its content's hash so that it may be cached for ever."""
    mark = hashlib.sha256((ROOT / "static" / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={mark}"


_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device(user_agent: str) -> str:
    """Mozilla/5.0 (X11; Linux x86_64) … → Chrome on Linux; what nobody would recognise is shown as it is."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    return user_agent[:60] or "A browser that does not say what it is"


_DICT = frozenset(dir(dict))


class _Environment(Environment):
    """Rows are dicts mostly: asks those for the key at once, where Jinja would try, and fail, to find an attribute."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj and attribute not in _DICT:
            return obj[attribute]
        return super().getattr(obj, attribute)


class _Unindented(Extension):
    """What indents the lines of a template is for its readers: it is not sent, since a page has sixty of some."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja's
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


@cache
def _templates() -> Environment:
    environment = _Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
        extensions=[_Unindented],
    )
    environment.filters.update(mask_phone=mask_phone, moment=moment, argument=argument, sparkline=sparkline)
    environment.filters.update(spelled=spelled, visible=visible, cut=cut)
    environment.filters.update(
        iso=iso, duration=duration, size=size, parts=parts, course=course, device=device
    )
    environment.globals.update(static=static, stylesheets=stylesheets, now=now)
    return environment


@cache
def _globals() -> dict[str, Any]:
    return dict(_templates().globals)
