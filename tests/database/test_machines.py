"""People, keys and the sweeper in open transactions at once, in random order: the invariants hold."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar
from typing import cast as cast_type
from uuid import UUID

import pytest
import uvloop
from hypothesis import HealthCheck, currently_in_test_context, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.app_server import DEADLINE, AppServer
from tests.database.apart import apart
from tests.database.observed import Seen, check, compare, observe
from tests.database.operations import (
    OPERATIONS,
    OWNER,
    SERVICE,
    SWEEPER,
    THEN,
    Cast,
    Who,
    cast,
    key_of,
    person,
)
from tests.database.sessions import Fact, Session, Sessions

T = TypeVar("T")
SESSIONS = 4
PLACE = st.integers(0, 3)
OFTEN = [*OPERATIONS, "start", "pause", "complete", "ask", "allow", "take back", "claim", "allow by hand"]
MEETING = [
    "start",
    "complete",
    "fail",
    "delete",
    "ask",
    "allow",
    "take back",
    "claim",
    "pause",
    "retire",
    "cancel",
    "hold",
    "add",
    "move",
]
_LOCKED = "where {1} in (select {1} from {0} where {1} = $1 and {2} for no key update skip locked)"
BENT = {  # What time does to a permission or an interaction, unless a session holds its row; a held one does not expire.
    "expires_at": ("tool_permissions", "id", "status = 'pending' and held_until is null"),
    "held_until": ("tool_permissions", "id", "held_until is not null"),
    "execute_before": ("tool_permissions", "id", "status = 'allowed' and executed_at is null"),
    "last_seen_at": ("interaction_pulse", "interaction_id", "true"),
}


def say(text: str) -> None:
    """What hypothesis tells of an example that fails."""
    if currently_in_test_context():
        note(text)


class Runner:
    """An event loop and sessions that outlive the examples."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asyncio_runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.sessions = self.run(Sessions.open(url, SESSIONS))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.asyncio_runner.run(coroutine)

    def renew(self) -> None:
        self.run(self.sessions.close())
        self.sessions = self.run(Sessions.open(self.url, SESSIONS))

    def close(self) -> None:
        self.run(self.sessions.close())
        self.asyncio_runner.close()


class Floor(RuleBasedStateMachine):
    """Each rule is one step: an operation begins, a transaction ends, or time passes; then everything that can continue does."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self.runner, self.sessions = runner, runner.sessions
        self.whole = False  # whether the last step came to its end
        self.past: list[Seen] = []
        self.interactions: dict[UUID, UUID] = {}  # → agent
        self.permissions: dict[UUID, UUID] = {}  # → agent
        self.decided: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.claimed: dict[str, list[str]] = defaultdict(list)
        self.cast = Cast()
        self.theme: list[str] = []
        self.cause: list[Fact] = []  # what the commit made true with which this step began

    @initialize(
        theme=st.lists(st.sampled_from(OFTEN), min_size=2, max_size=8),
        held=st.sampled_from(("", "held", "due")),
    )
    def people(self, theme: list[str], held: str) -> None:
        # Few kinds of operations meet more often than many, and each example has its own.
        self.theme = theme

        async def begin() -> None:
            self.cast = await cast(self.sessions.looking)
            self.past.append(await observe(self.sessions.looking, self.cast.supervisors))

        self.runner.run(begin())
        self.whole = True
        agent = self.cast.agents[0]
        self.take("start", self.sessions.all[0], key_of(agent), agent, keep=True)
        (interaction,) = self.interactions
        for name in ("ask slowly", "use", "ask"):
            self.take(name, self.sessions.all[0], key_of(agent), interaction, keep=True)
        if held:
            slow = next(iter(self.permissions))
            self.take("allow", self.sessions.all[0], self.who("supervisor", slow), slow, keep=True)
        if held == "due":
            self.pass_time("held_until", 2, True)

    @property
    def step(self) -> int:
        return len(self.past)

    @property
    def agents(self) -> list[UUID]:
        return [UUID(id_) for id_ in self.past[-1].agents]

    @rule(session=PLACE, operation=st.integers(0, 30), by=PLACE, which=PLACE)
    def at_once(self, session: int, operation: int, by: int, which: int) -> None:
        """A whole transaction."""
        self.act(session, operation, by, which, keep=True)

    @rule(session=PLACE, operation=st.integers(0, 30), by=PLACE, which=PLACE)
    def begin(self, session: int, operation: int, by: int, which: int) -> None:
        """Begin a transaction that stays open."""
        self.act(session, operation, by, which, keep=False)

    @rule(first=st.integers(0, 30), second=st.integers(0, 30), by=PLACE, which=PLACE)
    def meet(self, first: int, second: int, by: int, which: int) -> None:
        """One begins, another arrives meanwhile, and the first commits: this finds most in fewest steps."""
        idle = {session.number for session in self.sessions.all if session.who is None}
        self.act(0, first, by, which, keep=False)
        begun = [session for session in self.open() if session.number in idle]
        self.act(0, second, by, which, keep=True)
        for session in begun:
            if session in self.open():
                self.finish(self.open().index(session), keep=True)

    def act(self, session: int, operation: int, by: int, which: int, keep: bool) -> None:
        name = self.theme[operation % len(self.theme)]
        idle = [h for h in self.sessions.all if h.task is None and h.who is None]
        target = self.target(OPERATIONS[name].on, which)
        if not idle or (target is None and OPERATIONS[name].on):
            return
        kinds = OPERATIONS[name].by.split()
        self.take(name, idle[session % len(idle)], self.who(kinds[by % len(kinds)], target), target, keep)

    @rule(session=PLACE, choice=PLACE)
    def go_on(self, session: int, choice: int) -> None:
        """More of the same in an open transaction."""
        able = [h for h in self.open() if h.facts[-1].name in THEN and h.facts[-1].answer]
        if able:
            actor = able[session % len(able)]
            last, then = actor.facts[-1], THEN[actor.facts[-1].name]
            assert actor.who is not None
            on = last.answer if last.name == "start" else last.on
            self.take(then[choice % len(then)], actor, actor.who, on, keep=False)

    def take(self, name: str, actor: Session, who: Who, target: UUID | None, keep: bool) -> None:
        say(
            f"{self.step}: session {actor.number} as {who.kind}: {name} {target}{' and commits' if keep else ''}"
        )

        async def begin() -> None:
            actor.task = asyncio.create_task(actor.do(name, who, target, self.step, keep))

        self.go(begin())

    def open(self) -> list[Session]:
        return [h for h in self.sessions.all if h.task is None and h.who is not None]

    @rule(session=PLACE, keep=st.sampled_from((True, True, True, False)))
    def finish(self, session: int, keep: bool) -> None:
        able = self.open()
        if not able:  # no precondition, because only PostgreSQL knows what waits for what, and hypothesis has to draw the same again
            return
        actor = able[session % len(able)]
        say(f"{self.step}: session {actor.number} {'commits' if keep else 'rolls back'}")
        self.cause = actor.facts if keep else []

        async def begin() -> None:
            actor.task = asyncio.create_task(actor.finish(keep))

        self.go(begin())

    @rule(what=st.sampled_from(("expires_at", *BENT)), which=PLACE, now=st.booleans())
    def pass_time(self, what: str, which: int, now: bool) -> None:
        table, key, when = BENT[what]
        on = self.target("interaction" if what == "last_seen_at" else "permission", which)
        moment = "- interval '1 day'" if now else "+ interval '8 ms'"  # a step or two from now
        say(f"{self.step}: {what} of {on} is {moment}")

        async def bend() -> None:
            async with self.sessions.looking.transaction():
                await self.sessions.looking.execute("set local session_replication_role = replica")
                await self.sessions.looking.execute(
                    f"update {table} set {what} = clock_timestamp() {moment} {_LOCKED.format(table, key, when)}",
                    on,
                )

        self.go(bend(), bent=True)

    def target(self, on: str, which: int) -> UUID | None:
        """One of the newest of its kind."""
        if on == "supervisor":
            return self.cast.supervisors[which % 2]
        if on == "agent":
            return self.agents[which % len(self.agents)]
        among = list({"interaction": self.interactions, "permission": self.permissions}.get(on, ()))
        return among[-1 - which % len(among)] if among else None

    def who(self, kind: str, target: UUID | None) -> Who:
        """The actor of this kind: the agent's own key, its supervisor."""
        if kind in ("service", "owner", "sweeper"):
            return {"service": SERVICE, "owner": OWNER, "sweeper": SWEEPER}[kind]
        if kind == "admin":
            return person("admin", self.cast.admin)
        assert target is not None
        agent = self.interactions.get(target) or self.permissions.get(target) or target
        if kind == "key":
            return key_of(agent)
        return person("supervisor", UUID(self.past[-1].agents[str(agent)]["supervisor_id"]))

    def go(self, first: Coroutine[Any, Any, None], bent: bool = False) -> None:
        """A step: this, and everything it sets free; then a check."""

        async def all_of_it() -> None:
            await first
            before = await observe(self.sessions.looking, self.cast.supervisors) if bent else self.past[-1]
            await self.sessions.settle()
            answers = self.sessions.answers()
            changed = bent or any(answer == "committed" for _, answer in answers)
            seen = await observe(self.sessions.looking, self.cast.supervisors) if changed else self.past[-1]
            done = [fact for session, answer in answers if answer == "committed" for fact in session.facts]
            compare(before, seen, {str(fact.on) for fact in done if fact.name == "take back"})
            self.past.append(seen)
            for session, answer in answers:
                say(f"   session {session.number}: {answer}")
                for fact in session.facts:
                    if fact.done < 0:
                        fact.done = self.step - 1
                        self.notice(fact, session)
                if answer == "committed":
                    self.remember(session.facts)
                    session.facts = []
            check(seen)
            self.check_promises(seen)

        self.whole = False
        self.runner.run(all_of_it())
        self.whole = True
        self.cause = []

    def notice(self, fact: Fact, session: Session) -> None:
        """An operation is done, but not committed."""
        if fact.answer is None or fact.on is None:
            return
        assert fact.name != "claim otherwise", "claimed with other arguments"
        if fact.name == "start":
            self.interactions[fact.answer] = fact.on
            own = any(other.name == "return" and other.on == fact.on for other in session.facts)
            # A transaction that waited for a pause sees it; otherwise it may come in the same step, before or after.
            waited = any(other.name in ("pause", "retire") and other.on == fact.on for other in self.cause)
            moments = self.past[fact.done - (not waited) : fact.done + 1]
            assert own or any(seen.free(str(fact.on)) for seen in moments), (
                "a paused agent took an interaction"
            )
        elif fact.name in ("ask", "ask slowly", "use"):
            self.permissions[fact.answer] = self.interactions[fact.on]

    def remember(self, facts: list[Fact]) -> None:
        """What a commit has promised."""
        for fact in facts:
            if fact.answer is None:
                continue
            if fact.name in ("allow", "grant", "deny"):
                status = "denied" if fact.name == "deny" else "allowed"
                self.decided[str(fact.on)].append((status, str(fact.who.id)))
            elif fact.name == "claim":
                self.claimed[str(fact.on)].append(str(fact.answer))

    def check_promises(self, seen: Seen) -> None:
        for id_, decisions in self.decided.items():
            assert len(decisions) == 1, f"decided twice: {decisions}"
            row = seen.permissions.get(id_)
            assert row is None or (row["status"], row["responded_by"]) == decisions[0], (
                "another decision shows"
            )
        for id_, claims in self.claimed.items():
            assert len(claims) == 1, "claimed twice"
            row = seen.permissions.get(id_)
            assert row is None or row["execution_id"] == claims[0], "another execution shows"

    def teardown(self) -> None:
        if not self.whole:
            self.runner.renew()
            return
        # Everybody comes to an end: nobody waits without end.
        end = time.monotonic() + DEADLINE
        while any(h.who or h.task for h in self.sessions.all):
            assert time.monotonic() < end, "somebody waits without end"
            self.finish(0, True)
        ended = (
            "update interactions set status = 'failed' where status = 'active' and supervisor_id = any ($1)"
        )
        self.runner.run(self.sessions.looking.execute(ended, self.cast.supervisors))


@pytest.fixture(scope="module")
async def address(app_server: AppServer) -> AsyncIterator[str]:
    async with apart(app_server, "machines") as url:
        yield url


@pytest.fixture(scope="module")
def runner(address: str) -> Iterator[Runner]:
    runner = Runner(address)
    yield runner
    runner.close()


def floor(runner: Runner) -> type[RuleBasedStateMachine]:
    """What hypothesis makes its machines with."""
    return cast_type("type[RuleBasedStateMachine]", partial(Floor, runner))


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def test_a_person_who_comes_when_what_must_hold_holds(runner: Runner) -> None:
    run_state_machine_as_test(
        floor(runner),
        settings=settings(
            max_examples=100,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=QUIET,
        ),
    )


@pytest.mark.parametrize("first", MEETING)
def test_each_two_that_meet(runner: Runner, first: str) -> None:
    """A new floor for each pair: one begins, the other arrives, the first commits; on a busy agent's rows and on a free agent."""
    for second in MEETING:
        slow = "permission" in (OPERATIONS[first].on, OPERATIONS[second].on)
        # On the newest request; on one that needs no permission; on one whose allow is held: before, while and after.
        for which, held in ((0, ""), (1, ""), *([(2, ""), (2, "held"), (2, "due")] if slow else [])):
            floor = Floor(runner)
            try:
                floor.people([first, second], held)
                floor.meet(0, 1, 0, which)
            except AssertionError as error:
                error.add_note(f"{first}, then {second} on {which}{held}")
                raise
            finally:
                floor.teardown()


@pytest.mark.full
def test_a_person_who_comes_when_what_must_hold_holds_for_minutes(runner: Runner) -> None:
    run_state_machine_as_test(
        floor(runner),
        settings=settings(
            max_examples=700,
            stateful_step_count=60,
            deadline=None,
            print_blob=True,
            suppress_health_check=QUIET,
        ),
    )
