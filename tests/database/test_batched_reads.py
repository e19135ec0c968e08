"""All audiences in one round trip: each gets the same answer as if it were read alone, in its viewer's own transaction.

What is compared is read in one repeatable-read transaction, whose rows and now() do not change. Only `stale` depends on
the clock, so it is asked of an interaction that was last heard of long enough ago.
"""

import json
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg
import pytest

from server.app import PAGES
from server.errors import Forbidden, Invalid
from server.kernel.db import connections as db
from tests.app_server import AppServer
from tests.database.acting import Connection, refused
from tests.database.sample import Names, make_rows, make_sample, slow_clocks

Entry: TypeAlias = Any  # {claims, page, arguments}, or something that is none
Answer: TypeAlias = tuple[str | None, str | None]  # shown, as canonical text; failure
Case: TypeAlias = tuple[str, str]  # who, what

BATCH = "select shown::text, failure from private.read_audiences_v2($1)"
FUNCTIONS = {page.name: page.function for page in PAGES}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
SEEDS = range(5)

# Who gets an answer; all others get an empty page. {names} are of the owner's rows, {other…} of the other's.
QUESTIONS: dict[str, tuple[str, str, str]] = {
    "floor of owner": ("floor", '{"supervisor_id": "{owner}"}', "owner admin"),
    "floor of other": ("floor", '{"supervisor_id": "{other_owner}"}', "other admin"),
    "floor of deactivated": ("floor", '{"supervisor_id": "{gone_owner}"}', "admin"),
    "floor of an admin": ("floor", '{"supervisor_id": "{admin}"}', ""),
    "floor of nobody": ("floor", f'{{"supervisor_id": "{UNKNOWN}"}}', ""),
    "floor of null": ("floor", '{"supervisor_id": null}', ""),
    "floor of none": ("floor", "{}", ""),
    "wallboard": ("wallboard", "{}", "owner other admin"),
    "wallboard of voice": ("wallboard", '{"type": "voice"}', "owner other admin"),
    "wallboard by supervisor": ("wallboard", '{"sort": "supervisor"}', "owner other admin"),
    "wallboard that is good": ("wallboard", '{"sentiment": "good"}', "owner other admin"),
    "wallboard of owner": ("wallboard", '{"supervisor": "{username}"}', "owner other admin"),
    "wallboard that is stale": ("wallboard", '{"stale": "1", "supervisor": "{other_username}"}', "owner other admin"),
    "waiting": ("waiting", "{}", "owner other admin"),
    "waiting of voice": ("waiting", '{"type": "voice"}', "owner other admin"),
    "waiting of chat": ("waiting", '{"type": "chat", "supervisor": "{username}"}', ""),
    "waiting of other": ("waiting", '{"supervisor": "{other_username}"}', "other admin"),
    "interaction of owner": ("interaction", '{"interaction_id": "{live}"}', "owner admin"),
    "interaction of other": ("interaction", '{"interaction_id": "{other_live}"}', "other admin"),
    "interaction archived": ("interaction", '{"interaction_id": "{done}"}', "owner admin"),
    "interaction ended": ("interaction", '{"interaction_id": "{other_unarchived}"}', "other admin"),
    "interaction of deactivated": ("interaction", '{"interaction_id": "{gone_live}"}', "admin"),
    "interaction of nobody": ("interaction", f'{{"interaction_id": "{UNKNOWN}"}}', ""),
    "interaction null": ("interaction", '{"interaction_id": null}', ""),
    "interaction of none": ("interaction", "{}", ""),
}  # fmt: skip

# Malformed entries: what differs from the owner's request for their own floor, and the result.
# `nothing` is an empty page, `plain` the same page without arguments, anything else a part of the failure.
SHOWS_NOTHING, UNKNOWN_PAGE, NO_JSON = "nothing", "unknown page", "invalid input syntax for type json"
BROKEN: dict[str, tuple[Entry, str]] = {
    # claims of nobody
    "claims null": ({"claims": None}, SHOWS_NOTHING),
    "claims empty": ({"claims": ""}, SHOWS_NOTHING),
    "claims no JSON": ({"claims": "{"}, NO_JSON),
    "claims SQL": ({"claims": "'; set role postgres; --"}, NO_JSON),
    "claims cut off": ({"claims": '{"sub": "{owner}"'}, NO_JSON),
    "claims too deep": ({"claims": "[" * 100_000}, "stack depth limit exceeded"),
    "claims null in JSON": ({"claims": "null"}, SHOWS_NOTHING),
    "claims a number": ({"claims": 5}, SHOWS_NOTHING),
    "claims a list": ({"claims": ["{owner}"]}, SHOWS_NOTHING),
    "claims a word": ({"claims": '"{owner}"'}, SHOWS_NOTHING),
    "claims without sub": ({"claims": "{}"}, SHOWS_NOTHING),
    "sub null": ({"claims": '{"sub": null, "role": "authenticated"}'}, SHOWS_NOTHING),
    "sub no uuid": ({"claims": '{"sub": "1"}'}, SHOWS_NOTHING),
    "sub a list": ({"claims": '{"sub": ["{owner}"]}'}, SHOWS_NOTHING),
    "sub and a line more": ({"claims": '{"sub": "{owner}\\n"}'}, SHOWS_NOTHING),
    "sub of two": ({"claims": '{"sub": "{owner},{admin}"}'}, SHOWS_NOTHING),
    "sub SQL": ({"claims": '{"sub": "{owner}\' or true --"}'}, SHOWS_NOTHING),
    "sub more SQL": ({"claims": '{"sub": "x\'); set role postgres; --"}'}, SHOWS_NOTHING),
    "sub no text": ({"claims": '{"sub": "\\u0000"}'}, "unsupported Unicode escape sequence"),
    "SUB": ({"claims": '{"SUB": "{admin}"}'}, SHOWS_NOTHING),
    "role service_role": ({"claims": '{"role": "service_role"}'}, SHOWS_NOTHING),
    "role admin": (
        {"claims": '{"role": "admin", "app_role": "admin", "app_metadata": {"app_role": "admin"}}'}, SHOWS_NOTHING,
    ),
    "other as service_role": ({"claims": '{"sub": "{other_owner}", "role": "service_role"}'}, SHOWS_NOTHING),
    "other as admin": (
        {"claims": '{"sub": "{other_owner}", "role": "admin", "app_metadata": {"app_role": "admin"}}'}, SHOWS_NOTHING,
    ),
    # pages that do not exist
    "page unknown": ({"page": "users"}, UNKNOWN_PAGE),
    "page in capitals": ({"page": "Floor"}, UNKNOWN_PAGE),
    "page SQL": ({"page": "floor' or true --"}, UNKNOWN_PAGE),
    "page itself": ({"page": "read_audiences_v2"}, UNKNOWN_PAGE),
    "page null": ({"page": None}, UNKNOWN_PAGE),
    "page a number": ({"page": 1}, UNKNOWN_PAGE),
    "page an object": ({"page": {"floor": "floor"}}, UNKNOWN_PAGE),
    # malformed arguments
    "arguments null": ({"arguments": None}, SHOWS_NOTHING),
    "arguments a word": ({"arguments": "{owner}"}, SHOWS_NOTHING),
    "arguments a number": ({"arguments": 5}, SHOWS_NOTHING),
    "arguments a list": ({"arguments": ["supervisor_id", "{owner}"]}, SHOWS_NOTHING),
    "argument no id": ({"arguments": {"supervisor_id": "' or true --"}}, "supervisor_id is not a uuid"),
    "argument ids": ({"arguments": {"supervisor_id": ["{owner}"]}}, "supervisor_id is not a uuid"),
    "interaction no id": (
        {"page": "interaction", "arguments": {"interaction_id": {}}}, "interaction_id is not a uuid",
    ),
    "interaction of a list": ({"page": "interaction", "arguments": ["{live}"]}, SHOWS_NOTHING),
    "wallboard of null": ({"page": "wallboard", "arguments": None}, "plain"),
    "wallboard of a list": ({"page": "wallboard", "arguments": [1]}, "plain"),
    "wallboard of an unknown filter": ({"page": "wallboard", "arguments": {"owner": "{other_owner}"}}, "plain"),
    "wallboard of fax": ({"page": "wallboard", "arguments": {"type": "fax"}}, "unknown type fax"),
    "wallboard of types": ({"page": "wallboard", "arguments": {"type": ["voice"]}}, "unknown type"),
    "wallboard that is angry": ({"page": "wallboard", "arguments": {"sentiment": "angry"}}, "unknown sentiment angry"),
    "wallboard by SQL": ({"page": "wallboard", "arguments": {"sort": "name; drop table users"}}, "unknown order name"),
    "waiting of a word": ({"page": "waiting", "arguments": "voice"}, "plain"),
    "waiting of fax": ({"page": "waiting", "arguments": {"type": "fax"}}, "unknown type fax"),
    "waiting of SQL": ({"page": "waiting", "arguments": {"supervisor": "' or true --"}}, SHOWS_NOTHING),
}  # fmt: skip
NO_ENTRIES: dict[str, Entry] = {
    "null": None, "a number": 7, "a word": "floor", "a list": ["claims"], "true": True, "empty": {},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Floor:
    """A sample in which both supervisors have rows, and the one connection on which all is compared."""

    names: Names
    people: Mapping[str, str]  # who → their claims
    connection: Connection = field(repr=False)

    def fill(self, what: Any) -> Any:
        """The same with the names in it filled in."""
        text = json.dumps(what)
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return json.loads(text)

    def entry(self, who: str, what: str) -> Entry:
        page, arguments, _ = QUESTIONS[what]
        return {"claims": self.people[who], "page": page, "arguments": json.loads(self.fill(arguments))}

    def broken(self) -> dict[str, tuple[Entry, str]]:
        """All that is broken, by name, with what comes of it."""
        proper = self.entry("owner", "floor of owner")
        found = {name: (proper | self.fill(change), fate) for name, (change, fate) in BROKEN.items()}
        for missing in ("claims", "page", "arguments"):
            left = {key: value for key, value in proper.items() if key != missing}
            found[f"no {missing}"] = left, UNKNOWN_PAGE if missing == "page" else SHOWS_NOTHING
        return found | {name: (entry, UNKNOWN_PAGE) for name, entry in NO_ENTRIES.items()}

    async def alone(self, entry: Entry) -> Answer:
        """Ask the page's own function, in a viewer's transaction as the application opens it."""
        savepoint = self.connection.transaction()
        await savepoint.start()
        try:
            await self.connection.execute(db.BECOME % ("$1", "$2"), "authenticated", entry["claims"])
            question = f"select private.{FUNCTIONS[entry['page']]}($1)::text"
            return await self.connection.fetchval(question, entry["arguments"]), None
        except asyncpg.PostgresError as error:
            return None, str(error.args[0])
        finally:
            await savepoint.rollback()  # undoes the change of role too

    @asynccontextmanager
    async def asked(self, entries: Sequence[Entry]) -> AsyncIterator[list[Answer]]:
        """All of them, asked at once by the web process, and its transaction as they leave it."""
        savepoint = self.connection.transaction()
        await savepoint.start()
        try:
            yield [(row["shown"], row["failure"]) for row in await self.connection.fetch(BATCH, entries)]
        finally:
            await savepoint.rollback()

    async def together(self, entries: Sequence[Entry]) -> list[Answer]:
        async with self.asked(entries) as answers:
            return answers

    def foreign(self, who: str) -> list[str]:
        """Words that only rows of other people have."""
        whose = {"owner": "", "other": "other_", "deactivated": "gone_"}
        kept = ("username", "agent", "done", "unarchived", "live", "pending", "allowed", "claimed")
        hidden = [prefix for person, prefix in whose.items() if who != person or person == "deactivated"]
        return [] if who == "admin" else [self.names[prefix + name] for prefix in hidden for name in kept]


def tells(page: str, shown: str | None) -> bool:
    """Whether there is anything on the page."""
    found = json.loads(shown or "null") or {}
    if page == "interaction":
        return bool(found)
    lists = ("agents", "tool_permissions", "answered", "interactions", "supervisors", "matching")
    numbers = found.get("numbers", {})
    return any(found.get(name) for name in lists) or any(numbers.values())


@pytest.fixture(scope="module")
async def sample_rows(app_server: AppServer) -> AsyncIterator[tuple[Names, dict[str, str]]]:
    """Both supervisors have rows, and the one who was deactivated too."""
    async with make_sample(app_server) as sample:
        async with slow_clocks(app_server):
            others = await make_rows(app_server, sample.people["other"])
        names = sample.names | {"admin": str(sample.people["admin"].id)}
        names |= {f"other_{name}": value for name, value in others.items()}
        names |= {f"gone_{name}": value for name, value in sample.own.items()}
        people = {actor: json.dumps(claims) for actor, claims in sample.claims.items()}
        people["nobody"] = json.dumps({"sub": str(uuid4()), "role": "authenticated"})
        yield names, people


@pytest.fixture
async def floor(app_server: AppServer, sample_rows: tuple[Names, dict[str, str]]) -> AsyncIterator[Floor]:
    names, people = sample_rows
    # Stale for all of a test, and not for so long that the sweeper fails it.
    async with app_server.database() as owner:
        await owner.execute(
            "update interaction_pulse set (last_seen_at, silent_since) = (now() - interval '25 s', now() - interval '25 s') where interaction_id = $1::text::uuid",
            names["other_live"],
        )
    async with app_server.database("floorwalker_web") as connection:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            yield Floor(names, people, connection)
        finally:
            await transaction.rollback()


def every(floor: Floor) -> list[Case]:
    return list(product(floor.people, QUESTIONS))


@pytest.fixture
async def alone(floor: Floor) -> dict[Case, Answer]:
    """What everybody is answered to every question in a transaction of their own."""
    return {case: await floor.alone(floor.entry(*case)) for case in every(floor)}


async def test_everybody_is_here_and_sees_what_is_theirs(floor: Floor, alone: dict[Case, Answer]) -> None:
    """The comparisons below are of pages with content, and of empty ones."""
    people = "nobody owner other admin deactivated deactivated_admin its_key other_key revoked_key"
    assert set(floor.people) == set(people.split())
    assert not [failure for _, failure in alone.values() if failure is not None]
    found = {
        what: {who for who in floor.people if tells(page, alone[who, what][0])}
        for what, (page, _, _) in QUESTIONS.items()
    }
    assert found == {what: set(who.split()) for what, (_, _, who) in QUESTIONS.items()}
    for case, (shown, _) in alone.items():
        told = re.sub(r'"filters": ?\{[^}]*\}', "", shown or "")  # a wallboard repeats what it was asked for
        assert not [word for word in floor.foreign(case[0]) if word in told], case
    stale = {who: json.loads(alone[who, "wallboard that is stale"][0] or "")["matching"] for who in ("owner", "other", "admin")}  # fmt: skip
    assert stale == {"owner": 0, "other": 1, "admin": 1}


async def test_a_batch_answers_as_if_each_were_alone(floor: Floor, alone: dict[Case, Answer]) -> None:
    cases = every(floor)
    for seed in SEEDS:
        random.Random(seed).shuffle(cases)
        found = await floor.together([floor.entry(*case) for case in cases])
        for case, answer in zip(cases, found, strict=True):
            assert answer == alone[case], (seed, case)


async def test_a_batch_of_one_answers_as_if_it_were_none(floor: Floor, alone: dict[Case, Answer]) -> None:
    for case in every(floor):
        assert await floor.together([floor.entry(*case)]) == [alone[case]], case
    assert await floor.together([]) == []


async def test_one_question_of_many_is_answered_to_each(floor: Floor, alone: dict[Case, Answer]) -> None:
    """Plans are kept from one entry to the next, for all callers; often enough for generic ones."""
    for what in QUESTIONS:
        people = [*floor.people] * 8
        random.Random(what).shuffle(people)
        found = await floor.together([floor.entry(who, what) for who in people])
        assert found == [alone[who, what] for who in people], what


async def expect_broken(floor: Floor, name: str, answer: Answer) -> None:
    entry, fate = floor.broken()[name]
    shown, failure = answer
    match fate:
        case "plain":
            assert answer == await floor.alone({**entry, "arguments": {}}), name
        case "nothing":
            assert failure is None, (name, failure)
            assert not tells(entry["page"], shown), (name, shown)
        case _:
            assert shown is None, (name, shown)
            assert failure is not None, name
            assert fate in failure, (name, failure)
    if fate != UNKNOWN_PAGE and isinstance(entry.get("claims"), str | None):
        assert answer == await floor.alone({"claims": None, "arguments": None} | entry), name
    # Malformed entries ask for the owner's rows at most; the ones before and after are other people.
    assert not [word for word in floor.foreign("owner") if word in (shown or "")], name


async def test_what_is_broken_breaks_nothing_else(floor: Floor, alone: dict[Case, Answer]) -> None:
    wanted: list[tuple[str | Case, Entry]] = [(case, floor.entry(*case)) for case in every(floor)]
    wanted += [(name, entry) for name, (entry, _) in floor.broken().items()]
    for seed in SEEDS:
        random.Random(seed).shuffle(wanted)
        found = await floor.together([entry for _, entry in wanted])
        for (key, _), answer in zip(wanted, found, strict=True):
            if isinstance(key, str):
                await expect_broken(floor, key, answer)
            else:
                assert answer == alone[key], (seed, key)


@pytest.mark.parametrize("before", ["admin", "owner", "other", "nobody"])
async def test_what_is_broken_inherits_nobodys_rights(floor: Floor, before: str) -> None:
    """Each malformed entry right after a good one, and a good one of somebody without rights right after it."""
    broken = floor.broken()
    first, last = floor.entry(before, "wallboard"), floor.entry("nobody", "wallboard")
    wanted: list[Entry] = []
    for entry, _ in broken.values():
        wanted += [first, entry, last]
    found = await floor.together(wanted)
    assert set(found[::3]) == {await floor.alone(first)}
    assert set(found[2::3]) == {await floor.alone(last)}
    for name, answer in zip(broken, found[1::3], strict=True):
        await expect_broken(floor, name, answer)


@pytest.mark.parametrize("page", ["floor", "wallboard", "waiting", "interaction"])
@pytest.mark.parametrize("claims", [None, "", "{", "{}", "null", '{"sub": "1"}', '{"role": "service_role"}'])
async def test_claims_of_nobody_after_an_admins_show_nothing_on_any_page(
    floor: Floor, page: str, claims: str | None
) -> None:
    admin = floor.entry("admin", f"{page} of owner" if page != "waiting" else page)
    nobody = admin | {"claims": claims}
    seen, (shown, failure), again = await floor.together([admin, nobody, admin])
    assert tells(page, seen[0])
    assert seen == again
    assert not tells(page, shown)
    assert (failure is not None) == (claims == "{")


async def test_after_a_batch_its_connection_is_nobodys(app_server: AppServer, floor: Floor) -> None:
    """As the application asks: one connection, each question a transaction of its own."""
    batches = {
        "an admin's": [floor.entry("admin", "wallboard")],
        "everybody's": [floor.entry(*case) for case in every(floor)],
        "an admin's and a broken one": [floor.entry("admin", "waiting"), floor.broken()["claims no JSON"][0]],
        "broken ones": [entry for entry, _ in floor.broken().values()],
    }
    who = "select current_user::text as role, coalesce(current_setting('request.jwt.claims', true), '')"
    async with db.connect(app_server.database_url("floorwalker_web"), size=1) as database:
        pid = (await database.call("select pg_backend_pid()"))[0][0]
        for name, batch in batches.items():
            assert len(await database.call(BATCH, batch)) == len(batch)
            assert [tuple(row) for row in await database.call(who)] == [("floorwalker_web", "")], name
            for table in ("users", "interactions", "realtime_metrics", "tool_permissions"):
                with pytest.raises(Forbidden):
                    await database.call(f"select from public.{table}")
            with pytest.raises(Forbidden):
                await database.call("select private.wallboard('{}')")
        with pytest.raises(Invalid):
            await database.call(BATCH, {"claims": floor.people["admin"]})
        assert [tuple(row) for row in await database.call(who)] == [("floorwalker_web", "")]
        assert (await database.call("select pg_backend_pid()"))[0][0] == pid


async def test_within_its_transaction_one_stays_a_viewer_and_never_more(floor: Floor) -> None:
    admin, nobody = floor.entry("admin", "waiting"), floor.entry("nobody", "waiting")
    nothing = nobody | {"claims": None}
    for entries, rows in ([admin], 3), ([admin, nobody], 0), ([nobody, admin], 3), ([admin, nothing], 0):
        async with floor.asked(entries):
            assert await floor.connection.fetchval("select current_user") == "authenticated"
            question = f"select count(*) from interactions where id in ({floor.names['interactions']})"
            assert await floor.connection.fetchval(question) == rows
            async with refused(floor.connection, "42501"):
                await floor.connection.fetch(BATCH, entries)  # which only the web process may
    assert await floor.connection.fetchval("select current_user") == "floorwalker_web"


async def test_a_batch_sees_rights_that_ended_a_moment_ago(app_server: AppServer, floor: Floor) -> None:
    """Nothing is kept between two calls: rights are read each time."""
    cases = [("owner", "floor of owner"), ("admin", "wallboard"), ("other", "floor of other")]
    entries = [floor.entry(*case) for case in cases]
    ban = "update users set banned_until = $1 where id = any ($2::text[]::uuid[])"
    told = []
    async with app_server.database() as owner, app_server.database("floorwalker_web") as web:
        for until in (None, datetime.max.replace(tzinfo=UTC), None):
            await owner.execute(ban, until, [floor.names["owner"], floor.names["admin"]])
            rows = await web.fetch(BATCH, entries)
            told.append([tells(one["page"], row["shown"]) for one, row in zip(entries, rows, strict=True)])
    assert told == [[True, True, True], [False, False, True], [True, True, True]]
