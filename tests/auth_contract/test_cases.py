"""No case of the contract is without a test."""

import re
from pathlib import Path

CASES = range(1, 37)


def test_every_case_has_a_test() -> None:
    tests = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    marks = re.findall(
        r"^# Cases? ([\d, ]+)\n(?:@[^\n]+\n(?:[ )][^\n]*\n)*)*async def test_", tests, re.MULTILINE
    )
    tested = {int(number) for mark in marks for number in mark.split(",")}
    assert tested == set(CASES)
