"""The workloads of the benchmarks, short: a test fails when something was lost or doubled, never on the clock."""

from types import ModuleType

import pytest

from tests.bench import (
    fanout,
    finding,
    floor,
    history,
    ingest,
    leaderboard,
    optimisations,
    people,
    queue,
    rings,
    sign_in,
    stored,
    transcript,
)


@pytest.mark.parametrize("bench", [ingest], ids=lambda bench: bench.__name__)
async def test_nothing_is_lost_or_doubled(bench: ModuleType) -> None:
    assert await bench.run(short=True)


@pytest.mark.full
@pytest.mark.parametrize(
    "bench",
    [
        fanout,
        floor,
        optimisations,
        sign_in,
        people,
        queue,
        rings,
        stored,
        history,
        finding,
        leaderboard,
        transcript,
    ],
    ids=lambda bench: bench.__name__,
)
async def test_nothing_is_lost_or_doubled_beside_its_peers(bench: ModuleType) -> None:
    assert await bench.run(short=True)
