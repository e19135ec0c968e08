"""Simulated agents and browsers of a floor, in a process of its own: what was sent, and when whose page had it.

    python -m tests.bench.simulation PLAN RESULT

PLAN and RESULT are JSON files; `Plan` and `Result` say what is in them. Times are seconds.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import uvloop

from tests.bench.caller import Caller

_MARK = re.compile(rb"@(\d{7})@")
_TAIL = 16  # bytes of a mark or an id that may still be incomplete
_LATE = 30.0  # seconds that what is under way at the end has
_ASKED = re.compile(rb'id="tool-permission-([0-9a-f-]{36})"')
_CALLS = ("The customer asks where the order is", "The agent looks it up", "The customer sounds relieved now")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate."""

    host: str
    port: int  # that agents call
    watched: int  # the port that browsers open: the same one, or another web process's
    cookie: str  # its name there
    supervisors: list[tuple[str, str]]  # (id, cookie)
    admins: list[str]  # cookies
    workers: list[tuple[str, str, str]]  # (key, supervisor's id, interaction)
    every: float  # between two metrics of one interaction
    seconds: float
    warm: float  # of them at the start, in which everybody comes: nothing may be lost, and times do not count
    permissions: float  # a second, all together
    callers: int = 300  # connections that agents share, as one process that runs many agents would
    ramp: int = 200  # streams that are opened at once
    posts: bool = True
    watch: Literal["stream", "poll", "nobody"] = "stream"  # poll: each supervisor loads the page every second


@dataclass(slots=True)
class Result:
    """What happened."""

    sent: int = 0
    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict)  # status → how many
    never_seen: int = 0  # accepted, and never on its supervisor's page
    bytes_read: int = 0
    bytes_of_admins: int = 0
    streams: int = 0
    cut: int = 0  # streams that ended
    behind: float = 0.0  # how late the client itself was at most
    to_bytes: list[float] = field(default_factory=list)  # call → bytes at the supervisor's browser
    commit_to_bytes: list[float] = field(default_factory=list)  # the answer, which follows the commit → bytes
    began: float = 0.0  # by the machine's monotonic clock
    second: list[int] = field(default_factory=list)  # of the run in which each of these was sent
    to_answer: list[float] = field(default_factory=list)  # call → 202
    decisions: list[float] = field(default_factory=list)  # decision sent → agent has it
    asks_to_bytes: list[float] = field(default_factory=list)  # permission asked for → on the page
    asked: int = 0
    decided: int = 0
    executed: int = 0
    lost_permissions: list[str] = field(default_factory=list)


def _seen(task: "asyncio.Task[Any]") -> None:
    """Read the error of a connection that was cut, so that it is not reported as unhandled."""
    if not task.cancelled():
        task.exception()


def _request(host: str, method: str, path: str, headers: str, body: bytes) -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if method != "GET" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}\r\n".encode() + body


class Stream(asyncio.Protocol):
    """One browser's stream; it reconnects after half a second, like browsers do."""

    def __init__(self, run: "Run", path: str, cookie: str, watches: str) -> None:
        self.run, self.watches = run, watches
        self.request = run.visit(
            "GET", path, f"Cookie: {run.plan.cookie}={cookie}\r\nAccept: text/event-stream\r\n"
        )
        self.tail = b""
        self.began = False
        self.opened: asyncio.Future[None] = run.loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.tail, self.began = b"", False
        cast("asyncio.Transport", transport).write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        run = self.run
        run.result.bytes_read += len(data)
        if self.watches == "*":
            run.result.bytes_of_admins += len(data)
        if not self.began:
            self.began = True
            if not data.startswith(b"HTTP/1.1 200"):
                run.problem(f"stream: {data[:200]!r}")
            run.result.streams += 1
            if not self.opened.done():
                self.opened.set_result(None)
        if self.watches != "*":
            text = self.tail + data
            for mark in _MARK.findall(text):
                run.seen(int(mark), now)
            if b"tool-permission-" in text:
                for asked in _ASKED.findall(text):
                    run.shown(asked.decode(), now)
            self.tail = data[-64:]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.run.over:
            self.run.result.cut += 1
            self.run.loop.call_later(0.5, self.connect)

    def connect(self) -> None:
        task = self.run.loop.create_task(self._connect())
        self.run.tasks.add(task)
        task.add_done_callback(self.run.tasks.discard)

    async def _connect(self) -> None:
        while not self.run.over:
            try:
                await self.run.loop.create_connection(lambda: self, self.run.plan.host, self.run.plan.watched)
            except OSError:
                await asyncio.sleep(0.5)
            else:
                return


class Run:
    """One simulation."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.result = plan, Result()
        self.loop = asyncio.get_running_loop()
        self.over = False
        self.began = 0.0
        self.name = time.time_ns()  # no key of an earlier run
        self.tasks: set[asyncio.Task[None]] = set()
        self.free: deque[Caller] = deque(Caller(plan.host, plan.port) for _ in range(plan.callers))
        self.queue: deque[tuple[bytes, int, float]] = deque()
        self.sent_at: list[float] = []
        self.answered_at: list[float] = []
        self.seen_at: list[float] = []
        self.shown_at: dict[str, asyncio.Future[float]] = {}
        self.problems: dict[str, int] = {}

    def call(self, method: str, path: str, headers: str, body: bytes = b"") -> bytes:
        """What an agent sends."""
        return _request(f"{self.plan.host}:{self.plan.port}", method, path, headers, body)

    def visit(self, method: str, path: str, headers: str, body: bytes = b"") -> bytes:
        """What a browser sends."""
        return _request(f"{self.plan.host}:{self.plan.watched}", method, path, headers, body)

    def problem(self, what: str) -> None:
        self.problems[what[:200]] = self.problems.get(what[:200], 0) + 1

    def seen(self, mark: int, now: float) -> None:
        if mark < len(self.seen_at) and not self.seen_at[mark]:
            self.seen_at[mark] = now

    def shown(self, asked: str, now: float) -> None:
        future = self.on_page(asked)
        if not future.done():
            future.set_result(now)

    def on_page(self, asked: str) -> "asyncio.Future[float]":
        """When a tool permission is on its supervisor's page."""
        if asked not in self.shown_at:
            self.shown_at[asked] = self.loop.create_future()
        return self.shown_at[asked]

    async def open_streams(self) -> None:
        """All of them, a few hundred at once; or who loads the page every second, spread over it."""
        if self.plan.watch == "poll":
            for number, (_, cookie) in enumerate(self.plan.supervisors):
                self._start(self._poll(cookie, number / len(self.plan.supervisors)))
        if self.plan.watch != "stream":
            return
        streams = [Stream(self, "/stream?page=floor", cookie, who) for who, cookie in self.plan.supervisors]
        streams += [Stream(self, "/stream?page=wallboard", cookie, "*") for cookie in self.plan.admins]
        for at in range(0, len(streams), self.plan.ramp):
            some = streams[at : at + self.plan.ramp]
            for stream in some:
                stream.connect()
            await asyncio.gather(*(stream.opened for stream in some))

    async def _poll(self, cookie: str, after: float) -> None:
        caller = Caller(self.plan.host, self.plan.watched)
        request = self.visit("GET", "/", f"Cookie: {self.plan.cookie}={cookie}\r\nAccept: text/html\r\n")
        at = self.loop.time() + after
        while not self.over:
            await asyncio.sleep(max(0.0, at - self.loop.time()))
            at += 1.0
            status, page = await caller.call(request)
            now = time.monotonic()
            self.result.bytes_read += len(page)
            self.result.streams += 1
            if status != 200:
                self.problem(f"page: {status}")
            for mark in _MARK.findall(page):
                self.seen(int(mark), now)

    async def play(self) -> None:
        """Metrics by the clock, spread evenly; permissions between them."""
        plan, start = self.plan, time.monotonic()
        self.began = start
        random.Random(1).shuffle(plan.workers)  # agents of one supervisor do not send at the same time
        count, rate = len(plan.workers), len(plan.workers) / plan.every
        total = int(plan.seconds * rate) if plan.posts else 0
        asking = asyncio.create_task(self._ask())
        number = 0
        while number < total:
            now = time.monotonic()
            due = min(total, int((now - start) * rate) + 1)
            while number < due:
                key, _, interaction = plan.workers[number % count]
                body = b'{"sentiment":"%s","satisfaction_score":%d,"feed_text":"%s @%07d@"}' % (
                    (b"good", b"neutral", b"critical")[number % 7 % 3],
                    number * 13 % 101,
                    _CALLS[number % 3].encode(),
                    number,
                )
                scheduled = start + number / rate
                self.sent_at.append(scheduled)
                self.answered_at.append(0.0)
                self.seen_at.append(0.0)
                self.result.behind = max(self.result.behind, now - scheduled)
                path = f"/api/v1/interactions/{interaction}/metrics"
                headers = f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
                self.queue.append((self.call("POST", path, headers, body), number, scheduled))
                number += 1
            self._pump()
            await asyncio.sleep(0.002)
        if not plan.posts:
            await asyncio.sleep(plan.seconds)
        await asking
        end = time.monotonic() + _LATE
        while self.tasks and (left := end - time.monotonic()) > 0:  # a full server is late
            await asyncio.wait(self.tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(2)  # for requests under way
        self.over = True

    def _pump(self) -> None:
        while self.queue and self.free:
            request, number, _ = self.queue.popleft()
            self._start(self._post(self.free.popleft(), request, number))

    def _start(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _post(self, caller: Caller, request: bytes, number: int) -> None:
        self.result.sent += 1
        try:
            status, body = await caller.call(request)
        except OSError as error:
            status, body = 0, str(error).encode()
        self.free.append(caller)
        if status == 202:
            self.result.accepted += 1
            self.answered_at[number] = time.monotonic()
        else:
            self.result.refused[str(status)] = self.result.refused.get(str(status), 0) + 1
            self.problem(f"metric: {status} {body[:120]!r}")
        self._pump()

    async def _ask(self) -> None:
        plan = self.plan
        if not plan.permissions:
            return
        cookies = dict(plan.supervisors)
        end = time.monotonic() + plan.seconds - 5
        number = 0
        busy: set[int] = set()
        while time.monotonic() < end:
            who = random.randrange(len(plan.workers))
            if who not in busy:
                busy.add(who)
                number += 1
                self._start(
                    self._permission(plan.workers[who], cookies[plan.workers[who][1]], number, busy, who)
                )
            await asyncio.sleep(1 / plan.permissions)

    async def _permission(
        self, worker: tuple[str, str, str], cookie: str, number: int, busy: set[int], who: int
    ) -> None:
        key, _, interaction = worker
        agent, person = Caller(self.plan.host, self.plan.port), Caller(self.plan.host, self.plan.watched)
        bearer = f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        try:
            asked_at = time.monotonic()
            body = b'{"tool_name":"issue_refund","arguments":{"order":"W%d"}}' % number
            path = f"/api/v1/interactions/{interaction}/tool-permissions"
            status, answer = await agent.call(
                self.call("POST", path, f"{bearer}Idempotency-Key: {self.name}-{number}\r\n", body)
            )
            if status != 201:
                self.problem(f"ask: {status} {answer[:120]!r}")
                return
            self.result.asked += 1
            request = json.loads(answer)
            asked, form = request["id"], f"status=allowed&arguments_digest={request['arguments_digest']}"
            path = f"/api/v1/tool-permissions/{asked}"
            waiting = asyncio.create_task(agent.call(self.call("GET", f"{path}?wait=20", bearer)))
            waiting.add_done_callback(_seen)
            try:
                shown_at = await asyncio.wait_for(self.on_page(asked), 15)
            except TimeoutError:
                self.result.lost_permissions.append(f"{asked} never shown")
                return
            self.result.asks_to_bytes.append(shown_at - asked_at)
            await asyncio.sleep(random.uniform(0.5, 2))  # a person reads and thinks
            headers = f"Cookie: {self.plan.cookie}={cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\nHX-Request: true\r\n"
            clicked = time.monotonic()
            deciding = asyncio.create_task(
                person.call(self.visit("POST", f"/tool-permissions/{asked}/decision", headers, form.encode()))
            )
            deciding.add_done_callback(_seen)
            status, answer = await waiting
            learned = time.monotonic()
            decided, page = await deciding
            told = json.loads(answer) if status == 200 else {}
            if decided != 200 or told.get("status") != "allowed":
                self.result.lost_permissions.append(
                    f"{asked} {decided} {page[:80]!r} {status} {answer[:80]!r}"
                )
                return
            self.result.decided += 1
            self.result.decisions.append(learned - clicked)
            claim = json.dumps({"arguments_digest": told["arguments_digest"]}).encode()
            status, answer = await agent.call(self.call("POST", f"{path}/execution", bearer, claim))
            if status == 201:
                self.result.executed += 1
            else:
                self.result.lost_permissions.append(f"{asked} execution {status} {answer[:80]!r}")
        except OSError as error:
            self.problem(f"permission: {error}")
        finally:
            busy.discard(who)
            for caller in (agent, person):
                if caller.transport is not None:
                    caller.transport.close()

    def finish(self) -> Result:
        """Put the times together."""
        self.result.began, warm = self.began, self.began + self.plan.warm
        for sent, answered, seen in zip(self.sent_at, self.answered_at, self.seen_at, strict=True):
            if answered and not seen:
                self.result.never_seen += 1
            elif answered and sent >= warm:
                self.result.to_answer.append(answered - sent)
                self.result.to_bytes.append(seen - sent)
                self.result.commit_to_bytes.append(seen - answered)
                self.result.second.append(int(sent - self.began))
        for what, often in self.problems.items():
            print(f"{often} times: {what}", file=sys.stderr)
        return self.result


async def main(plan: Plan) -> Result:
    run = Run(plan)
    await run.open_streams()
    print("open", flush=True)
    await run.play()
    return run.finish()


if __name__ == "__main__":
    uvloop.install()
    given = Plan(**json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(asdict(asyncio.run(main(given)))))
