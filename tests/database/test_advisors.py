"""Findings of the advisors of a Supabase project, by their own rules; each exception has its reason.

Source: github.com/supabase/splinter. Its other lints are rules of test_catalogue.py (0008, 0010, 0011, 0013) or concern
features that are not used here. 0005, unused indexes, cannot be asked of an empty database: each index has its purpose beside it.
"""

import re

import pytest

from server.kernel.db import migrations
from tests.app_server import AppServer
from tests.database.acting import as_owner

OURS = "in ('public'::regnamespace, 'private'::regnamespace)"
QUESTIONS = {
    "0001 unindexed foreign keys": f"""
        select c.conname from pg_constraint c where c.contype = 'f' and c.connamespace {OURS} and not exists (
          select from pg_index i where i.indrelid = c.conrelid and i.indisvalid
            and (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(c.conkey)] = c.conkey)""",
    "0003 a policy asks once a row": f"""
        select polname from pg_policy p join pg_class c on c.oid = polrelid, lateral (values (polqual), (polwithcheck)) v (tree)
        where c.relnamespace {OURS} and pg_get_expr(tree, polrelid) ~* '(auth\\.|current_setting)\\w*\\('
          and pg_get_expr(tree, polrelid) !~* 'select (auth\\.|current_setting)\\w*\\('""",
    "0004 no primary key": f"""
        select relname from pg_class c where relkind = 'r' and relnamespace {OURS}
          and not exists (select from pg_index where indrelid = c.oid and indisprimary)""",
    "0006 several permissive policies": f"""
        select concat(polrelid::regclass, ' ', r.role::regrole, ' ', polcmd) from pg_policy p join pg_class c on c.oid = polrelid
        cross join unnest(polroles) r (role) where c.relnamespace {OURS} and polpermissive
        group by polrelid, r.role, polcmd having count(*) > 1""",
    "0009 identical indexes": f"""
        select min(i.indexrelid::regclass::text) from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace {OURS}
        group by i.indrelid, i.indkey::text, i.indclass::text, i.indoption::text, c.relam, pg_get_expr(i.indpred, i.indrelid),
          pg_get_expr(i.indexprs, i.indrelid) having count(*) > 1""",
    "0014 an extension in public": "select extname from pg_extension where extnamespace = 'public'::regnamespace",
    "0021 a foreign key to what is not unique": f"""
        select c.conname from pg_constraint c where c.contype = 'f' and c.connamespace {OURS}
          and c.confrelid::regclass::text ~ '^auth\\.' and not exists (
            select from pg_index i where i.indrelid = c.confrelid and i.indisunique
              and string_to_array(i.indkey::text, ' ')::smallint[] @> c.confkey)""",
}  # fmt: skip
FIRST = "another index begins with its first column, and few rows share that"
REASONS = {
    "interaction_turns_interaction": f"{FIRST}: interaction_turns_once",
    "realtime_metrics_interaction": f"{FIRST}: realtime_metrics_once; one more index would make each metric dearer",
    "interactions_agent": f"{FIRST}: interactions_external; the other two columns change together, when an agent moves",
}


@pytest.mark.parametrize("lint", QUESTIONS)
async def test_an_advisor_finds_nothing_without_a_reason(app_server: AppServer, lint: str) -> None:
    async with as_owner(app_server) as owner:
        found = {str(row[0]) for row in await owner.fetch(QUESTIONS[lint])}
    assert found == ({*REASONS} if lint.startswith("0001") else set())


def test_every_index_says_what_it_is_for() -> None:
    for path in (migrations.FOLDER / "schemas" / "tables").glob("*.sql"):
        lines = path.read_text().splitlines()
        bare = [
            line
            for before, line in zip(["", *lines], lines, strict=False)
            if re.match(r"create (unique )?index ", line) and not before.startswith("-- ")
        ]
        assert not bare, path.name
