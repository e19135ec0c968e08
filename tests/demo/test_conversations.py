"""Recorded interactions become scripts that the agent API can take."""

from pathlib import Path

import pytest

from server.demo.conversations import Definition
from server.demo.player import Say, Script, Tool
from server.demo.recordings import read

FOLDER = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def scripts() -> list[Script]:
    if not (FOLDER / "tools.json").exists():
        pytest.skip("the recorded interactions are not beside this checkout (../shared/data)")
    return [one.script for one in read(FOLDER).scripts]


def asked(scripts: list[Script]) -> set[str]:
    return {step.name for script in scripts for step in script.steps if isinstance(step, Tool) and step.asks}


def test_every_line_becomes_a_script(scripts: list[Script]) -> None:
    lines = sum(len(path.read_text().splitlines()) for path in (FOLDER / "conversations").glob("*.jsonl"))
    assert len({script.name for script in scripts}) == lines


def test_what_writes_asks_and_what_reads_does_not(scripts: list[Script]) -> None:
    names = asked(scripts)
    assert {"cancel_reservation", "return_delivered_order_items", "hotel_book", "update-order"} <= names
    assert not {"get_user_details", "search_direct_flight", "hotel_search", "weather"} & names


def test_a_tool_that_only_looks_in_this_mode_does_not_ask() -> None:
    tool = Definition(name="hotel_book", writes=True, writes_when={"RequestType": "Book"})
    assert tool.asks({"RequestType": "Book", "Name": "Hilton"})
    assert not tool.asks({"RequestType": "Check", "Name": "Hilton"})
    assert Definition(name="bank_fraud_report", writes=True).asks({})


def test_reading_twice_gives_the_same(scripts: list[Script]) -> None:
    again = read(FOLDER)
    assert [one.script for one in again.scripts] == scripts
    assert (again.left_out, again.notes) == ((), ())


def test_recorded_scripts_fit_the_api(scripts: list[Script]) -> None:
    for script in scripts:
        fits(script)


def fits(script: Script) -> None:
    times = [step.at for step in script.steps]
    assert times == sorted(times)
    assert all(0 <= step.satisfaction <= 100 for step in script.steps)
    assert all(step.text.strip() and len(step.text) <= 4000 for step in script.steps if isinstance(step, Say))
    assert all(0 < len(step.name) <= 255 for step in script.steps if isinstance(step, Tool))
    archive = script.archive
    assert 0 < len(archive.summary) <= 500
    assert 0 <= archive.csat_score <= 100
    assert {issue["status"] for issue in archive.issues} <= {"resolved", "unresolved"}
    assert {issue["priority"] for issue in archive.issues} <= {"low", "medium", "high"}
    assert [tag["status"] for tag in archive.tags["issues"]] == [issue["status"] for issue in archive.issues]
