"""What `serve` tells Python's garbage collector, beside its defaults, in a process with hundreds of thousands of objects."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from server.cli.commands import GC_THRESHOLDS
from tests.bench.by_turns import gained
from tests.bench.feed import Ours
from tests.bench.optimisations_live import Reader, request_for
from tests.bench.table import Row

_STREAMS, _MESSAGES = 2000, 120
_LASTING = 300_000  # objects beside the streams: viewers, audiences, what was rendered last
_PYTHONS = (700, 10, 10)  # its default thresholds


@contextmanager
def _thresholds(*values: int) -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*values)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def measure(short: bool) -> list[Row]:
    """In this process, with the product's modules loaded; its collector is left as it was."""
    rounds = 1 if short else 4
    return [await _deliveries(rounds, 20 if short else _STREAMS), _freeze(rounds)]


async def _deliveries(rounds: int, streams: int) -> Row:
    """CPU of messages to all streams; with fewer of them there is no full collection among them."""
    lasting = [[number] for number in range(_LASTING * streams // _STREAMS)]
    feed, readers = Ours(), [Reader() for _ in range(streams)]
    tasks = [asyncio.create_task(feed(request_for("/sub"), one.receive, one.send)) for one in readers]
    await _settle()
    assert len(feed.subscribers) == streams
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for thresholds, times in zip((GC_THRESHOLDS, _PYTHONS), found, strict=True):
            gc.collect()
            with _thresholds(*thresholds):
                times.append(await _deliver(feed) * 1000)
    assert {one.messages for one in readers} == {2 * rounds * _MESSAGES}, "each heard everything once"
    assert lasting
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    what = f"thresholds of the collector, beside Python's own: {_MESSAGES} messages to {streams:,} streams"
    return gained(what, *found, "ms")


async def _deliver(feed: Ours) -> float:
    began = time.process_time()
    for number in range(_MESSAGES):
        for subscriber in feed.subscribers:
            subscriber.send({"numbers": b"data: %d\n" % number})
        await _settle()
    return time.process_time() - began


async def _settle() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


def _freeze(rounds: int) -> Row:
    """A full collection of what the program itself is, frozen and not."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for frozen, times in zip((True, False), found, strict=True):
            gc.collect()
            if frozen:
                gc.freeze()
            began = time.process_time()
            gc.collect()
            times.append((time.process_time() - began) * 1000)
            gc.unfreeze()
    return gained("a full collection after gc.freeze, beside without", *found, "ms")
