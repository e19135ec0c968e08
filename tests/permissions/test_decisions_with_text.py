"""Searching the history for a text: whichever way it is searched, the same rows come, and never another supervisor's."""

import csv
import io
import json
import re
from uuid import UUID

import httpx
import pytest

from server.permissions import decisions_with_text
from tests.app_server import AppServer, Person
from tests.conftest import until
from tests.database.acting import as_person, refused
from tests.permissions.test_decision_rows import ids

ADDRESS = "/tool-permissions{}?days=&how=not_required"
# Values of arguments: scripts, small and capital letters that differ in length or script, what LIKE, JSON and SQL give a meaning.
VALUES = (
    "Zebra-77", "100%_sure", r"back\slash", 'said "yes"', "it's O'Neil", "Müller STRASSE", "ПОСЫЛКА сломана", "Ελλάδα ΟΔΟΣ", "İstanbul", "45 K\u212a",
    "退款请求已提交", "払い戻し", "환불 요청", "طلب استرداد", "החזר כספי", "धनवापसी", "คืนเงิน", "parcel 📦 broken", "é e\u0301", "a\tb", "ab", "%", "_", "\\", "\\%", "%_\\", "''", "--",
)  # fmt: skip
TEXTS = (
    *VALUES, "zebra", "ZEBRA", "bra-7", "%_s", "k\\s", '\\"yes', "müller", "strasse", "MÜLLER", "посылка", "сломана", "ПОСЫЛ", "οδο", "ελλάδα", "istanbul", "İSTAN", "45 kk",
    "退款", "款请求", "し", "요청", "استرداد", "כספי", "नवा", "นเง", "📦", "broken parcel", "parcel", "e\u0301", "order", "check_", "checkXorder", "because 5", "BECAUSE",
    "4930555", "+4930", "front.desk", "FRONT.DESK@", "приёмная", "ПРИЁМНАЯ", "nowhere at all", "a", "1", "{", "\n", "order\n{", "Agent", "' or true --", "$1", "{}",
)  # fmt: skip
NOWHERE = (
    "back\\slash", "k\\s", 'said "yes"', "a\tb", "checkXorder", "nowhere at all", "order\n{", "' or true --", "$1", "{}", "broken parcel",
)  # fmt: skip
# What the search promises: a part of one of these, in any case.
PLAIN = """select t.id from tool_permissions t join agents a on a.id = t.agent_id join interactions i on i.id = t.interaction_id
  where t.supervisor_id = any ($1) and t.rule = 'not_required' and (t.tool_name ilike $2 or t.arguments::text ilike $2 or t.reason ilike $2
    or a.name ilike $2 or i.caller ilike $2 or i.phone_number ilike $2) order by t.requested_at desc, t.id desc"""


def escaped(text: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


async def fill(app_server: AppServer, person: Person) -> None:
    """Requests with each value, of a customer with a number and of one with a text, in turns."""
    agent = person.agents[0]
    async with app_server.database("supabase_admin") as owner:
        for number, caller in enumerate(("+49305550123", "sip:front.desk@приёмная.example")):
            interaction = await app_server.start(agent, phone_number=caller)
            for index, value in enumerate(VALUES):
                if index % 2 == number:
                    await owner.execute(
                        "insert into tool_permissions (interaction_id, tool_name, arguments) values ($1, 'check_order', $2::text::json)",
                        UUID(interaction),
                        json.dumps({"order": value, "n": index}, ensure_ascii=False),
                    )
            await owner.execute(
                "update interactions set status = 'completed' where id = $1", UUID(interaction)
            )
        await owner.execute("set session_replication_role = replica")
        await owner.execute(
            "update tool_permissions set reason = 'Because ' || (arguments ->> 'n') where supervisor_id = $1 and (arguments ->> 'n')::integer % 5 = 0",
            person.id,
        )


async def rows_of_csv(browser: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await browser.get(ADDRESS.format(".csv"), params={"days": "", "how": "not_required", **query})
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in csv.DictReader(io.StringIO(answer.text))]


@pytest.fixture(scope="module")
async def both(app_server: AppServer) -> tuple[Person, Person]:
    """Two supervisors with the same texts."""
    people = await app_server.hire("voice"), await app_server.hire("voice")
    for person in people:
        await fill(app_server, person)
    return people


@pytest.mark.parametrize("who", ["supervisor", "admin"])
async def test_every_way_finds_what_an_ilike_finds(
    app_server: AppServer, both: tuple[Person, Person], who: str
) -> None:
    whose = [person.id for person in both]
    viewer = both[0] if who == "supervisor" else await app_server.hire("admin")
    filters: dict[str, str] = {} if who == "supervisor" else {"supervisor": both[0].username}
    async with (
        app_server.database() as owner,
        as_person(app_server, viewer) as connection,
        app_server.browser_of(viewer) as browser,
    ):
        for text in TEXTS:
            expected = [str(row["id"]) for row in await owner.fetch(PLAIN, whose[:1], escaped(text.strip()))]
            assert expected or text in NOWHERE, text
            query = {"days": "", "how": "not_required", "q": text, **filters}
            page = (await browser.get("/tool-permissions", params=query)).text
            assert ids(page) == expected[:50], f"the newest rows: {text!r}"
            assert await rows_of_csv(browser, q=text, **filters) == expected, f"CSV: {text!r}"
            # The index alone, as far as it answers; it does not know the names of agents.
            found: list[UUID] | None = await connection.fetchval(
                "select private.decisions_with_text($1)", text.strip()
            )
            if found is not None and text.strip() != "Agent":
                mine = {str(one) for one in found}
                if who == "supervisor":
                    assert mine == set(expected), f"the index: {text!r}"
                else:
                    assert mine >= set(expected), f"the index: {text!r}"


async def test_the_trigram_index_is_used_and_holds_every_script(
    app_server: AppServer, both: tuple[Person, Person]
) -> None:
    key = "private.search_key(tool_name || e'\\n' || arguments::text || e'\\n' || coalesce(reason, ''))"
    async with app_server.database() as owner:
        await owner.execute("set enable_seqscan = off")
        await owner.execute("set enable_indexscan = off")
        for text in ("сломана", "款请求", "istanbul", "zebra", "استرداد"):
            piece = await owner.fetchval("select min(p) from private.search_pieces($1) p", text)
            question = f"select count(*) filter (where supervisor_id = '{both[0].id}') from tool_permissions where {key} like '%{piece}%'"
            plan = "\n".join(row[0] for row in await owner.fetch(f"explain {question}"))
            assert "tool_permissions_search" in plan
            assert await owner.fetchval(question) >= 1, text
        plan = "\n".join(
            row[0]
            for row in await owner.fetch(
                "explain select id from interactions where private.search_key(caller) like '%abc%' or phone_number like '%abc%'"
            )
        )
        assert "interactions_caller_key" in plan
        assert "interactions_phone_search" in plan


async def test_the_sweeper_sorts_new_rows_into_the_trigram_index(
    app_server: AppServer, both: tuple[Person, Person]
) -> None:
    interaction = await app_server.start(both[0].agents[0])
    async with app_server.database() as owner:
        await owner.execute(
            "insert into tool_permissions (interaction_id, tool_name) values ($1, 'check_order')",
            UUID(interaction),
        )
        await until(lambda: owner.fetchval("select private.sweep('reaping') is not null"))
        assert await owner.fetchval("select gin_clean_pending_list('tool_permissions_search')") == 0


async def test_nobody_finds_anothers_rows(app_server: AppServer, both: tuple[Person, Person]) -> None:
    other = await app_server.hire("voice")
    async with app_server.database() as owner:
        admin = await app_server.hire("admin")
        await owner.execute("update users set deactivated_at = now() where id = $1", admin.id)
    mine = set(await _ids_of(app_server, both[0]))
    for person in (other, admin, both[1]):
        async with as_person(app_server, person) as connection:
            for text in TEXTS:
                found = await connection.fetchval("select private.decisions_with_text($1)", text)
                assert not mine & set(found or []), text
                assert person is both[1] or not found
    async with app_server.browser_of(other) as browser:
        for text in TEXTS:
            assert not await rows_of_csv(browser, q=text)
    async with as_person(app_server, both[1]) as connection, refused(connection, "FW422"):
        await connection.fetchval("select private.decisions_with_text(repeat('x', 101))")
    async with app_server.database("floorwalker_web") as web:
        await web.execute("set role authenticated")
        for claims in ("", "{}", '{"sub": "x"}', '{"sub": null}'):
            await web.execute("select set_config('request.jwt.claims', $1, false)", claims)
            assert await web.fetchval("select private.decisions_with_text('zebra')") == []


async def _ids_of(app_server: AppServer, person: Person) -> list[UUID]:
    async with app_server.database() as owner:
        return [
            row["id"]
            for row in await owner.fetch(
                "select id from tool_permissions where supervisor_id = $1", person.id
            )
        ]


async def test_a_text_that_no_index_helps_with_says_how_far_it_was_searched(
    app_server: AppServer, voice: Person
) -> None:
    most = decisions_with_text.FIRST + sum(decisions_with_text.THEN)
    interaction = await app_server.start(voice.agents[0])
    async with app_server.database("supabase_admin") as owner:
        row = await owner.fetchrow("select * from interactions where id = $1", UUID(interaction))
        assert row is not None
        await owner.execute("set session_replication_role = replica")  # one by one they would take minutes
        for number, at, value in (
            (5, "2 hours", "~~"),
            (most - 5, "1 hour", "plain"),
            (5, "30 minutes", "~~"),
            (1, "20 minutes", "zebra crossing"),
        ):
            await owner.execute(
                """insert into tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments, arguments_digest, known_tool,
                  requested_at, expires_at, status, rule, responded_at, execute_before)
                select $1, $2, $3, 'check_order', $5::json, 'digest', true, now() - $6::text::interval + n * interval '1 ms', now(), 'allowed', 'not_required', now(), now()
                from generate_series(1, $4::integer) n""",
                UUID(interaction), voice.agents[0].id, voice.id, number, {"order": value}, at,
            )  # fmt: skip
    address = "/tool-permissions?days=&how=not_required&q=~~"
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get(address)).text
        assert len(ids(page)) == 5
        assert "searched for back to" in page
        older = re.search(r'href="([^"]+)">Search what is older', page)
        assert older is not None
        further = (await browser.get(older[1].replace("&amp;", "&"))).text
        assert len(ids(further)) == 5
        assert "searched for" not in further
        assert not set(ids(page)) & set(ids(further))
        assert await rows_of_csv(browser, q="~~") == [*ids(page), *ids(further)]
        # A text with trigrams is found however far back it is, and with other filters.
        page = (await browser.get("/tool-permissions?days=&how=not_required&q=bra+cross")).text
        assert len(ids(page)) == 1
        page = (await browser.get("/tool-permissions?days=&how=not_required&q=plain")).text
        assert len(ids(page)) == 50
        page = (await browser.get("/tool-permissions?days=&how=not_required&q=plain&status=denied")).text
        assert not ids(page)
        assert "No tool permissions match" in page
        times = (await browser.get("/tool-permissions/times?days=&q=~~")).text
        assert "Median" in times or "times" in times
