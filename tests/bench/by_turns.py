"""The same done with an optimisation and the plain way, by turns in one process: how much the optimisation gains."""

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

from tests.bench.table import Row

LEAST = 1.05  # times; an optimisation that gains less is removed
_ROUNDS = 25
_TURN = 0.01  # seconds that a turn takes at the least

Way = Callable[[], object]
AsyncWay = Callable[[], Awaitable[object]]
Clock = Callable[[], float]


def gained(what: str, ours: Sequence[float], plain: Sequence[float], unit: str) -> Row:
    """A row: what the plain way takes, as a multiple of what ours takes; the middle half of the rounds as its spread."""
    ratios = [b / a for a, b in zip(ours, plain, strict=True)]
    gain, with_it, without = (statistics.median(values) for values in (ratios, ours, plain))
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [gain] * 3
    return Row(
        what,
        f"≥ {LEAST}",
        f"{gain:,.2f} times ({_short(with_it)} of {_short(without)} {unit})",
        f"{low:.2f}-{high:.2f}",
        gain < LEAST,
        {"ratio": gain, "with": with_it, "without": without},
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def alternate(what: str, ours: Way, plain: Way, *, short: bool, same: bool = True) -> Row:
    """µs of CPU per call. Both have to give the same result, unless `same` compares them otherwise."""
    assert not same or ours() == plain(), what

    def turn(way: Way, calls: int) -> float:
        began = time.process_time()
        for _ in range(calls):
            way()
        return time.process_time() - began

    calls = 1 if short else next(n for n in (2**power for power in count()) if turn(ours, n) > _TURN)
    found: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    for _ in range(1 if short else _ROUNDS):
        for way, times in zip((ours, plain), found, strict=True):
            times.append(turn(way, calls) / calls * 1e6)
    return gained(what, *found, "µs")


async def alternate_async(
    what: str, ours: AsyncWay, plain: AsyncWay, *, short: bool, clock: Clock = time.process_time
) -> Row:
    """µs per awaited call: of CPU, or by another clock."""

    async def turn(way: AsyncWay, calls: int) -> float:
        began = clock()
        for _ in range(calls):
            await way()
        return clock() - began

    calls = 1
    while not short and await turn(ours, calls) < _TURN:
        calls *= 2
    found: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    for _ in range(1 if short else _ROUNDS):
        for way, times in zip((ours, plain), found, strict=True):
            times.append(await turn(way, calls) / calls * 1e6)
    return gained(what, *found, "µs")
