"""Findings: one sentence each. A check that fails or hangs does not hide the other findings."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, TypeAlias

from server.errors import RequestError

SECONDS = 5.0  # for one request to a service
LONGEST = 30.0  # for all checks of one subject


@dataclass(frozen=True, slots=True)
class Finding:
    """✓ right, ! worth a look, ✗ wrong; the sentence says what to do."""

    mark: Literal["✓", "!", "✗"]
    sentence: str


Findings: TypeAlias = AsyncGenerator[Finding, None]


def right(sentence: str) -> Finding:
    return Finding("✓", sentence)


def doubtful(sentence: str) -> Finding:
    return Finding("!", sentence)


def wrong(sentence: str) -> Finding:
    return Finding("✗", sentence)


async def collect(subject: str, check: Findings) -> list[Finding]:
    """All findings of a check; when it fails, the failure is the last one."""
    found: list[Finding] = []
    try:
        async with asyncio.timeout(LONGEST), aclosing(check):
            async for finding in check:
                found.append(finding)  # noqa: PERF401 - findings before a failure stay
    except TimeoutError:
        found.append(wrong(f"{subject}: no answer in time, so the rest of it was not checked"))
    except RequestError as error:
        found.append(wrong(error.detail))
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding too
        found.append(wrong(f"{subject} could not be checked: {why(error)}"))
    return found


def why(error: BaseException) -> str:
    """The reason, in one line."""
    return str(error).split("\n")[0].strip() or type(error).__name__
