"""The floor with forty requests that wait, a few or thirty arguments each: how long its page takes, also right after each agent said something."""

import statistics
import time

import httpx

from tests.app_server import AppServer, Person
from tests.bench.table import Row
from tests.conftest import a_folder, free_port, serving

WAITING, AGENTS = 40, 2
PAGE = 30.0  # ms


async def run(short: bool) -> list[Row]:
    """One row for requests of three arguments, one for requests of thirty, and one where all cards changed since the last page."""
    times = 5 if short else 200
    with a_folder() as folder, serving(folder / "home", free_port(), PENDING_PER_AGENT="20") as app_server:
        return [
            await _page(app_server, arguments, times, talk=talk)
            for arguments, talk in ((3, False), (30, False), (30, True))
        ]


async def _page(app_server: AppServer, arguments: int, times: int, *, talk: bool) -> Row:
    person = await app_server.hire("voice", agents=AGENTS)
    lives = await _ask(app_server, person, arguments)
    took, size = [], 0
    async with app_server.browser_of(person) as browser:
        for turn in range(times + 2):
            if talk:
                await _say(app_server, person, lives, f"Line {turn}")
            began = time.perf_counter()
            answer: httpx.Response = await browser.get("/")
            took.append((time.perf_counter() - began) * 1e3)
            size = len(answer.content)
            assert answer.text.count('class="tool-permission pending"') == WAITING
    ordered = sorted(took[2:])
    late = ordered[int(len(ordered) * 0.95)]
    return Row(
        f"floor with {WAITING} requests of {arguments} arguments{', all changed' if talk else ''}",
        f"p95 ≤ {PAGE:.0f} ms",
        f"{late:.1f} ms",
        f"p50 {statistics.median(ordered):.1f} ms; {size / 1000:.0f} kB",
        late > PAGE,
        {"p95": late},
    )


async def _ask(app_server: AppServer, person: Person, arguments: int) -> list[str]:
    given = {f"value_{number}": f"text {number}" for number in range(arguments)}
    lives = []
    for agent in person.agents:
        lives.append(await app_server.start(agent))
        for _ in range(WAITING // AGENTS):
            await app_server.ask(agent, lives[-1], arguments=given)
    return lives


async def _say(app_server: AppServer, person: Person, lives: list[str], line: str) -> None:
    for agent, live in zip(person.agents, lives, strict=True):
        async with app_server.api(agent) as api:
            metric = {"sentiment": "neutral", "satisfaction_score": 50, "feed_text": line}
            assert (await api.post(f"/interactions/{live}/metrics", json=metric)).is_success
