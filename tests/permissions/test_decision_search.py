"""Searching the history for a text: by the index or without it the same rows come, and never another supervisor's."""

import asyncio
import csv
import io
import json
import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.app_server import DEADLINE, AppServer, Person, decision
from tests.database.acting import Connection, as_person, refused
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
    "4930555", "+4930", "front.desk", "FRONT.DESK@", "приёмная", "ПРИЁМНАЯ", "nowhere at all", "a", "1", "{", "or", "zq", ' "', "\n", "order\n{", "Agent", "' or true --", "$1", "{}", "e",
)  # fmt: skip
NOWHERE = (
    "back\\slash", "k\\s", 'said "yes"', "a\tb", "checkXorder", "nowhere at all", "order\n{", "' or true --", "$1", "{}", "broken parcel", "zq",
)  # fmt: skip
WITHOUT = ("a", "1", "{", "\\", '"', "e", "_", "-")  # one usual character, which no index helps to find
# What the search promises: a part of one of these, in any case.
PLAIN = """select t.id from tool_permissions t join agents a on a.id = t.agent_id join interactions i on i.id = t.interaction_id
  where t.supervisor_id = any ($1) and t.rule = 'not_required' and (t.tool_name ilike $2 or t.arguments::text ilike $2 or t.reason ilike $2
    or a.name ilike $2 or i.caller ilike $2 or i.phone_number ilike $2) order by t.requested_at desc, t.id desc"""
NAMED = "select ids, common from private.decisions_with_text($1, null, null, null, null, false, 1000)"


def escaped(text: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


async def index_all(owner: Connection) -> None:
    """Index what was asked until now, as the sweeper does when 500 requests have come."""
    await owner.execute(
        """
        do $$ begin
          while exists (select from tool_permissions where requested_at > (select coalesce(max(requested_at), '-infinity') from private.decision_search)) loop
            perform private.fill_decision_search(1, '0');
          end loop;
        end $$
        """
    )


async def store(owner: Connection, app_server: AppServer, person: Person) -> None:
    """Requests with each value, of a customer with a number and of one with a text, in turns."""
    for number, caller in enumerate(("+49305550123", "sip:front.desk@приёмная.example")):
        interaction = UUID(await app_server.start(person.agents[0], phone_number=caller))
        for index, value in enumerate(VALUES):
            if index % 2 == number:
                await owner.execute(
                    "insert into tool_permissions (interaction_id, tool_name, arguments) values ($1, 'check_order', $2::text::json)",
                    interaction,
                    json.dumps({"order": value, "n": index}, ensure_ascii=False),
                )
        await owner.execute("update interactions set status = 'completed' where id = $1", interaction)
    await owner.execute("set session_replication_role = replica")
    await owner.execute(
        "update tool_permissions set reason = 'Because ' || (arguments ->> 'n') where supervisor_id = $1 and (arguments ->> 'n')::integer % 5 = 0",
        person.id,
    )
    await owner.execute("set session_replication_role = origin")


async def rows_of_csv(browser: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await browser.get(ADDRESS.format(".csv"), params={"days": "", "how": "not_required", **query})
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in csv.DictReader(io.StringIO(answer.text))]


@pytest.fixture(scope="module")
async def both(app_server: AppServer) -> tuple[Person, Person]:
    """Two supervisors with the same texts: of the first one all are in the index, of the second one none."""
    people = await app_server.hire("voice"), await app_server.hire("voice")
    async with app_server.database("supabase_admin") as owner:
        await store(owner, app_server, people[0])
        await index_all(owner)
        await store(owner, app_server, people[1])
    return people


@pytest.mark.parametrize("who", ["supervisor", "admin"])
@pytest.mark.parametrize("whose", [0, 1], ids=["indexed", "not yet"])
async def test_the_search_finds_what_an_ilike_finds(
    app_server: AppServer, both: tuple[Person, Person], who: str, whose: int
) -> None:
    person = both[whose]
    viewer = person if who == "supervisor" else await app_server.hire("admin")
    filters: dict[str, str] = {} if who == "supervisor" else {"supervisor": person.username}
    async with (
        app_server.database() as owner,
        as_person(app_server, viewer) as connection,
        app_server.browser_of(viewer) as browser,
    ):
        for text in TEXTS:
            expected = [
                str(row["id"]) for row in await owner.fetch(PLAIN, [person.id], escaped(text.strip()))
            ]
            assert expected or text in NOWHERE or not text.strip(), text
            page = (
                await browser.get(
                    "/tool-permissions", params={"days": "", "how": "not_required", "q": text, **filters}
                )
            ).text
            assert ids(page) == expected[:50], f"the newest rows: {text!r}"
            assert await rows_of_csv(browser, q=text, **filters) == expected, f"CSV: {text!r}"
            if text.strip():
                named = await connection.fetchrow(NAMED, text.strip())
                assert named is not None
                assert (named["ids"] is None) == bool(named["common"] or text.strip() in WITHOUT), text
                assert named["ids"] is None or {str(one) for one in named["ids"]} >= set(expected), text


async def test_the_index_is_used_for_every_script(app_server: AppServer, both: tuple[Person, Person]) -> None:
    async with app_server.database() as owner:
        await owner.execute("set enable_seqscan = off")
        await owner.execute("set enable_indexscan = off")
        for text in ("сломана", "し", "款请求", "istanbul", "zebra", "استرداد", "100%_sure"):
            key = await owner.fetchval("select private.search_key($1)", text)
            question = f"select count(*) filter (where agent_id = '{both[0].agents[0].id}') from private.decision_search where key like '%{key}%'"
            plan = "\n".join(row[0] for row in await owner.fetch(f"explain {question}"))
            assert "decision_search_key" in plan
            assert await owner.fetchval(question) >= 1, text


async def test_a_common_text_is_left_to_the_order_of_the_rows(
    app_server: AppServer, both: tuple[Person, Person]
) -> None:
    async with app_server.database() as owner:
        await owner.execute("analyze private.decision_search")
    async with as_person(app_server, both[0]) as connection:
        for text, common in (("check_order", True), ("zebra-77 of a long name", False)):
            named = await connection.fetchrow(NAMED, text)
            assert named is not None
            assert bool(named["common"]) == common
            assert (named["ids"] is None) == common
    async with app_server.browser_of(both[0]) as browser:
        assert len(await rows_of_csv(browser, q="check_order")) == len(VALUES)


async def test_nobody_finds_anothers_rows(app_server: AppServer, both: tuple[Person, Person]) -> None:
    other, admin = await app_server.hire("voice"), await app_server.hire("admin")
    async with app_server.database() as owner:
        await owner.execute("update users set deactivated_at = now() where id = $1", admin.id)
        rows = await owner.fetch("select id from tool_permissions where supervisor_id = $1", both[0].id)
    mine = {row["id"] for row in rows}
    for person in (other, admin, both[1]):
        async with as_person(app_server, person) as connection:
            for text in TEXTS:
                named = await connection.fetchval(NAMED, text)
                assert not mine & set(named or []), text
                assert person is both[1] or not named
    async with app_server.browser_of(other) as browser:
        for text in TEXTS:
            assert not await rows_of_csv(browser, q=text)
            assert not await rows_of_csv(browser, q=text, supervisor=both[0].username)
    async with as_person(app_server, both[1]) as connection, refused(connection, "FW422"):
        await connection.fetchval(NAMED, "x" * 101)
    async with app_server.database("floorwalker_web") as web:
        await web.execute("set role authenticated")
        for claims in ("", "{}", '{"sub": "x"}', '{"sub": null}'):
            await web.execute("select set_config('request.jwt.claims', $1, false)", claims)
            assert await web.fetchval(NAMED, "zebra") == []


async def test_what_is_decided_and_what_changes_later_is_found(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent, phone_number="+18505550199")
    other = await app_server.hire("voice", agents=0)

    async def found(person: Person, text: str) -> list[str]:
        async with app_server.browser_of(person) as browser:
            return ids((await browser.get("/tool-permissions", params={"days": "", "q": text})).text)

    async with (
        app_server.browser_of(voice) as browser,
        app_server.api(agent) as api,
        app_server.database() as owner,
    ):
        asked = await app_server.ask(agent, interaction, arguments={"animal": "wombat"})
        for indexed in (False, True):
            if indexed:
                await index_all(owner)  # while it waits
            assert await found(voice, "wombat") == [asked["id"]]
            assert not await found(voice, "marsupials")
        await browser.post(
            f"/tool-permissions/{asked['id']}/decision",
            data=decision(asked, "denied", reason="No marsupials today"),
        )
        assert await found(voice, "MARSUPIALS") == [asked["id"]]
        # The next batch completes its row.
        last = await app_server.ask(agent, interaction, arguments={"animal": "quokka"})
        await index_all(owner)
        key = "select key from private.decision_search where tool_permission_id = $1"
        assert "marsupials" in await owner.fetchval(key, UUID(asked["id"]))
        assert await owner.fetchval(key, UUID(last["id"])) is None
        assert await found(voice, "MARSUPIALS") == [asked["id"]]
        answer = await api.patch(f"/interactions/{interaction}", json={"phone_number": "+18505550777"})
        assert answer.is_success, answer.text
        assert await found(voice, "5550777") == [last["id"], asked["id"]]
        assert not await found(voice, "5550199")
        # Its agent moves, with one request decided and one waiting.
        await owner.execute("update agents set supervisor_id = $1 where id = $2", other.id, agent.id)
        assert await found(other, "marsupials") == [asked["id"]]
        assert await found(other, "quokka") == [last["id"]]
        assert not await found(voice, "marsupials")
        assert not await found(voice, "quokka")
        await owner.execute("update interactions set status = 'completed' where id = $1", UUID(interaction))
        await owner.execute("select private.forget(array[$1::uuid])", UUID(interaction))
        for text in ("wombat", "marsupials", "quokka", "5550777"):
            assert not await found(other, text), text
        rows = await owner.fetch("select key from private.decision_search where agent_id = $1", agent.id)
        assert len(rows) == 2
        assert not re.search("wombat|marsupials|quokka|5550777", " ".join(row["key"] or "" for row in rows))
        assert await found(other, asked["tool_name"]) == [last["id"], asked["id"]]
        await owner.execute("delete from interactions where id = $1", UUID(interaction))
        assert not await owner.fetch("select from private.decision_search where agent_id = $1", agent.id)


async def _bulk(owner: Connection, voice: Person, interaction: str, rows: int, value: dict[str, Any]) -> None:
    """So many requests at once, without triggers, asked a minute ago: the sweeper has not come to them yet, as with real ones."""
    await owner.execute("set session_replication_role = replica")
    await owner.execute(
        """insert into tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments, arguments_digest, known_tool,
          requested_at, expires_at, status, rule, responded_at, execute_before)
        select $1, $2, $3, 'check_order', $5::json, 'digest', true, now() - interval '1 minute' + n * interval '1 ms', now(), 'allowed', 'not_required', now(), now()
        from generate_series(1, $4::integer) n""",
        UUID(interaction), voice.agents[0].id, voice.id, rows, value,
    )  # fmt: skip
    await owner.execute("set session_replication_role = origin")


async def test_the_sweeper_makes_rows_in_batches_and_what_it_has_not_reached_is_found(
    app_server: AppServer,
) -> None:
    voice, rows = await app_server.hire("voice"), 6_000
    interaction = await app_server.start(voice.agents[0])
    behind = (
        "select ids is null from private.decisions_with_text('walrus', $1, null, null, null, false, 1000)"
    )
    waiting = """select count(*) from tool_permissions t where t.supervisor_id = $1
      and not exists (select from private.decision_search s where s.tool_permission_id = t.id)"""
    async with app_server.database("supabase_admin") as owner, app_server.browser_of(voice) as browser:
        await owner.execute("truncate private.decision_search")
        await _bulk(owner, voice, interaction, rows, {"animal": "walrus"})
        while await owner.fetchval(waiting, voice.id) > 1000:  # the sweeper of the server, 500 at a time
            page = (await browser.get(f"{ADDRESS.format('')}&q=walrus")).text
            assert len(ids(page)) == 50
            page = (await browser.get(f"{ADDRESS.format('')}&q=penguin")).text
            assert not ids(page)
        assert await rows_of_csv(browser, q="penguin") == []
        assert len(await rows_of_csv(browser, q="walrus")) == rows
    async with as_person(app_server, voice) as connection:
        assert not await connection.fetchval(behind, voice.id)


async def test_what_is_asked_after_the_clock_was_put_back_is_indexed(
    app_server: AppServer, voice: Person
) -> None:
    interaction = await app_server.start(voice.agents[0])
    asked = await app_server.ask(voice.agents[0], interaction, arguments={"animal": "heron"})
    async with app_server.database("supabase_admin") as owner:
        ahead = owner.transaction()
        await ahead.start()
        await owner.execute("set session_replication_role = replica")  # no foreign key
        await owner.execute(  # by a clock that was half an hour fast
            """insert into private.decision_search (tool_permission_id, agent_id, requested_at, key)
            select gen_random_uuid(), agent_id, now() + interval '30 minutes', '' from tool_permissions where id = $1""",
            UUID(asked["id"]),
        )
        rows = "select count(*) from private.decision_search where tool_permission_id = $1"
        async with asyncio.timeout(DEADLINE):  # the sweeper of the server may have the lock for a moment
            while not await owner.fetchval(rows, UUID(asked["id"])):
                await owner.execute("select private.fill_decision_search()")
        await ahead.rollback()
        await owner.execute("set session_replication_role = origin")


async def test_a_text_in_many_rows_is_found_with_a_filter_that_few_pass(
    app_server: AppServer, voice: Person
) -> None:
    interaction = await app_server.start(voice.agents[0])
    async with app_server.database("supabase_admin") as owner, app_server.browser_of(voice) as browser:
        await _bulk(owner, voice, interaction, 3_000, {"animal": "otter"})
        await owner.execute("set session_replication_role = replica")
        await owner.execute(
            """update tool_permissions set execution_id = gen_random_uuid(), executed_at = now(), execution_succeeded = false, execution_reported_at = now()
            where id in (select id from tool_permissions where supervisor_id = $1 order by requested_at limit 3)""",
            voice.id,
        )
        await owner.execute("set session_replication_role = origin")
        page = (await browser.get(f"{ADDRESS.format('')}&q=otter&executed=failed")).text
        assert len(ids(page)) == 3
        failed = [
            str(row["id"])
            for row in await owner.fetch(
                "select id from tool_permissions where supervisor_id = $1 order by requested_at desc, id desc offset 2997",
                voice.id,
            )
        ]
        assert ids(page) == failed
        page = (await browser.get(f"{ADDRESS.format('')}&q=otter&executed=succeeded")).text
        assert not ids(page)
        # Pages lead both ways.
        pages, address = list[list[str]](), f"{ADDRESS.format('')}&q=OTTER"
        for _ in range(4):
            page = (await browser.get(address)).text
            pages.append(ids(page))
            older = re.search(r'href="([^"]+before=[^"]+)">Older', page)
            assert older
            address = older[1].replace("&amp;", "&")
        assert len({one for found in pages for one in found}) == 200
        newer = re.search(r'href="([^"]+after=[^"]+)">Newer', page)
        assert newer
        assert ids((await browser.get(newer[1].replace("&amp;", "&"))).text) == pages[-2]
