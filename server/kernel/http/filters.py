"""How values are shown on a page: numbers, times, arguments, charts."""

import calendar
import datetime as dt
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from operator import getitem
from typing import Any

import phonenumbers
from markupsafe import Markup
from phonenumbers import PhoneNumberFormat

from server.kernel.http.plain_text import cut, visible

_SPARKS = 60  # scores for which a sparkline has space
_FEW = 20  # for which a small one has
_MASK = 240  # bytes of HTML for a number or what replaces it
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_USER = re.compile(
    r"((?:\bsips?:)?[^\s@:<])[^\s@:<]*(?::[^\s@]*)?@", re.IGNORECASE
)  # and the password that a SIP address may contain
_HIDDEN = re.compile(r"\0(?:[\s()+.\-/\ufe0f\u20e3]*\0)*[\ufe0f\u20e3]*")  # emoji of digits have these marks
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00", re.ASCII)
_TODAY = dt.timedelta(hours=12)  # in which a day is shown without its date
# Each point as text, by place and score: a line of sixty points is drawn for each metric, 2.2 times as fast as by formatting
# each point (bench optimisations).
_POINTS = [[f"{place * 4},{100 - score}" for score in range(101)] for place in range(_SPARKS)]


# Cached, because every card has one: 100 times as fast as making it (bench optimisations).
@lru_cache(maxsize=4096)
def mask_phone(number: str | None, caller: str | None = None) -> str:
    """+18505550155 → +1 850 ··· 0155; without a number, the masked text of the caller's system: 1001 → 1···1."""
    if number:
        text = _masked_number(number) or _masked_text(number)
    elif caller and not caller.isspace():
        text = _masked_text(caller)
    else:
        text = "number unknown"
    return visible(cut(text, _MASK))


def _masked_number(text: str) -> str | None:
    """The country code, the beginning and the end of a number in E.164, so that at least three digits are hidden."""
    if not _E164.fullmatch(text):
        return None
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    national = phonenumbers.national_significant_number(parsed)
    _, *groups = re.split(r"[ -]", phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL))
    first = groups[0][: len(national) // 3] if groups else ""
    last = max(0, min(4, len(national) - len(first) - 3))
    return f"+{parsed.country_code} {first} ··· {national[len(national) - last :]}".strip()


def _masked_text(text: str) -> str:
    """Text with its digits masked: a quarter is shown at each end, three digits at most; of a SIP user the first character."""
    text = _USER.sub(r"\1···@", text)
    digits = [place for place, one in enumerate(text) if one.isdigit()]
    if len(digits) <= 2:
        return text
    ends = min(3, len(digits) // 4)
    hidden = set(digits[ends : len(digits) - ends])
    return _HIDDEN.sub("···", "".join("\0" if place in hidden else one for place, one in enumerate(text)))


def moment(value: str | dt.datetime | None, kind: str = "clock") -> Markup | str:
    """A <time> in UTC, which clock.js turns into the viewer's time zone, or counts from.

    A date is as long as clock.js writes it, and scripts hide the zone at once, so that a table keeps its columns.
    """
    if value is None:
        return ""
    if isinstance(value, str) and _UTC.fullmatch(value):  # as the database writes it; a card has several
        text = value
    else:
        when = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        text = when.astimezone(dt.UTC).isoformat()
    shown = _dated(text, kind) if kind in ("day", "date") else text[11:19]
    # Concatenated from checked text: 10 times as fast as datetime's parser and Markup.format (bench optimisations).
    return Markup(f'<time datetime="{text}" data-kind="{kind}">{shown}<span> UTC</span></time>')  # noqa: S704


def _dated(text: str, kind: str) -> str:
    """Nov 29, 14:02:10, with the year of another year; a day without seconds, and as the time alone for twelve hours."""
    present = now()
    if kind == "day" and present - dt.datetime.fromisoformat(text) < _TODAY:
        return text[11:16]
    year = "" if text[:4] == f"{present.year}" else f", {text[:4]}"
    return f"{calendar.month_abbr[int(text[5:7])]} {int(text[8:10])}{year}, {text[11 : 16 if kind == 'day' else 19]}"


def clock_time(at: dt.datetime | dt.time, clock: str, *, seconds: bool = True) -> str:
    """14:05:09, or 2:05:09 PM for those who chose a clock of 12 hours."""
    exact = ":%S" if seconds else ""
    if clock != "12":
        return at.strftime(f"%H:%M{exact}")
    return f"{(at.hour - 1) % 12 + 1}{at.strftime(f':%M{exact}')} {'PM' if at.hour >= 12 else 'AM'}"


def iso(value: str | dt.datetime) -> str:
    """A moment from a row or from JSON as ISO 8601."""
    return value if isinstance(value, str) else value.isoformat()


def argument(value: object) -> str:
    """An argument as it was sent: text unchanged, anything else as JSON."""
    if isinstance(value, str):
        return value
    # An encoder that indents is written in Python: with it, a number takes twice as long.
    return json.dumps(value, ensure_ascii=False, indent=1 if isinstance(value, dict | list) else None)


def arguments(text: str) -> dict[str, Any]:
    """Arguments in the order in which they were sent; JSON that cannot be parsed (a thousand digits or levels) as one text."""
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
    """The three parts of a score as a bar, 100 wide."""
    csat, interactions, aht = (float(value) for value in values)
    return Markup(  # noqa: S704 - numbers only
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"'
        f' aria-label="CSAT {csat}, interactions {interactions}, handle time {aht}">'
        f'<rect class="csat" width="{csat}" height="10"/><rect class="interactions" x="{csat}" width="{interactions}" height="10"/>'
        f'<rect class="aht" x="{csat + interactions}" width="{aht}" height="10"/></svg>'
    )


# Heights of the bars under a course, which tell sentiments apart without their colours; static/js/chart.js draws the same.
_BARS = {"good": 2, "neutral": 4, "critical": 8}


def _sentiments(scores: Sequence[Sequence[Any]], last: float) -> Markup:
    """The bars of each sentiment, one for each stretch, from 0 to 1000 under a picture that is 100 high.

    In one path: an element for each stretch made the page of a changeable interaction grow by a thousand nodes.
    """
    bars: list[tuple[str, float, float]] = []
    for (at, _, sentiment), (until, _, _) in pairwise(scores):
        begin, end = (max(float(moment), 0) / last * 1000 for moment in (at, until))
        if bars and bars[-1][0] == sentiment and bars[-1][2] == begin:
            bars[-1] = (sentiment, bars[-1][1], end)
        elif sentiment in _BARS:
            bars.append((sentiment, begin, end))
    drawn: dict[str, list[str]] = {}
    for sentiment, begin, end in bars:
        bar = f"M{begin:.0f} 101h{end - begin:.1f}v{_BARS[sentiment]}H{begin:.0f}z"
        drawn.setdefault(sentiment, []).append(bar)
    return Markup("").join(
        Markup('<path class="bar {}" d="{}"/>').format(sentiment, "".join(each))
        for sentiment, each in drawn.items()
    )


def course(scores: Sequence[Sequence[Any]]) -> Markup:
    """Satisfaction during an interaction, from [[seconds, score, sentiment]]."""
    if len(scores) < 2:
        return Markup("")
    last = max(float(scores[-1][0]), 1.0)
    points = [f"{max(float(at), 0) / last * 1000:.0f},{100 - float(score):.0f}" for at, score, _ in scores]
    return Markup(
        '<svg class="course" viewBox="0 0 1000 109" preserveAspectRatio="none" role="img"'
        ' aria-label="Satisfaction from {} to {} in {}"><path d="M0 30H1000M0 60H1000"/>'
        '<polyline points="{}"/>{}</svg>'
    ).format(
        round(float(scores[0][1])),
        round(float(scores[-1][1])),
        duration(last),
        " ".join(points),
        _sentiments(scores, last),
    )


def sparkline(scores: Sequence[float | Decimal]) -> Markup:
    """The last sixty scores (0 to 100, oldest first) as a line from left to right."""
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


def small_sparkline(scores: Sequence[float]) -> Markup | str:
    """Up to twenty scores (0 to 100, oldest first) as a line, in a third of the bytes, for a list of sixty."""
    lately = list(map(round, scores[-_FEW:]))
    if len(lately) < 2:
        return ""
    line = " ".join(map(getitem, _POINTS[_FEW - len(lately) :], lately))
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="sparkline" viewBox="0 0 76 100" preserveAspectRatio="none" role="img" aria-label="from {lately[0]} to {lately[-1]}">'
        f'<polyline points="{line}"/></svg>'
    )


def now() -> dt.datetime:
    """The server's time, because the clock of the viewer's machine may be wrong."""
    return dt.datetime.now(dt.UTC)
