"""The floor with forty requests that wait, a few or thirty arguments each: how long its page takes."""

import statistics
import time

import httpx

from tests.app_server import AppServer, Person
from tests.bench.table import Row
from tests.conftest import a_folder, free_port, serving

WAITING, AGENTS = 40, 2
PAGE = 30.0  # ms


async def run(short: bool) -> list[Row]:
    """One row for requests of three arguments, one for requests of thirty."""
    times = 5 if short else 200
    with a_folder() as folder, serving(folder / "home", free_port(), PENDING_PER_AGENT="20") as app_server:
        return [await _page(app_server, arguments, times) for arguments in (3, 30)]


async def _page(app_server: AppServer, arguments: int, times: int) -> Row:
    person = await app_server.hire("voice", agents=AGENTS)
    await _ask(app_server, person, arguments)
    took, size = [], 0
    async with app_server.browser_of(person) as browser:
        for _ in range(times + 2):
            began = time.perf_counter()
            answer: httpx.Response = await browser.get("/")
            took.append((time.perf_counter() - began) * 1e3)
            size = len(answer.content)
            assert answer.text.count('class="tool-permission pending"') == WAITING
    ordered = sorted(took[2:])
    late = ordered[int(len(ordered) * 0.95)]
    return Row(
        f"floor with {WAITING} requests of {arguments} arguments",
        f"p95 ≤ {PAGE:.0f} ms",
        f"{late:.1f} ms",
        f"p50 {statistics.median(ordered):.1f} ms; {size / 1000:.0f} kB",
        late > PAGE,
        {"p95": late},
    )


async def _ask(app_server: AppServer, person: Person, arguments: int) -> None:
    given = {f"value_{number}": f"text {number}" for number in range(arguments)}
    for agent in person.agents:
        live = await app_server.start(agent)
        for _ in range(WAITING // AGENTS):
            await app_server.ask(agent, live, arguments=given)
