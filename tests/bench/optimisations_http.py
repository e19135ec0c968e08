"""What kernel/http does for speed, beside the plain way: partials, filters, digests, checks."""

import datetime as dt
import json
from functools import partial as bound
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import Receive, Scope, Send

from server.app import CALLS
from server.floor import pages, wallboard
from server.kernel.http import TrustedHosts, exact_json, partial, partials, rendering
from server.kernel.http.filters import mask_phone, moment, sparkline
from tests.bench.by_turns import alternate, gained
from tests.bench.cards import agent
from tests.bench.table import Row

_AT = "2026-05-04T10:20:30.123456+00:00"


async def measure(short: bool) -> list[Row]:
    """A card of the floor, and what it is made of."""
    card = agent(1)
    interaction = card["interaction"]
    assert interaction is not None
    scores = interaction["scores"]
    small: dict[str, Any] = {"state": "live", "since": None}
    found = rendering.environment().get_template("shared/_connection.html")
    return [
        alternate(
            "partial through root_render_func, beside render(): a small one",
            lambda: partial("shared/_connection.html", **small),
            lambda: found.render(**small),
            short=short,
        ),
        alternate(
            "partial through root_render_func, beside render(): a card",
            lambda: pages.AGENT.html({"agent": card}),
            bound(rendering.environment().get_template(pages.AGENT.path).render, agent=card),
            short=short,
        ),
        alternate(
            "getattr that asks dicts first, beside Jinja's: a card",
            bound(rendering.environment().get_template(pages.AGENT.path).render, agent=card),
            bound(_plain_environment().get_template(pages.AGENT.path).render, agent=card),
            short=short,
        ),
        _indents(),
        alternate(
            "points of a sparkline as a table, beside formatting them",
            bound(sparkline, scores),
            bound(_sparkline, scores),
            short=short,
        ),
        alternate(
            "masks of numbers kept, beside made each time",
            bound(mask_phone, "+18505550155"),
            bound(mask_phone.__wrapped__, "+18505550155"),
            short=short,
        ),
        alternate(
            "moment put together by hand, beside datetime and Markup.format",
            bound(moment, _AT),
            bound(_moment, _AT),
            short=short,
        ),
        alternate(
            "marshal as a card's digest, beside repr",
            bound(partials._digest, card),
            bound(repr, card),
            short=short,
            same=False,
        ),
        alternate(
            "marshal as a card's digest, beside json.dumps",
            bound(partials._digest, card),
            bound(json.dumps, card),
            short=short,
            same=False,
        ),
        _checked(short=short),
        _hosts(short=short),
    ]


def _plain_environment(*, indented: bool = False) -> Environment:
    """The application's own, but Jinja's class, and with the indents if `indented`."""
    ours = rendering.environment()
    extensions = [] if indented else [rendering._Unindented]
    made = Environment(
        loader=ours.loader,
        autoescape=True,
        undefined=ours.undefined,
        trim_blocks=True,
        auto_reload=False,
        extensions=extensions,
    )
    made.filters.update(ours.filters)
    made.globals.update(ours.globals)
    return made


def _indents() -> Row:
    row: wallboard.Row = {
        "id": "00000000-0000-4000-8000-000000000001",
        "agent_name": "Voice agent 1",
        "username": "supervisor1",
        "interaction_type": "voice",
        "started_at": _AT,
        "phone_number": "+18505550155",
        "caller": None,
        "last_seen_at": _AT,
        "sentiment": "good",
        "satisfaction_score": 62.5,
        "feed": {"id": 7, "at": _AT, "text": "I'd like to know where my order is, please."},
        "grants": None,
        "is_test": False,
        "silent_since": None,
        "scores": [50.0 + n % 7 for n in range(60)],
    }
    environments = [_plain_environment(indented=indented) for indented in (False, True)]
    shown, indented = (
        environment.get_template(wallboard.INTERACTIONS.path).render(
            interactions=[row] * 50, order="worst first", more=0, hidden=0, clear="/", agents=3
        )
        for environment in environments
    )
    assert "".join(shown.split()) == "".join(indented.split())
    return gained(
        "no indents, beside with them: a wallboard's list of 50", [len(shown)], [len(indented)], "bytes"
    )


def _sparkline(scores: list[float]) -> Markup:
    lately = [round(score) for score in scores[-60:]]
    start = 60 - len(lately)
    line = " ".join(f"{place * 4},{100 - score}" for place, score in enumerate(lately, start))
    return Markup(
        '<svg class="sparkline" viewBox="0 0 236 100" preserveAspectRatio="none" role="img"'
        f' aria-label="Satisfaction lately, from {lately[0]} to {lately[-1]}">'
        f'<polygon points="{start * 4},100 {line} 236,100"/><polyline points="{line}"/></svg>'
    )


def _moment(value: str) -> Markup:
    when = dt.datetime.fromisoformat(value).astimezone(dt.UTC)
    return Markup('<time datetime="{}" data-kind="{}">{}<span> UTC</span></time>').format(
        when.isoformat(), "clock", when.strftime("%H:%M:%S")
    )


def _checked(*, short: bool) -> Row:
    """A list of a hundred metrics, read with and without a look at numbers that JSON has and others read differently."""
    call = next(call for call in CALLS if call.by_stamp)
    body = call.json_body
    assert body is not None
    raw = json.dumps(
        [{"sentiment": "good", "satisfaction_score": 62.5, "feed_text": "Where is it?"}] * 100
    ).encode()

    def checked() -> object:
        exact_json.check(raw)
        return body.read(raw)

    return alternate(
        "metrics that no exact_json checks, beside checked",
        lambda: body.read(raw),
        checked,
        short=short,
    )


def _hosts(*, short: bool) -> Row:
    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        """Send no answer."""

    async def never() -> Any:
        raise AssertionError

    async def nowhere(message: Any) -> None:
        raise AssertionError

    hosts = ["127.0.0.1", "localhost"]
    ours, plain = TrustedHosts(nothing, hosts), TrustedHostMiddleware(nothing, hosts)
    scope: Scope = {"type": "http", "headers": [(b"accept", b"*/*"), (b"host", b"127.0.0.1:8000")]}

    def run(app: Any) -> None:
        called = app(scope, never, nowhere)
        try:
            called.send(None)
        except StopIteration:
            return

    return alternate(
        "hosts that are known, beside Starlette's TrustedHostMiddleware",
        bound(run, ours),
        bound(run, plain),
        short=short,
    )
