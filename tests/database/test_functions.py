"""Every function, called by every actor with everybody's ids as functions.py says; and every trigger and sequence."""

from typing import TypeAlias

import pytest

from tests.app_server import AppServer
from tests.database.acting import refused
from tests.database.fates import ACTORS
from tests.database.functions import FUNCTIONS
from tests.database.sample import ROLES, Sample, outcome

Signatures: TypeAlias = dict[str, list[str]]  # function → the types of its arguments

OURS = """p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"""
CASES = [
    (name, actor, whose)
    for name, function in FUNCTIONS.items()
    for actor in ACTORS
    for whose in (
        ("its", "null", "unknown") if function.id and ROLES[actor] in function.may.split() else ("its",)
    )
]


def fate(name: str, actor: str, whose: str) -> str:
    function = FUNCTIONS[name]
    if ROLES[actor] not in function.may.split():
        return "refused"
    for word, actors in function.its.items():
        if actor in actors.split():
            return word if whose == "its" else function.unknown or function.otherwise
    return function.otherwise


@pytest.fixture(scope="session")
async def signatures(app_server: AppServer) -> Signatures:
    async with app_server.database() as owner:
        rows = await owner.fetch(f"""
            select p.pronamespace::regnamespace || '.' || p.proname as name,
              array(select format_type(t, null) from unnest(p.proargtypes) t) as types
            from pg_proc p where {OURS} and p.prorettype <> 'trigger'::regtype""")
    assert len({row["name"] for row in rows}) == len(rows), "two functions of one name"
    return {row["name"]: row["types"] for row in rows}


def test_every_function_has_its_place(signatures: Signatures) -> None:
    assert set(signatures) == set(FUNCTIONS)


@pytest.mark.parametrize(
    ("name", "actor", "whose"), CASES, ids=["-".join(case).removeprefix("public.") for case in CASES]
)
async def test_call(sample: Sample, signatures: Signatures, name: str, actor: str, whose: str) -> None:
    function = FUNCTIONS[name]
    expected = fate(name, actor, whose)
    if expected == "refused":
        call = f"{name}({', '.join(f'null::{argument}' for argument in signatures[name])})"
    else:
        chosen = {"its": function.id, "null": "null::" + function.unknown_id.rpartition("::")[2]}
        call = sample.sql(function.call.replace("{id}", chosen.get(whose, function.unknown_id)), actor)
    async with sample.being(actor) as connection:
        question = f"select from (select {call} as answer) asked where not (answer is null)"
        found = await outcome(connection, question)
    assert {"sees": "gives"}.get(found, found) == expected


async def test_execute_is_granted_as_it_is_written(app_server: AppServer) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            f"""select p.pronamespace::regnamespace || '.' || p.proname, r
            from pg_proc p, unnest($1::text[]) r where {OURS} and has_function_privilege(r, p.oid, 'execute')""",
            sorted(set(ROLES.values())),
        )
    found: dict[str, set[str]] = {}
    for name, role in rows:
        found.setdefault(name, set()).add(role)
    assert found == {name: set(f.may.split()) for name, f in FUNCTIONS.items() if f.may}


@pytest.mark.parametrize("actor", ["nobody", "owner", "other", "admin"])
@pytest.mark.parametrize("what", ["1", "' or true --", "{{}}", "[]", '""', "true"])
async def test_what_is_no_id_is_nobodys(sample: Sample, actor: str, what: str) -> None:
    async with sample.being(actor) as connection:
        for page, name in (("floor", "supervisor_id"), ("interaction", "interaction_id")):
            text = "select private." + page + "(jsonb_build_object('" + name + "', $1::text))"
            async with refused(connection, "FW422"):
                await connection.fetch(text, what)


@pytest.mark.parametrize("actor", ACTORS)
async def test_nobody_calls_a_trigger(app_server: AppServer, sample: Sample, actor: str) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            f"select p.oid::regprocedure::text from pg_proc p where {OURS} and p.prorettype = 'trigger'::regtype"
        )
    assert len(rows) > 15
    async with sample.being(actor) as connection:
        found = {row[0]: await outcome(connection, f"select {row[0]}") for row in rows}
    assert found == dict.fromkeys(found, "refused")


@pytest.mark.parametrize("actor", ACTORS)
async def test_nobody_turns_a_sequence(app_server: AppServer, sample: Sample, actor: str) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch("""
            select relnamespace::regnamespace || '.' || relname from pg_class where relkind = 'S'
              and relnamespace in ('public'::regnamespace, 'private'::regnamespace)""")
    assert rows
    async with sample.being(actor) as connection:
        for (name,) in rows:
            for question in (
                f"select last_value from {name}",
                f"select nextval('{name}')",
                f"select currval('{name}')",
                f"select setval('{name}', 1)",
            ):
                assert await outcome(connection, question) == "refused", question
