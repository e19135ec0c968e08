"""A check that fails, is refused or hangs gives a sentence, and its earlier findings stay."""

import asyncio

import pytest

from server.cli.doctor import findings
from server.cli.doctor.findings import Findings, right
from server.errors import Unavailable
from tests.cli.doctor.conftest import found


async def breaking(error: Exception) -> Findings:
    yield right("this was looked at")
    raise error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Unavailable("the database is away"), "✗ the database is away"),
        (KeyError("users"), "✗ it could not be checked: 'users'"),
        (ValueError("first line\nand a second"), "✗ it could not be checked: first line"),
        (ZeroDivisionError(), "✗ it could not be checked: ZeroDivisionError"),
        (TimeoutError(), "✗ it: no answer in time, so the rest of it was not checked"),
    ],
)
async def test_what_breaks_is_a_sentence(error: Exception, sentence: str) -> None:
    assert await found(breaking(error)) == ["✓ this was looked at", sentence]


async def test_what_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    left = asyncio.Event()

    async def hanging() -> Findings:
        yield right("this was looked at")
        try:
            await asyncio.sleep(3600)
        finally:
            left.set()

    monkeypatch.setattr(findings, "LONGEST", 0.1)
    assert [finding[0] for finding in await found(hanging())] == ["✓", "✗"]
    assert left.is_set()
