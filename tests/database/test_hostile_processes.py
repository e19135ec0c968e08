"""Attackers at what machines may call: the web process before it becomes anybody, and the service key."""

import json
from typing import Any

import pytest

from tests.app_server import AppServer
from tests.database.acting import as_owner, refused
from tests.database.sample import Sample, outcome


def floor(claims: str | None, supervisor: Any) -> dict[str, Any]:
    wanted = {"claims": claims, "page": "floor", "arguments": {"supervisor_id": supervisor}}
    return wanted if claims is not None else {key: wanted[key] for key in ("page", "arguments")}


async def audiences(sample: Sample, wanted: Any) -> list[str]:
    """What each audience gets: `sees` a card, `nothing`, or `failed`."""
    async with sample.being("web") as connection:
        rows = await connection.fetch("select * from private.read_audiences_v2($1)", wanted)
        words = [
            "failed" if row["failure"] is not None else "sees" if row["shown"]["agents"] else "nothing"
            for row in rows
        ]
        assert not [row for row in rows if row["failure"] is not None and row["shown"] is not None]
    return words


async def test_one_audiences_broken_claims_are_neither_anothers_nor_the_ones_before(sample: Sample) -> None:
    owner = sample.names["owner"]
    claims = {actor: json.dumps(sample.claims[actor]) for actor in ("owner", "other", "admin", "deactivated")}
    wanted = [
        (floor(claims["owner"], owner), "sees"),
        (floor("{", owner), "failed"),
        (floor(claims["owner"], owner), "sees"),
        (floor(None, owner), "nothing"),
        (floor("", owner), "nothing"),
        (floor("null", owner), "nothing"),
        (floor(f'["{owner}"]', owner), "nothing"),
        (floor('{"sub": "1"}', owner), "nothing"),
        (floor(claims["other"], owner), "nothing"),
        (floor(claims["owner"], "1"), "failed"),
        (floor(claims["owner"], None), "nothing"),
        (floor(claims["admin"], owner), "sees"),
        (floor(claims["deactivated"], sample.own["owner"]), "nothing"),
        (floor(claims["owner"], owner) | {"page": "users"}, "failed"),
        (floor(claims["owner"], owner) | {"page": None}, "failed"),
        (floor(json.dumps(sample.claims["its_key"]), owner), "nothing"),
        (floor('{"role": "service_role", "app_role": "admin"}', owner), "nothing"),
        ({}, "failed"),
        (floor(claims["owner"], owner), "sees"),
    ]
    assert await audiences(sample, [asked for asked, _ in wanted]) == [word for _, word in wanted]


@pytest.mark.parametrize("wanted", [{}, "floor", 1, None, {"claims": "", "page": "floor"}])
async def test_what_is_no_list_of_audiences_is_refused(sample: Sample, wanted: Any) -> None:
    async with sample.being("web") as connection, refused(connection, "FW422"):
        await connection.fetch("select * from private.read_audiences_v2($1)", wanted)


async def test_who_lost_their_rights_is_nobody_to_the_web_process(sample: Sample) -> None:
    async with sample.being("web") as connection:
        for question in (
            r"select from private.find_web_session('\x{session_hash}')",
            r"select from private.find_web_session('\x{session_hash}', true)",
            "select from private.live_web_sessions(array['{session}']::uuid[])",
            "select from (select private.open_web_session(sha256('x'), '{owner}', '', '', now(), '', '') as id) x where id is not null",
            "select from (select private.replace_web_sessions(sha256('y'), '{owner}', '', '', now(), '', '') as id) x where id is not null",
        ):
            assert await outcome(connection, sample.sql(question, "deactivated")) == "nothing", question
            assert await outcome(connection, sample.sql(question, "owner")) == "sees", question


async def test_a_revoked_key_and_a_retired_agents_are_unknown(app_server: AppServer, sample: Sample) -> None:
    known = f"select from private.agent_of_key('\\x{sample.names['key_hash']}')"
    async with as_owner(app_server) as owner:
        for change in (
            "update agent_keys set revoked_at = now() where id = '{key}'",
            "update agents set retired_at = now() where id = '{agent}'",
        ):
            savepoint = owner.transaction()
            await savepoint.start()
            assert await outcome(owner, known) == "sees"
            await owner.execute(sample.sql(change, "owner"))
            assert await outcome(owner, known) == "nothing"
            await savepoint.rollback()


async def test_metrics_go_into_no_other_agents_interaction(sample: Sample) -> None:
    async with sample.being("web") as connection:
        record = """select r from private.record_metrics($1::uuid[], $2::uuid[], array_fill(now(), array[4]),
            array_fill('good'::text, array[4]), array_fill(50.0, array[4]), array_fill('x'::text, array[4])) r"""
        agent, other = sample.names["agent"], str(sample.people["other"].agents[0].id)
        live, done = sample.names["live"], sample.names["done"]
        rows = await connection.fetch(record, [other, agent, None, other], [live, done, live, done])
    assert [row["r"] for row in rows] == ["unknown", "ended", "invalid", "unknown"]


@pytest.mark.parametrize(
    "settings",
    ['{"archive_days": 0}', '{"archive_days": -1}', '{"archive_days": "1 or true"}', '{"archive_days": null}',
     '{"archive_days": 99999999999}', '{"nonsense": 1}', "[]", "1", "null"],
)  # fmt: skip
async def test_a_setting_is_a_number_above_zero(sample: Sample, settings: str) -> None:
    async with sample.being("web") as connection:
        before = await connection.fetchval("select private.setting('archive_days')")
        assert await outcome(connection, f"select private.configure('{settings}')") == "FW422"
        assert await connection.fetchval("select private.setting('archive_days')") == before


async def test_the_web_process_decides_nothing_itself(sample: Sample) -> None:
    """With whatever claims: what a person or an agent may call is not granted to it."""
    for actor in ("admin", "owner", "its_key"):
        async with sample.being("web") as connection:
            await connection.execute("select set_config('request.jwt.claims', $1, true)", json.dumps(sample.claims[actor]))  # fmt: skip
            for call in (
                "select from public.decide_tool_permission('{pending}', 'allowed', null, '{digest}')",
                "select public.set_agent_paused('{agent}', true)",
                "select public.revoke_grant('{grant}')",
                "select from public.take_back_tool_permission('{held}')",
                "select public.claim_execution('{allowed}', '{digest}')",
                "select private.floor('{{}}')",
                "select private.current_agent()",
                "select from public.interactions",
            ):
                assert await outcome(connection, sample.sql(call, "owner")) == "refused", call


# The service key: it passes every policy, so it holds few grants


@pytest.mark.parametrize("claims", ["{}", "", "nonsense", '{"role": "supabase_admin", "app_role": "admin"}'])
async def test_no_claims_give_the_service_key_more(sample: Sample, claims: str) -> None:
    async with sample.being("service", claims) as connection:
        for statement in (
            "select from private.settings", "select from private.web_sessions", "select from auth.users",
            "update public.users set role = 'admin'", "insert into public.tool_grants default values",
            "select from public.decide_tool_permission('{pending}', 'allowed', null, '{digest}')",
            "select from public.take_back_tool_permission('{held}')",
            "select public.claim_execution('{allowed}', '{digest}')",
            "delete from public.tool_permissions", "delete from public.interaction_archives",
            "update public.realtime_metrics set feed_text = ''", "delete from public.interaction_turns",
        ):  # fmt: skip
            assert await outcome(connection, sample.sql(statement, "owner")) == "refused", statement


async def test_the_service_key_becomes_nobody_else(app_server: AppServer) -> None:
    """As PostgREST does: from the login `authenticator`."""
    async with app_server.database("authenticator") as connection, connection.transaction():
        await connection.execute("set local role service_role")
        for role in ("postgres", "supabase_admin", "supabase_auth_admin", "floorwalker_web", "agent_runtime"):
            assert await outcome(connection, f"set local role {role}") in ("refused", "walled")


async def test_the_service_key_forges_no_decision_and_no_owner(sample: Sample) -> None:
    other = str(sample.people["other"].id)
    async with sample.being("service") as connection:
        for statement, fate in (
            ("update tool_permissions set status = 'allowed', responded_at = now() where id = '{pending}'", "23514"),
            ("update tool_permissions set responded_by = '{owner}' where id = '{pending}'", "refused"),
            ("update tool_permissions set status = 'pending' where id = '{allowed}'", "FW409"),
            ("update interactions set status = 'active' where id = '{done}'", "FW409"),
            (f"update interactions set supervisor_id = '{other}' where id = '{{done}}'", "kept"),
            ("insert into interactions (agent_id, interaction_type) values ('{agent}', 'chat')", "FW422"),
            ("insert into realtime_metrics (interaction_id) values ('{done}')", "FW409"),
            ("insert into realtime_metrics (interaction_id) values ('{owner}')", "FW404"),
        ):  # fmt: skip
            assert await outcome(connection, sample.sql(statement, "owner")) == fate, statement


@pytest.mark.parametrize("row", ["'{live}'", "'{done}'", "'{owner}'", "null"])
async def test_an_agent_learns_nothing_of_another_agents_interaction(sample: Sample, row: str) -> None:
    """Triggers run before policies: for an active, an ended and an unknown interaction the answer is the same."""
    async with sample.being("other_key") as connection:
        for table, columns, values in (
            ("interaction_turns", "speaker, text", "'agent', 'x'"),
            ("tool_permissions", "tool_name, arguments", "'x', '{{}}'"),
            ("interaction_archives", "summary", "'x'"),
        ):
            statement = f"insert into {table} (interaction_id, {columns}) values ({row}, {values})"
            assert await outcome(connection, sample.sql(statement, "owner")) == "FW404", table


async def test_an_agent_changes_nothing_of_what_has_ended(sample: Sample) -> None:
    async with sample.being("its_key") as connection:
        for change in (
            "livekit_room_id = 'x'",
            "phone_number = '+18505550199', livekit_room_id = 'x'",
            "status = 'failed'",
        ):
            statement = f"update interactions set {change} where id = '{{done}}'"
            assert await outcome(connection, sample.sql(statement, "owner")) == "FW409", change


async def test_a_pause_is_yes_or_no(sample: Sample) -> None:
    async with sample.being("owner") as connection, refused(connection, "FW422"):
        await connection.execute("select from set_agent_paused($1, null)", sample.names["agent"])
