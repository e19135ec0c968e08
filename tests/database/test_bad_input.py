"""A function answers any input, or refuses it with words and a SQLSTATE of ours, never with PostgreSQL's own."""

import itertools
import re

import pytest

from server.errors import RequestError
from server.kernel.db import connections as db
from tests.app_server import AppServer
from tests.database.fates import ACTORS
from tests.database.functions import FUNCTIONS
from tests.database.sample import ROLES, Sample, outcome
from tests.database.test_functions import Signatures, signatures

__all__ = ["signatures"]  # a fixture
OWN = re.compile(r"FW4\d\d")
LONG = "repeat('x', 300000)"
HOSTILE = {
    "uuid": ["null", "'00000000-0000-0000-0000-000000000000'"],
    "text": ["null", "''", "'unheard of'", "' '", "E'a\\nb'", "'\u202e'", "''';--'", LONG],
    "character varying": ["null", "''", "'year'", LONG],
    "json": ["null", "'null'", "'[]'", "'{}'", "'1'", "'{\"a\": 1}'", f"json_build_object('a', {LONG})", "'{\"a\": \"\\u0000\"}'"],
    "integer": ["null", "0", "-1", "-2147483648", "2147483647"],
    "bigint": ["null", "0", "-1", "9223372036854775807"],
    "numeric": ["null", "'NaN'", "'Infinity'", "-1", "1e30", "0.0000001"],
    "tool_grants": ["null"],
    "boolean": ["null", "true"],
    "bytea": ["null", "''", r"'\x00'", "sha256('x')", f"decode(md5({LONG}), 'hex')"],
    "timestamp with time zone": ["null", "'-infinity'", "'infinity'", "'4714-11-24 BC'", "'294276-12-31'"],
    "date": ["null", "'-infinity'", "'infinity'", "'4714-11-24 BC'", "'5874897-12-31'"],
    "time without time zone": ["null", "'00:00'", "'24:00'", "'23:59:59.999999'"],
    "jsonb": [
        "null", "'null'", "'[]'", "'{}'", "'1'", "'\"x\"'", "'[null]'", "'[[]]'", "'[{}]'",
        "'{\"supervisor_id\": 1, \"interaction_id\": [], \"type\": \"fax\", \"sentiment\": \"bad\", \"permission_seconds\": 0}'",
        "'{\"permission_seconds\": 1e99}'", "'{\"permission_seconds\": \"many\"}'", "'{\"permission_seconds\": null}'",
        "'{\"supervisor\": \"%\\\\\\\\_\\u0027\"}'", "'{\"tags\": {}, \"issues\": 1}'", "'{\"issues\": 1}'", "'{\"issues\": [1]}'",
        f"to_jsonb({LONG})",
    ],
}  # fmt: skip
HOSTILE |= {
    "uuid[]": ["null", "'{}'", "array[null]::uuid[]", "array_fill(gen_random_uuid(), array[20000])"],
    "text[]": ["null", "'{}'", "'{good,good}'", "array['bad']", f"array[{LONG}]", "array[null]::text[]"],
    "numeric[]": ["null", "'{}'", "array['NaN'::numeric]", "array[-1]", "array[100.01]", "array[1e30]"],
    "timestamp with time zone[]": [
        "null", "'{}'", "array['infinity']::timestamptz[]", "array['4714-11-24 BC']::timestamptz[]", "array[null]::timestamptz[]",
    ],
}  # fmt: skip
CALLABLE = [
    (name, role)
    for name, function in FUNCTIONS.items()
    for role in function.may.split()
    if role in set(ROLES.values())
]


def actor_of(name: str, role: str) -> str:
    """Somebody who gets an answer from it, so that it is the input that is refused."""
    its = [actor for actors in FUNCTIONS[name].its.values() for actor in actors.split()]
    return next(actor for actor in [*its, *ACTORS] if ROLES[actor] == role)


def sound(call: str) -> list[str]:
    """The arguments of a call as functions.py writes it."""
    inner, found, depth, quoted = call[call.index("(") + 1 : call.rindex(")")], [""], 0, False
    for character in inner:
        quoted ^= character == "'"
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0 and not quoted:
            found.append("")
        else:
            found[-1] += character
    return found


# Its claims are the web process's own. Where they are no JSON, the policy that reads them says so, if the plan comes to it.
CLAIMED = {"private.look_at_decision": "22P02", "private.answer_drill": "22P02"}


@pytest.mark.parametrize(("name", "role"), CALLABLE, ids=["-".join(case) for case in CALLABLE])
async def test_bad_input_is_refused_with_a_state_of_our_own(
    sample: Sample, signatures: Signatures, name: str, role: str
) -> None:
    types, written = signatures[name], FUNCTIONS[name].call
    actor = actor_of(name, role)
    hostile = [[f"({value})::{kind}" for value in HOSTILE[kind]] for kind in types]
    calls = [*itertools.islice(zip(*map(itertools.cycle, hostile), strict=False), 20)]  # all of them together
    if written.startswith(name + "("):  # each argument alone among sound ones
        good = [
            sample.sql(part.replace("{id}", FUNCTIONS[name].id or "null"), actor) for part in sound(written)
        ]
        calls += [
            (*good[:n], value, *good[n + 1 :])
            for n, values in enumerate(hostile[: len(good)])
            for value in values
        ]
    wrong = {}
    async with sample.being(actor) as connection:
        for call in calls:
            savepoint = connection.transaction()
            await savepoint.start()
            found = await outcome(connection, f"select {name}({', '.join(call)})")
            await savepoint.rollback()
            if found not in ("sees", "nothing", CLAIMED.get(name)) and not OWN.fullmatch(found):
                wrong[", ".join(call)[:200]] = found
    assert wrong == {}
    assert calls or not types


async def test_every_state_of_our_own_has_its_word(app_server: AppServer) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select prosrc from pg_proc where pronamespace in ('public'::regnamespace, 'private'::regnamespace)"
        )
        said = {state for row in rows for state in OWN.findall(row["prosrc"])}
        assert said == set(db.ERRORS)
        for state in said:
            with pytest.raises(RequestError, match="in words") as raised, db.translated_errors():
                await owner.execute(
                    f"do $$ begin raise exception 'in words' using errcode = '{state}'; end $$"
                )
            assert raised.value.status == int(state.removeprefix("FW"))


async def test_every_failure_has_a_state(app_server: AppServer) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            """select p.oid::regprocedure::text, prosrc from pg_proc p
            where pronamespace in ('public'::regnamespace, 'private'::regnamespace) and prosrc ~ 'raise exception'"""
        )
    silent = {
        name
        for name, source in rows
        for statement in re.findall(r"raise exception[^;]*;", source)
        if "errcode = 'FW" not in statement
    }
    # It is caught where it is raised, and becomes a row of private.profile_faults.
    assert silent == {"private.sync_profile()"}
