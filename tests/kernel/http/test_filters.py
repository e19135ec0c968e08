"""HTML and CSV: what a spreadsheet, a browser or a person would make of a value."""

import csv
import datetime as dt
import io
import re
from decimal import Decimal
from typing import Any

import phonenumbers
import pytest

from server.kernel.http import csv_files, filters


def cells(*rows: dict[str, object]) -> list[list[str]]:
    answer = csv_files.csv("list.csv", list(rows[0]), rows)
    return list(csv.reader(io.StringIO(bytes(answer.body).decode())))


@pytest.mark.parametrize(
    "name",
    ["=1+1", "@x", "+1", "-1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x", "\t=1+1", "\r=1+1", "\n=1+1", '=HYPERLINK("x","y")'],
)  # fmt: skip
def test_a_username_never_becomes_a_formula(name: str) -> None:
    header, (username, score) = cells({"username": name, "score": Decimal("61.50")})
    assert header == ["username", "score"]
    assert username == f"'{name}"
    assert score == "61.50"


def test_csv_keeps_what_is_harmless() -> None:
    _, row = cells({"a": "ana", "b": 'two, "three"\nfour', "c": None, "d": Decimal("-1.5"), "e": "a=1"})
    assert row == ["ana", 'two, "three"\nfour', "", "-1.5", "a=1"]


def test_csv_is_an_attachment() -> None:
    answer = csv_files.csv("list.csv", ["a"], [])
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="list.csv"'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.6, "0:10"), (125, "2:05"), (3599.6, "1:00:00"), (36_061, "10:01:01")],
)
def test_a_duration_is_read_as_a_clock(seconds: float, text: str) -> None:
    assert filters.duration(seconds) == text


def test_a_number_shows_its_ends_at_most() -> None:
    assert filters.mask_phone("+18505550155") == "+1 850 ··· 0155"
    assert filters.mask_phone("+442071838750") == "+44 20 ··· 8750"
    assert filters.mask_phone("+1850") == "+1···0"
    assert filters.mask_phone(None) == filters.mask_phone("") == "number unknown"


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_of_each_countrys_numbers_the_code_is_whole_and_three_digits_or_more_are_hidden(region: str) -> None:
    number = phonenumbers.example_number(region)
    assert number is not None
    sent = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    code, *shown = filters.mask_phone(sent).split()
    assert code == f"+{number.country_code}"
    assert 1 + len(str(number.country_code)) + len("".join(shown).replace("·", "")) <= len(sent) - 3
    assert sent.startswith(code + shown[0].strip("·"))


def test_what_stands_for_a_number_has_little_room() -> None:
    assert len(filters.mask_phone(None, "\u202e" * 255)) <= 240
    assert filters.mask_phone(None, "x" * 255).endswith("x…")


def test_a_moment_is_a_clock_in_utc_whatever_zone_it_comes_in() -> None:
    text = str(filters.moment("2026-11-02T01:30:00+05:30"))
    assert (
        text
        == '<time datetime="2026-11-01T20:00:00+00:00" data-kind="clock">20:00:00<span> UTC</span></time>'
    )
    assert filters.moment(dt.datetime(2026, 11, 1, 20, tzinfo=dt.UTC)) == text
    assert not filters.moment(None)


def test_a_date_is_as_long_as_a_browser_writes_it() -> None:
    now = filters.now().replace(microsecond=0)
    long_ago = dt.datetime(now.year - 1, 3, 9, 4, 5, 6, tzinfo=dt.UTC)
    assert f">Mar 9, {now.year - 1}, 04:05:06<" in str(filters.moment(long_ago, "date"))
    assert f">Mar 9, {now.year - 1}, 04:05<" in str(filters.moment(long_ago, "day"))
    assert f">{now:%H:%M}<" in str(filters.moment(now, "day"))
    assert f">{now:%b} {now.day}, {now:%H:%M:%S}<" in str(filters.moment(now, "date"))


def test_a_course_needs_two_scores_and_says_its_ends() -> None:
    assert not filters.course([])
    assert not filters.course([[0, 50, "good"]])
    text = str(filters.course([[0, 40, "neutral"], [5, 60, None], [65, 91, "good"]]))
    assert 'aria-label="Satisfaction from 40 to 91 in 1:05"' in text
    assert 'points="0,60 77,40 1000,9"' in text


def test_a_course_tells_sentiments_by_height() -> None:
    scores: list[list[Any]] = [
        [0, 40, "neutral"],
        [10, 60, "good"],
        [20, 80, "good"],
        [30, 20, "critical"],
        [40, 30, "neutral"],
        [50, 30, None],
    ]
    paths = re.findall(r'<path class="bar (\w+)" d="([^"]+)"/>', str(filters.course(scores)))
    bars = {
        kind: re.findall(r"M(\d+) 101h([\d.]+)v(\d+)H\d+z", path) for kind, path in paths
    }  # in one element each
    assert {kind: [(x, width) for x, width, _ in each] for kind, each in bars.items()} == {
        "neutral": [("0", "200.0"), ("800", "200.0")],
        "good": [("200", "400.0")],
        "critical": [("600", "200.0")],
    }
    assert len({height for each in bars.values() for *_, height in each}) == 3


def test_the_three_parts_of_a_score_stand_side_by_side() -> None:
    text = str(filters.parts([40.5, 15, 20]))
    assert 'aria-label="CSAT 40.5, interactions 15.0, handle time 20.0"' in text
    assert 'class="interactions" x="40.5" width="15.0"' in text
    assert 'class="aht" x="55.5" width="20.0"' in text
