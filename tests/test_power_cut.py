"""PostgreSQL and the web process are killed under load: everything acknowledged is there, and nothing is half done."""

import asyncio
import datetime as dt
import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from server.embedded import folders
from tests.app_server import DEADLINE, Agent, AppServer, decision
from tests.conftest import a_folder, free_port, serving

ARCHIVE = {"issues": [{"issue": "Late", "status": "resolved", "priority": "low"}], "csat_score": 80}
VICTIMS = ("PostgreSQL", "web", "both")


@dataclass(slots=True)
class Ledger:
    """What clients were told, and what they tried without an answer."""

    active: dict[str, Agent] = field(default_factory=dict)  # started, and no end was tried
    ends: dict[str, str] = field(default_factory=dict)  # acknowledged: completed or failed
    archives: dict[str, str | None] = field(default_factory=dict)  # tried with the end: its summary
    said: dict[str, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )  # acknowledged metrics and turns
    tried: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    permissions: dict[str, str] = field(default_factory=dict)  # of which interaction
    decisions: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    executions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    reports: dict[str, bool] = field(default_factory=dict)
    unanswered: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Trial:
    """A server that is killed and started again on the same home, and its clients."""

    app_server: AppServer
    stack: ExitStack
    chance: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    asked: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(
        self, client: httpx.AsyncClient, method: str, path: str, *, again: bool = True, **more: Any
    ) -> httpx.Response | None:
        """Send until there is an answer that says what happened; with again=False once, and None when there is none."""
        while True:
            try:
                answer = await client.request(method, path, **more)
                if answer.status_code not in (429, 503):
                    if answer.status_code not in (200, 201, 202, 409):
                        self.ledger.surprises.append(
                            f"{method} {path}: {answer.status_code} {answer.text[:200]}"
                        )
                    return answer
                self.ledger.unanswered[str(answer.status_code)] += 1
            except httpx.HTTPError as error:
                self.ledger.unanswered[type(error).__name__] += 1
            await asyncio.sleep(0.1)
            if not again:
                return None

    def coin(self, probability: float = 0.5) -> bool:
        return self.chance.random() < probability


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


async def converse(trial: Trial, agent: Agent) -> None:
    """An agent that has one interaction after another; the last one stays open."""
    async with trial.app_server.api(agent) as api:
        while not trial.closing.is_set():
            started = await trial.send(
                api, "POST", "/interactions", json={"interaction_type": agent.channel}, headers=key()
            )
            assert started is not None
            # The same key gets the same answer, so a lost answer leaves no unknown interaction.
            assert started.status_code == 201, started.text
            interaction = started.json()["id"]
            trial.ledger.active[interaction] = agent
            for _ in range(trial.chance.randint(2, 8)):
                if trial.coin(0.7):
                    await tell(trial, api, interaction)
                else:
                    await use_a_tool(trial, api, interaction)
                if trial.closing.is_set():
                    return
            del trial.ledger.active[interaction]
            body: dict[str, Any] = {"status": trial.chance.choice(["completed", "failed"])}
            trial.ledger.archives[interaction] = None
            if trial.coin(0.8):
                trial.ledger.archives[interaction] = summary = f"About {uuid4()}"
                body["archive"] = {"summary": summary, **ARCHIVE}
            ended = await trial.send(
                api, "POST", f"/interactions/{interaction}/end", json=body, headers=key()
            )
            if ended is not None and ended.status_code == 200:
                trial.ledger.ends[interaction] = body["status"]


async def tell(trial: Trial, api: httpx.AsyncClient, interaction: str) -> None:
    """Some metrics or turns; sent again with the same moments when the answer was lost, or given up."""
    now, tick = dt.datetime.now(dt.UTC), dt.timedelta(microseconds=1)
    moments = [(now + tick * n).isoformat() for n in range(trial.chance.randint(1, 6))]
    texts = [str(uuid4()) for _ in moments]
    what = trial.chance.choice(["metrics", "turns"])
    items: list[dict[str, Any]] = [
        {"captured_at": at, "feed_text": text, "satisfaction_score": 50}
        if what == "metrics"
        else {"captured_at": at, "speaker": "customer", "text": text}
        for at, text in zip(moments, texts, strict=True)
    ]
    trial.ledger.tried[interaction].update(texts)
    told = await trial.send(
        api, "POST", f"/interactions/{interaction}/{what}", again=trial.coin(), json=items
    )
    if told is not None and told.status_code == 202:
        trial.ledger.said[interaction].update(texts)


async def use_a_tool(trial: Trial, api: httpx.AsyncClient, interaction: str) -> None:
    """Ask, wait, claim, report; without an answer to a claim, the agent may claim again."""
    body = {"tool_name": "issue_refund", "arguments": {"order": str(uuid4())}}
    path = f"/interactions/{interaction}/tool-permissions"
    asked = await trial.send(api, "POST", path, json=body, headers=key())
    assert asked is not None
    assert asked.status_code == 201, asked.text
    permission, digest = asked.json()["id"], asked.json()["arguments_digest"]
    trial.ledger.permissions[permission] = interaction
    trial.asked.put_nowait(asked.json())
    one = f"/tool-permissions/{permission}"
    status, looks = "pending", 0
    while status == "pending" and (looks := looks + 1) < 5:
        seen = await trial.send(api, "GET", one, params={"wait": 1})
        assert seen is not None
        status = seen.json()["status"]
    if status != "allowed":
        return
    headers = key() if trial.coin() else {}
    for _ in range(2):
        claim = {"arguments_digest": digest}
        claimed = await trial.send(api, "POST", f"{one}/execution", again=False, json=claim, headers=headers)
        if claimed is not None and claimed.status_code == 201:
            execution = claimed.json()["execution_id"]
            trial.ledger.executions[permission].add(execution)
            report = {"execution_id": execution, "succeeded": trial.coin()}
            done = await trial.send(api, "PATCH", f"{one}/execution", json=report)
            if done is not None and done.status_code == 200:
                trial.ledger.reports[permission] = report["succeeded"]


async def decide(trial: Trial, browser: httpx.AsyncClient) -> None:
    """A supervisor who decides, and may change their mind when there is no answer."""
    while True:
        asked = await trial.asked.get()
        answer = None
        while answer is None:
            status, reason = trial.chance.choice(["allowed", "denied"]), str(uuid4())
            answer = await trial.send(
                browser,
                "POST",
                f"/tool-permissions/{asked['id']}/decision",
                again=False,
                data=decision(asked, status, reason=reason),
                headers={"HX-Request": "true"},
            )
            if answer is not None and answer.status_code == 200:
                trial.ledger.decisions[asked["id"]].append((status, reason))


def kill_postgresql(home: Path) -> None:
    postmaster = folders.existing_folders(home).data / "postmaster.pid"
    try:
        pid = int(postmaster.read_text().splitlines()[0])
        if Path(f"/proc/{pid}/comm").read_text() == "postgres\n":
            os.kill(pid, signal.SIGKILL)
    except (OSError, IndexError):
        pass  # it is just being started


async def kill(trial: Trial, victim: str) -> None:
    """Kill -9, and for the web process start it again as an operator would."""
    if victim in ("PostgreSQL", "both"):
        kill_postgresql(trial.app_server.home)
    if victim in ("web", "both"):
        trial.app_server.process.kill()
        trial.app_server.process.wait()
        again = await asyncio.to_thread(
            trial.stack.enter_context,
            serving(trial.app_server.home, int(trial.app_server.url.rpartition(":")[2])),
        )
        trial.app_server.process = again.process
    else:
        await asyncio.to_thread(trial.app_server.wait_until_ready)


@asynccontextmanager
async def trial(seed: int) -> AsyncIterator[Trial]:
    with a_folder() as folder, ExitStack() as stack:
        app_server = stack.enter_context(serving(folder / "home", free_port()))
        yield Trial(app_server, stack, random.Random(seed))


@pytest.mark.parametrize(
    "seconds", [pytest.param(12, id="short"), pytest.param(180, id="long", marks=pytest.mark.full)]
)
async def test_what_was_acknowledged_outlives_every_kill(seconds: float) -> None:
    seed = int(os.environ.get("FLOORWALKER_TEST_SEED", random.randrange(10**6)))
    print(f"FLOORWALKER_TEST_SEED={seed}")
    async with (
        trial(seed) as here,
        here.app_server.browser_of(await here.app_server.hire("admin")) as browser,
    ):
        people = [await here.app_server.hire("voice" if n % 2 else "chat", agents=3) for n in range(3)]
        agents = [agent for person in people for agent in person.agents]
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        deciding = [asyncio.create_task(decide(here, browser)) for _ in range(2)]
        working = [asyncio.create_task(converse(here, agent)) for agent in agents]
        kills = 0
        try:
            # A slow machine gets as much done, later.
            while (
                loop.time() < end
                or kills < 3
                or (not happened(here.ledger) and loop.time() < end + 5 * DEADLINE)
            ):
                await asyncio.sleep(here.chance.uniform(0.1, 3))
                victim = VICTIMS[kills % 3] if kills < 3 else here.chance.choice(VICTIMS)
                print(f"{loop.time() - end + seconds:6.2f} s: {victim} killed")
                await kill(here, victim)
                kills += 1
            await asyncio.sleep(1)
            here.closing.set()
            async with asyncio.timeout(5 * DEADLINE):
                await asyncio.gather(*working)
            assert not any(task.done() for task in deciding)
        finally:
            for task in deciding + working:
                task.cancel()
            await asyncio.gather(*deciding, *working, return_exceptions=True)
        ledger = here.ledger
        print(f"{kills} kills, unanswered {dict(ledger.unanswered)}, {len(ledger.ends)} ended, "
              f"{sum(map(len, ledger.said.values()))} said, {len(ledger.decisions)} decided, "
              f"{len(ledger.executions)} executed")  # fmt: skip
        assert kills >= 3
        assert happened(ledger)
        assert not ledger.surprises
        async with here.app_server.database() as owner:
            await check(owner, ledger, agents)


def happened(ledger: Ledger) -> bool:
    """Whether everything was done at least once, and once left without an answer."""
    done = len(ledger.ends), len(ledger.decisions), len(ledger.executions), len(ledger.said)
    return min(done) > 0 and sum(ledger.unanswered.values()) > 0


async def check(owner: "asyncpg.Connection[asyncpg.Record]", ledger: Ledger, agents: list[Agent]) -> None:
    """Compare what the database has with what its clients were told."""
    mine = [agent.id for agent in agents]
    interactions = {
        str(row["id"]): row
        for row in await owner.fetch("select * from public.interactions where agent_id = any ($1)", mine)
    }
    assert interactions.keys() == ledger.active.keys() | ledger.archives.keys()
    for number, agent in ledger.active.items():
        assert (interactions[number]["status"], interactions[number]["agent_id"]) == ("active", agent.id)
    assert not {
        n: (s, interactions[n]["status"]) for n, s in ledger.ends.items() if interactions[n]["status"] != s
    }

    kept = await owner.fetch("select interaction_id::text as of, summary from public.interaction_archives")
    archives = {row["of"]: row["summary"] for row in kept}
    for number, summary in ledger.archives.items():
        ended = interactions[number]["status"] != "active"
        assert archives.get(number) == (summary if ended else None), "the end and its archive are one"

    written: dict[str, list[str]] = defaultdict(list)
    for row in await owner.fetch(
        """
        select interaction_id::text as of, feed_text as text from public.realtime_metrics
        union all select interaction_id::text, text from public.interaction_turns
        """
    ):
        written[row["of"]].append(row["text"])
    for number, texts in ledger.said.items():
        assert texts <= set(written[number]), "what was acknowledged is there"
    for number in interactions:
        assert set(written[number]) <= ledger.tried[number]
        assert len(set(written[number])) == len(written[number]), "nothing is there twice"

    rows = await owner.fetch("select * from public.tool_permissions where agent_id = any ($1)", mine)
    permissions = {str(row["id"]): row for row in rows}
    assert permissions.keys() == ledger.permissions.keys()
    for number, decisions in ledger.decisions.items():
        row = permissions[number]
        assert decisions == [(row["status"], row["reason"])], "decided once, as acknowledged"
    for number, executions in ledger.executions.items():
        assert executions == {str(permissions[number]["execution_id"])}, "executed once"
        assert permissions[number]["status"] == "allowed"
    for number, succeeded in ledger.reports.items():
        assert permissions[number]["execution_succeeded"] is succeeded

    active = {number for number, row in interactions.items() if row["status"] == "active"}
    pulses = await owner.fetch(
        "select interaction_id from public.interaction_pulse where agent_id = any ($1)", mine
    )
    assert sorted(str(row["interaction_id"]) for row in pulses) == sorted(active)
    busy = {
        interactions[number][
            "agent_id"
        ]: f"in_{interactions[number]['interaction_type'].replace('voice', 'call')}"
        for number in active
    }
    for row in await owner.fetch("select id, status from public.agents where id = any ($1)", mine):
        assert row["status"] == busy.get(row["id"], "idle")
