"""Findings of a checker of row-level security by others (rls-policy-tester) in the migrated database."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from server.embedded.postgres import Postgres
from server.kernel.db import migrations
from tests.conftest import a_folder

pytestmark = pytest.mark.full

# Findings that are meant, each with its reason.
MEANT = {
    "private.drills": "closed",
    "private.interaction_search": "closed",
    "private.interactions_to_find": "closed",
    "private.decision_search": "closed",
    "private.find_interactions": "judges itself whose interactions the caller may see, and returns their ids",
    "private.count_interactions": "the same, counted",
    "private.drill_plans": "closed",
    "private.push_messages": "closed",
    "private.given_signals": "closed",
    "private.due_signals": "granted to nobody, asked by the sweep; whom something calls now",
    "private.take_pushes": "for the web process; messages that it sends to push services",
    "private.own_signals": "the caller's own choices",
    "private.due_drills": "for the web process; whom of the supervisors it names a drill is due",
    "private.drill_results": "aggregates of those whom the caller may see",
    "private.choose_drill_ground": "judges itself that an admin asks",
    "private.idempotency_keys": "closed: no policy and no grant, reached through functions only",
    "private.profile_faults": "closed",
    "private.pages": "closed",
    "private.settings": "closed",
    "private.troubles": "closed",
    "private.web_sessions": "closed",
    "private.agent_of_key": "for the web process, before it knows who asks; one row, by the hash of a secret",
    "private.find_web_session": "the same",
    "private.live_web_sessions": "for the web process; which of the sessions it names still stand",
    "private.web_sessions_of": "for the web process; the open sessions of the person it names",
    "private.take_deliveries": "for the web process; what it sends to the address of the agent that ended an interaction",
    "private.sealed_secrets": "for the web process; encrypted secrets of the tools of the agent it names",
    "private.visible_supervisors": "whom the caller may see, which the policies ask",
    "private.close_own_web_session": "for the web process; one session, of the person it names",
    "private.close_web_sessions_of": "the same, all of them",
    "private.add_turns": "judges itself that the interaction is the calling agent's, and returns outcomes",
    "private.claim_idempotency_key": "looks at the calling agent's own rows",
    "private.record_metrics": "judges each row's agent itself, and returns its outcome",
    "private.performance_ranges": "closed",
    "private.performance_range_sums": "closed",
    "private.scores": "granted to nobody, asked by leaderboard",
    "private.scores_between": "the same",
    "private.performance_of": "the same",
    "private.sums_between": "the same",
    "private.decide_now": "granted to nobody, asked by those that decide; judges itself who may",
    "public.decide_tool_permission": "judges itself who may decide, and returns the one row decided",
    "public.take_back_tool_permission": "the same, taken back",
    "public.allow_with_grant": "the same, allowed with a grant",
    "public.revoke_grant": "judges itself who may revoke, and returns the one row",
    "public.deactivate_person": "judges itself that an admin asks, and returns the one person it is about",
    "public.reactivate_person": "the same",
    "public.change_supervisor_type": "the same",
    "public.leaderboard": "aggregates only, the same for every supervisor",
    "public.leaderboard_v2": "the same",
    "public.leaderboard_trend": "the same, of supervisors that the caller names",
    "public.agent_leaderboard": "judges itself whose agents the caller may see",
    "public.report_execution": "looks at the calling agent's own rows",
}
FAULTS = {
    "alter table public.interactions disable row level security": "public.interactions",
    "create policy oops on public.interactions for select to authenticated using (true)": "public.interactions.oops",
    "create table public.oops (id integer)": "public.oops",
    "create function public.oops() returns setof public.interactions language sql security definer"
    " as 'select * from public.interactions'": "public.oops",
}


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    with a_folder() as place:
        postgres = Postgres(place / "home", settings={"fsync": "off"})
        postgres.start()
        try:
            await migrations.migrate(postgres.url("postgres"))
            yield postgres.url("postgres")
        finally:
            postgres.stop()


def failures(url: str, schema: str) -> set[str]:
    """What has a fault in its eyes, functions by their name."""
    program = Path(sys.executable).parent / "rls-policy-tester"
    answer = subprocess.run(
        [program, "--dsn", url, "--json", "--audit-schema", schema],
        capture_output=True,
        text=True,
        check=False,
    )
    findings = json.loads(answer.stdout)["findings"]
    assert len(findings) > 10, "it has looked"
    assert answer.returncode == any(one["status"] == "FAIL" for one in findings), answer.stderr
    return {one["target"].partition("(")[0] for one in findings if one["status"] == "FAIL"}


@pytest.mark.parametrize("schema", ["public", "private"])
async def test_it_finds_nothing_but_what_is_meant(url: str, schema: str) -> None:
    """It looks at fifty functions of a schema at most, so the test asks about the others itself."""
    owner = await asyncpg.connect(url)
    rows = await owner.fetch(
        "select proname from pg_proc where pronamespace = $1::text::regnamespace and prosecdef and proretset",
        schema,
    )
    await owner.close()
    found = failures(url, schema) | {f"{schema}.{row['proname']}" for row in rows}
    assert found == {name for name in MEANT if name.startswith(f"{schema}.")}


@pytest.mark.parametrize(("statement", "target"), FAULTS.items(), ids=["off", "true", "table", "definer"])
async def test_it_finds_what_was_planted(url: str, statement: str, target: str) -> None:
    """So a fault that it does not report is not missed because it does not look."""
    before = failures(url, "public")
    owner = await asyncpg.connect(url)
    try:
        await owner.execute(statement)
        assert failures(url, "public") - before == {target}
    finally:
        await owner.execute(
            """alter table public.interactions enable row level security;
            drop policy if exists oops on public.interactions;
            drop table if exists public.oops; drop function if exists public.oops()"""
        )
        await owner.close()
