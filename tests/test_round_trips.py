"""What a page, a ring and a decision cost in statements and transactions."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from server.embedded.postgres import SUPERUSER
from tests.app_server import Agent, AppServer, Person, decision
from tests.conftest import a_folder, free_port, other_postgres, prepared, serving, until
from tests.ledger import WEB, Ledger, Statement

# Its transactions in their order. A statement goes by the function that it calls or the table that it reads.
VIEWER = "become {} commit"  # it begins with becoming somebody, in one round trip
SESSION = "find_web_session"
COSTS = {
    "GET / of a supervisor": (SESSION, "read_audiences_v2"),
    "GET / of an admin": (SESSION, "read_audiences_v2"),
    "GET / of an admin, filtered": (SESSION, "read_audiences_v2"),
    "GET /interactions/{id}": (SESSION, "read_audiences_v2", VIEWER.format("review")),
    "GET /interactions/{another's id}": (SESSION, "read_audiences_v2"),
    "GET /leaderboard": (
        SESSION,
        VIEWER.format("leaderboard_range leaderboard_v2 interaction_scores leaderboard_trend"),
    ),
    "GET /leaderboard.csv": (SESSION, VIEWER.format("leaderboard_range leaderboard_v2 interaction_scores")),
    "GET /system": (SESSION, VIEWER.format("system_report")),
    "GET /people": (SESSION, VIEWER.format("agents")),
    "GET /people/{id}": (SESSION, VIEWER.format("agents agents audit_logs")),
    "GET /account": (
        SESSION,
        "web_sessions_of",
        VIEWER.format("own_signals push_subscriptions"),
        VIEWER.format("preferences"),
    ),
    "GET /account/signals": (SESSION, VIEWER.format("own_signals push_subscriptions")),
    "GET / of nobody": (),
    "a decision": (SESSION, "decide_v2"),
    "a decision that comes too late": (SESSION, "decide_v2"),
    "the form of a standing approval": (SESSION, VIEWER.format("permission_card grant_words")),
    "a standing approval": (SESSION, VIEWER.format("permission_card grant_words"), "allow_with_grant"),
    "an agent's look at it": ("look_at_decision",),
    "a metric": ("record_metrics",),
    "a hundred metrics in one request": ("record_metrics",),
}


@pytest.fixture(scope="module")
def measured() -> Iterator[AppServer]:
    """A server of its own, because other statements would be in its log."""
    with (
        a_folder() as folder,
        other_postgres(folder / "home"),
        # An interaction that becomes silent rings its floor, rightly, and no test here is about that.
        serving(prepared(folder / "home"), free_port(), STALE_SECONDS="500") as app_server,
    ):
        yield app_server


@pytest.fixture(scope="module")
async def ledger(measured: AppServer) -> AsyncIterator[Ledger]:
    async with measured.database(SUPERUSER) as superuser:
        await superuser.execute("alter system set log_statement = 'all'")
        await superuser.execute("select pg_reload_conf()")
        yield Ledger(measured, superuser)


@dataclass(frozen=True, slots=True)
class Browsers:
    """Two supervisors with a live interaction each, an admin, and their browsers."""

    voice: Person
    chat: Person
    live: dict[str, str]  # username → interaction
    of: dict[str, httpx.AsyncClient]


@pytest.fixture(scope="module")
async def browsers(measured: AppServer, ledger: Ledger) -> AsyncIterator[Browsers]:
    voice, chat = await measured.hire("voice", 2), await measured.hire("chat")
    people = {"voice": voice, "chat": chat, "admin": await measured.hire("admin"), "nobody": None}
    live = {}
    for person in (voice, chat):
        live[person.username] = await measured.start(person.agents[0])
        await measure(measured, person.agents[0], live[person.username], 50)
    async with AsyncExitStack() as stack:
        of = {name: await stack.enter_async_context(measured.browser_of(who)) for name, who in people.items()}
        # All connections of the pool, and every question prepared on each.
        for browser in of.values():
            await asyncio.gather(*(browser.get("/") for _ in range(40)))
        yield Browsers(voice, chat, live, of)


@pytest.fixture(autouse=True)
async def rested(ledger: Ledger, browsers: Browsers) -> None:
    await ledger.quiet(0.3)


async def measure(app_server: AppServer, agent: Agent, interaction: str, *scores: int) -> None:
    """Post metrics in one request."""
    items = [{"satisfaction_score": score, "feed_text": f"line {score}"} for score in scores]
    body = items[0] if len(items) == 1 else items
    async with app_server.api(agent) as api:
        answer = await api.post(f"/interactions/{interaction}/metrics", json=body)
    assert answer.status_code == 202, answer.text


class Stream:
    """An open stream and its messages."""

    def __init__(self) -> None:
        self.said = ""

    async def read(self, browser: httpx.AsyncClient, page: str) -> None:
        async with browser.stream("GET", f"/stream?page={page}", timeout=None) as answer:
            assert answer.status_code == 200
            async for part in answer.aiter_text():
                self.said += part


@asynccontextmanager
async def watching(
    ledger: Ledger, browser: httpx.AsyncClient, page: str = "floor", count: int = 1
) -> AsyncIterator[list[Stream]]:
    """So many streams of one page, each after its snapshot and with nothing under way."""
    streams = [Stream() for _ in range(count)]
    tasks = [asyncio.create_task(stream.read(browser, page)) for stream in streams]
    shown = "timeline" if page.startswith("interaction") else "tool-permissions"
    try:
        await until(lambda: all(f'hx-target="#{shown}"' in stream.said for stream in streams))
        await ledger.quiet(0.3)
        for stream in streams:
            stream.said = ""
        yield streams
        assert not any(task.done() for task in tasks), "a stream ended"
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def hear(streams: list[Stream], text: str) -> None:
    await until(lambda: all(text in stream.said for stream in streams))


async def backends(ledger: Ledger) -> dict[int, str]:
    """The web process's connections, with the state of each."""
    rows = await ledger.superuser.fetch(
        "select pid, state from pg_stat_activity where usename = $1 and backend_type = 'client backend'", WEB
    )
    return {row["pid"]: row["state"] for row in rows}


@asynccontextmanager
async def costing(ledger: Ledger, name: str) -> AsyncIterator[None]:
    """The block costs what the table says."""
    async with ledger.counting() as cost:
        yield
    assert cost.transactions == COSTS[name]


@pytest.mark.parametrize("name", [name for name in COSTS if name.startswith("GET")])
async def test_a_page_costs_what_the_table_says(ledger: Ledger, browsers: Browsers, name: str) -> None:
    path = name.split()[1].rstrip(",").replace("people/{id}", f"people/{browsers.voice.id}")
    who = next((who for who in ("supervisor", "admin", "nobody") if who in name), "admin")
    if path.startswith("/interactions"):
        path = "/interactions/" + browsers.live[browsers.voice.username]
        who = "chat" if "another" in name else "voice"
    browser = browsers.of.get(who, browsers.of["voice"])
    query = "?type=voice&sentiment=good&supervisor=a" if "filtered" in name else ""
    status = 404 if "another" in name else 303 if who == "nobody" else 200
    assert (await browser.get(path + query)).status_code == status  # what is prepared once a connection
    async with costing(ledger, name):
        assert (await browser.get(path + query)).status_code == status


@pytest.mark.parametrize("name", [name for name in COSTS if name.startswith("a decision")])
async def test_a_decision_costs_what_the_table_says(
    measured: AppServer, ledger: Ledger, browsers: Browsers, name: str
) -> None:
    live = browsers.live[browsers.chat.username]
    request = await measured.ask(browsers.chat.agents[0], live)

    async def decide() -> int:
        form = decision(request, "denied")
        path, headers = f"/tool-permissions/{request['id']}/decision", {"HX-Request": "true"}
        return (await browsers.of["chat"].post(path, data=form, headers=headers)).status_code

    if "late" in name:
        assert await decide() == 200
    async with costing(ledger, name):
        assert await decide() == (409 if "late" in name else 200)


async def test_a_standing_approval_costs_what_the_table_says(
    measured: AppServer, ledger: Ledger, browsers: Browsers
) -> None:
    live = browsers.live[browsers.chat.username]
    request = await measured.ask(browsers.chat.agents[0], live, tool_name="granted")
    path, headers = f"/tool-permissions/{request['id']}/standing-approval", {"HX-Request": "true"}
    form = {"arguments_digest": request["arguments_digest"], "scope": "exact", "uses": "3", "minutes": "30"}
    async with costing(ledger, "the form of a standing approval"):
        assert (await browsers.of["chat"].get(path, headers=headers)).status_code == 200
    async with costing(ledger, "a standing approval"):
        assert (await browsers.of["chat"].post(path, data=form, headers=headers)).status_code == 200


async def test_an_agents_look_at_a_decision_is_one_read(
    measured: AppServer, ledger: Ledger, browsers: Browsers
) -> None:
    agent, live = browsers.chat.agents[0], browsers.live[browsers.chat.username]
    permission = (await measured.ask(agent, live, tool_name="look"))["id"]
    async with measured.api(agent) as api, costing(ledger, "an agent's look at it"):
        assert (await api.get(f"/tool-permissions/{permission}")).json()["status"] == "pending"


async def test_a_metric_is_one_statement_and_so_are_a_hundred(
    measured: AppServer, ledger: Ledger, browsers: Browsers
) -> None:
    agent, live = browsers.voice.agents[0], browsers.live[browsers.voice.username]
    async with costing(ledger, "a metric"):
        await measure(measured, agent, live, 51)
    async with costing(ledger, "a hundred metrics in one request"):
        await measure(measured, agent, live, *range(100))


@pytest.mark.parametrize("count", [1, 20])
async def test_a_ring_is_one_read_however_many_watch(
    measured: AppServer, ledger: Ledger, browsers: Browsers, count: int
) -> None:
    agent, live = browsers.voice.agents[0], browsers.live[browsers.voice.username]
    async with watching(ledger, browsers.of["voice"], count=count) as streams:
        for score in (61, 62, 63):
            await asyncio.sleep(1)  # until the audience's throttle has forgotten the last one
            async with ledger.counting() as cost:
                await measure(measured, agent, live, score)
                await hear(streams, f"line {score}")
                await asyncio.sleep(0.3)
            assert cost.transactions == ("record_metrics", "read_audiences_v2")


async def test_two_supervisors_who_ring_at_once_are_read_once_each(
    measured: AppServer, ledger: Ledger, browsers: Browsers
) -> None:
    async with (
        watching(ledger, browsers.of["voice"]) as one,
        watching(ledger, browsers.of["chat"]) as two,
    ):
        for score in range(71, 76):
            await asyncio.sleep(1)
            async with ledger.counting() as cost:
                await asyncio.gather(
                    *(
                        measure(measured, person.agents[0], browsers.live[person.username], score)
                        for person in (browsers.voice, browsers.chat)
                    )
                )
                await hear([*one, *two], f"line {score}")
                await asyncio.sleep(0.3)
            reads = cost.of("read_audiences_v2")
            assert set(cost.transactions) == {"record_metrics", "read_audiences_v2"}
            assert len(cost.of("record_metrics")) <= 2
            assert len(reads) <= 2
            for person in (browsers.voice, browsers.chat):
                assert sum(asked(read).count(str(person.id)) for read in reads) == 1


def entries(read: Statement) -> list[dict[str, Any]]:
    """The audiences that it reads, as their claims, pages and arguments."""
    found = re.search(r"\$1 = '(.*)'", read.parameters, re.DOTALL)
    assert found, read
    audiences: list[dict[str, Any]] = json.loads(found[1].replace("''", "'"))
    return audiences


def asked(read: Statement) -> list[str]:
    """Whose floors it reads."""
    return [entry["arguments"]["supervisor_id"] for entry in entries(read)]


async def test_many_admins_with_the_same_filters_are_one_read_a_second(
    measured: AppServer, ledger: Ledger, browsers: Browsers
) -> None:
    """With metrics all the time, streams and first pages, some of them at the same moment; another order is read apart."""
    agent, live = browsers.voice.agents[0], browsers.live[browsers.voice.username]
    admin, score = browsers.of["admin"], 0
    async with (
        measured.browser_of(await measured.hire("admin")) as second,
        watching(ledger, admin, "wallboard", count=6),
        watching(ledger, second, "wallboard", count=6),
        watching(ledger, second, "wallboard&sort=longest", count=2),
    ):
        began = time.monotonic()
        async with ledger.counting() as cost:
            while time.monotonic() < began + 3.5:
                score = score % 100 + 1
                pages = (who.get(path) for who in (admin, second) for path in ("/", "/", "/?sort=longest", "/?type=voice"))  # fmt: skip
                for answer in await asyncio.gather(measure(measured, agent, live, score), *pages):
                    assert answer is None or answer.status_code == 200
        seconds = time.monotonic() - began
    read = [json.dumps(one["arguments"] | {"known": {}}, sort_keys=True) for reads in cost.of("read_audiences_v2")
            for one in entries(reads) if one["page"] == "wallboard"]  # fmt: skip
    counts = Counter(read)
    assert len(counts) == 3
    for arguments, count in counts.items():
        assert 1 < count <= seconds + 1, arguments


async def test_nothing_is_asked_while_nothing_happens(ledger: Ledger, browsers: Browsers) -> None:
    live = browsers.live[browsers.chat.username]
    async with (
        watching(ledger, browsers.of["voice"], count=20),
        watching(ledger, browsers.of["admin"], "wallboard", count=5),
        watching(ledger, browsers.of["chat"], f"interaction&id={live}", count=5),
        ledger.counting() as cost,
    ):
        await asyncio.sleep(2)
    assert cost.transactions == ()
    assert "sweep" in [statement.word for statement in cost.background], "the log says nothing"


async def test_a_ring_that_nobody_watches_is_not_read(
    measured: AppServer, ledger: Ledger, browsers: Browsers
) -> None:
    agent, live = browsers.chat.agents[0], browsers.live[browsers.chat.username]
    async with watching(ledger, browsers.of["voice"]), costing(ledger, "a metric"):
        await measure(measured, agent, live, 81)
        await asyncio.sleep(0.5)


async def test_an_open_stream_holds_no_connection(ledger: Ledger, browsers: Browsers) -> None:
    before = await backends(ledger)
    assert 0 < len(before) <= 10 + 1  # the pool's, and the one that listens
    async with watching(ledger, browsers.of["voice"], count=50):
        after = await backends(ledger)
        assert set(after) <= set(before)

        async def all_idle() -> bool:
            return set((await backends(ledger)).values()) == {"idle"}

        await until(all_idle)  # but for the moment in which the sweeper sweeps
