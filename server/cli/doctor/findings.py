"""What is found, a sentence each; and that nothing which breaks or hangs hides what else there is to find."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, TypeAlias

from server.errors import RequestError

SECONDS = 5.0  # for one question to a service
LONGEST = 30.0  # … for all about one subject


@dataclass(frozen=True, slots=True)
class Finding:
    """✓ as it should be, ! worth a look, ✗ wrong: the sentence says what to do."""

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
    """Everything that a check finds; when it is stopped by what it meets, that is the last of it."""
    found: list[Finding] = []
    try:
        async with asyncio.timeout(LONGEST), aclosing(check):
            async for finding in check:
                found.append(finding)  # noqa: PERF401 - what came before a failure stays
    except TimeoutError:
        found.append(wrong(f"{subject}: no answer in time, so the rest of it was not looked at"))
    except RequestError as error:
        found.append(wrong(error.detail))
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding as well
        found.append(wrong(f"{subject} could not be looked at: {why(error)}"))
    return found


def why(error: BaseException) -> str:
    """The reason in one line."""
    return str(error).split("\n")[0].strip() or type(error).__name__
