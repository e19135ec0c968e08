"""The history of tool permissions over real HTTP: filters, pages both ways, CSV, one decision, standing approvals, times."""

import csv
import datetime as dt
import io
import re
from html import unescape
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from server.embedded.postgres import SUPERUSER
from server.kernel.http import argument_rows
from tests.app_server import AppServer, Person, decision

EVERYTHING = "/tool-permissions?days="


def ids(page: str) -> list[str]:
    """The requests on a page of the history, from the first line to the last."""
    return re.findall(r'data-label="Asked"[^>]*><a href="/tool-permissions/([0-9a-f-]{36})"', page)


async def ask(app_server: AppServer, person: Person, interaction: str, **fields: Any) -> dict[str, Any]:
    return await app_server.ask(person.agents[0], interaction, **fields)


async def decide(browser: httpx.AsyncClient, asked: dict[str, Any], status: str, **fields: str) -> None:
    answer = await browser.post(
        f"/tool-permissions/{asked['id']}/decision", data=decision(asked, status, **fields)
    )
    assert answer.status_code == 303, answer.text


async def test_filters_find_what_they_say(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent, phone_number="+18505550155")
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        allowed = await ask(app_server, voice, interaction, arguments={"order": "Zebra-77", "amount": 12.5})
        denied = await ask(app_server, voice, interaction, arguments={"order": "100%_sure", "amount": 13})
        freely = await ask(app_server, voice, interaction, tool_name="check_order")
        withdrawn = await ask(app_server, voice, interaction, arguments={"n": 4})
        waiting = await ask(app_server, voice, interaction, tool_name="unknown_tool", arguments={})
        await decide(browser, allowed, "allowed")
        await decide(browser, denied, "denied", reason="Against the policy")
        await api.delete(f"/tool-permissions/{withdrawn['id']}")
        claim = {"arguments_digest": allowed["arguments_digest"]}
        execution = (await api.post(f"/tool-permissions/{allowed['id']}/execution", json=claim)).json()
        report = {"execution_id": execution["execution_id"], "succeeded": True, "result": {"refund": "R-77"}}
        assert (await api.patch(f"/tool-permissions/{allowed['id']}/execution", json=report)).is_success
        everybody = [waiting["id"], withdrawn["id"], denied["id"], allowed["id"]]
        for query, found in (
            ("", everybody), ("q=zebra", [allowed["id"]]), ("q=100%25_sure", [denied["id"]]), ("q=%25", [denied["id"]]),
            ("q=AGAINST", [denied["id"]]), ("status=pending", [waiting["id"]]), ("status=cancelled", [withdrawn["id"]]),
            ("how=person", [denied["id"], allowed["id"]]), ("how=not_required", [freely["id"]]), ("how=grant", []),
            (f"who={voice.username}", [denied["id"], allowed["id"]]), ("tool=unknown_tool", [waiting["id"]]),
            (f"agent={agent.id}", everybody), (f"agent={uuid4()}", []), ("executed=succeeded", [allowed["id"]]),
            ("executed=not", []), ("late=yes", []), ("status=cancelled&executed=not", []), (f"status=timeout&who={voice.username}", []),
            (f"how=not_required&who={voice.username}", []), ("how=not_required&executed=not&status=allowed", [freely["id"]]),
            ("how=refused&status=allowed", []), (f"status=denied&how=person&who={voice.username}", [denied["id"]]), ("since=2000-01-01&until=2000-01-02", []), ("since=2001-01-01", everybody),
        ):  # fmt: skip
            page = (await browser.get(f"{EVERYTHING}&{query}")).text
            assert ids(page) == found, query
        text = (await browser.get("/tool-permissions.csv?days=")).text
        table = list(csv.DictReader(io.StringIO(text)))
        assert [one["id"] for one in table] == everybody
        assert table[-1]["customer"] == "'+1 850 ··· 0155"
        assert "+18505550155" not in text
        for query in (
            "status=x",
            "how=x",
            "executed=x",
            "days=2",
            "since=yesterday",
            "agent=x",
            "q=%00",
            "before=x",
            "after=1.x",
        ):
            assert (await browser.get(f"/tool-permissions?{query}")).status_code == 422, query
        page = (await browser.get(f"/tool-permissions/{allowed['id']}")).text
        for words in (
            "Zebra-77",
            "12.5",
            "number",
            f"by {voice.username}",
            "R-77",
            "succeeded",
            f"/interactions/{interaction}",
        ):
            assert words in page
        page = (await browser.get(f"/tool-permissions/{denied['id']}")).text
        assert "Against the policy" in page


async def test_pages_lead_both_ways_and_lose_nothing(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    async with app_server.database() as owner:
        # In one moment, so that the order needs more than the time.
        made = [
            str(one["id"])
            for one in await owner.fetch(
                """insert into tool_permissions (interaction_id, tool_name, arguments)
                select $1, 'check_order', json_build_object('n', n) from generate_series(1, 120) n returning id""",
                interaction,
            )
        ]
    async with app_server.browser_of(voice) as browser:
        pages, address = [], "/tool-permissions?days=&how=not_required"
        while address:
            page = (await browser.get(address)).text
            pages.append(ids(page))
            older = re.search(r'href="([^"]+before=[^"]+)">Older', page)
            address = older[1].replace("&amp;", "&") if older else ""
            newer = re.search(r'href="([^"]+after=[^"]+)">Newer', page)
        assert [len(one) for one in pages] == [50, 50, 20]
        assert sorted(chain.from_iterable(pages)) == sorted(made)
        back = []
        while newer:
            page = (await browser.get(newer[1].replace("&amp;", "&"))).text
            back.append(ids(page))
            newer = re.search(r'href="([^"]+after=[^"]+)">Newer', page)
        assert back == pages[-2::-1]
        table = list(
            csv.DictReader(
                io.StringIO((await browser.get("/tool-permissions.csv?days=&how=not_required")).text)
            )
        )
        assert [one["id"] for one in table] == [*chain.from_iterable(pages)]


async def test_a_row_leads_to_its_interaction_and_to_those_of_its_agent(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    asked = await ask(app_server, voice, live)
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get(EVERYTHING)).text
        row = next(line for line in page.split("<tr>") if asked["id"] in line)
        paths = [unescape(path) for path in re.findall(r'href="(/interactions[^"]+)"', row)]
        assert len(paths) == 2
        for path in paths:
            assert live in (await browser.get(path)).text, path


async def test_another_supervisor_sees_nothing_of_it(app_server: AppServer, voice: Person) -> None:
    other, admin = await app_server.hire("voice"), await app_server.hire("admin")
    asked = await ask(app_server, voice, await app_server.start(voice.agents[0]))
    async with app_server.browser_of(voice) as browser:
        await decide(browser, asked, "denied")
    async with app_server.browser_of(other) as outsider, app_server.browser_of(admin) as sees:
        assert asked["id"] not in (await outsider.get(EVERYTHING)).text
        assert asked["id"] not in (await outsider.get("/tool-permissions.csv?days=")).text
        assert (await outsider.get(f"/tool-permissions/{asked['id']}")).status_code == 404
        assert voice.username not in (await outsider.get("/tool-permissions/times?days=")).text
        assert ids((await sees.get(f"{EVERYTHING}&supervisor={voice.username}")).text) == [asked["id"]]
        assert (
            voice.username
            in (await sees.get(f"/tool-permissions/times?days=&supervisor={voice.username}")).text
        )
    async with app_server.browser_of(None) as nobody:
        for path in ("", ".csv", "/times", "/standing-approvals"):
            assert (await nobody.get(f"/tool-permissions{path}")).status_code == 303


async def test_what_expired_while_no_server_ran_has_waited_its_time_only(
    app_server: AppServer, voice: Person
) -> None:
    asked = await ask(app_server, voice, await app_server.start(voice.agents[0]))
    async with app_server.database("supabase_admin") as owner:
        await owner.execute("set session_replication_role = replica")  # past the trigger, as below
        await owner.execute(
            """update tool_permissions set requested_at = now() - interval '3 hours', expires_at = now() - interval '174 minutes',
            status = 'timeout', responded_at = now() where id = $1""",
            asked["id"],
        )
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get(f"/tool-permissions/{asked['id']}")).text
        assert "<dt>Wait</dt><dd>6:00</dd>" in page
        line = (await browser.get(EVERYTHING)).text.split(str(asked["id"]))[1]
        assert re.search(r'data-label="Wait"[^>]*><span >6:00</span>', line)


async def test_times_are_the_median_and_the_share_that_expired(app_server: AppServer, voice: Person) -> None:
    interaction = await app_server.start(voice.agents[0])
    async with app_server.browser_of(voice) as browser:
        for number in range(3):
            await decide(
                browser, await ask(app_server, voice, interaction, arguments={"n": number}), "allowed"
            )
        async with app_server.database(
            "supabase_admin"
        ) as owner:  # past the trigger that keeps requests as they were
            await owner.execute("set session_replication_role = replica")
            await owner.execute(
                """update tool_permissions t set requested_at = responded_at - make_interval(secs => s.n * 10)
                from (select id, row_number() over (order by requested_at) as n from tool_permissions where supervisor_id = $1) s
                where s.id = t.id""",
                voice.id,
            )
        page = (await browser.get("/tool-permissions/times?days=")).text
        row = re.search(rf">{voice.username}</a></td>(.*?)</tr>", page, re.DOTALL)
        assert row is not None
        assert re.findall(r">([^<>]+)</td>", row[1]) == ["3", "3", "0", "0.0 %", "0:20", "0:29"]


async def test_names_of_times_lead_to_their_requests_with_the_same_filters(app_server: AppServer) -> None:
    person = await app_server.hire("voice", agents=2)
    async with app_server.browser_of(person) as browser:
        made = []
        for agent in person.agents:  # the second one's arguments have the name of the first
            asked = await app_server.ask(
                agent, await app_server.start(agent), arguments={"to": person.agents[0].name}
            )
            await decide(browser, asked, "denied")
            made.append(asked["id"])
        page = (await browser.get("/tool-permissions/times?days=30&tool=issue_refund&status=denied")).text
        for name, found in (
            (person.agents[0].name, made[:1]),
            (person.username, made[::-1]),
            ("issue_refund", made[::-1]),
        ):
            (address,) = re.findall(rf'href="(/tool-permissions\?[^"]+)">{name}</a>', page)
            assert {"days=30", "status=denied"} <= set(unescape(address).partition("?")[2].split("&"))
            assert ids((await browser.get(unescape(address))).text) == found, name


async def test_a_decision_shows_what_its_card_showed(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        first = await ask(app_server, voice, live, arguments={"order": "W1", "amount": 10})
        await decide(browser, first, "allowed")
        ahead = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat()
        metrics = f"/interactions/{live}/metrics"
        for metric in (
            {"sentiment": "good", "feed_text": "By a clock that is ahead", "captured_at": ahead},
            {"sentiment": "critical", "satisfaction_score": 12, "feed_text": "Wants it all"},
            {"satisfaction_score": 11},
        ):
            assert (await api.post(metrics, json=metric)).is_success
        second = await ask(app_server, voice, live, arguments={"order": "W1", "amount": 12.5})
        await decide(browser, second, "denied")
        assert (await api.post(metrics, json={"sentiment": "good", "feed_text": "Said later"})).is_success
        page = (await browser.get(f"/tool-permissions/{second['id']}")).text
    moment = page.partition('id="moment-title"')[2]
    assert '<span class="sentiment critical">critical</span> 11%' in moment
    assert "Wants it all" in moment
    assert "By a clock that is ahead" in moment
    assert "Said later" not in page
    assert "1 change since the last one" in page
    assert re.search(r"12\.5.*?was <bdi>10</bdi>", page, re.DOTALL)


async def test_every_standing_approval_in_force_can_be_reached(app_server: AppServer, voice: Person) -> None:
    live = await app_server.start(voice.agents[0])
    asked = await ask(app_server, voice, live)
    async with app_server.browser_of(voice) as browser:
        await browser.post(
            f"/tool-permissions/{asked['id']}/standing-approval",
            data=decision(asked, "allowed", scope="exact", uses="3", minutes="30"),
        )
        async with app_server.database(SUPERUSER) as owner, owner.transaction():
            await owner.execute("set local session_replication_role = replica")
            columns = await owner.fetchval(
                """select string_agg(quote_ident(attname), ', ') from pg_attribute
                where attrelid = 'tool_grants'::regclass and attnum > 0 and not attisdropped and attname not in ('id', 'tool_name')"""
            )
            await owner.execute(
                f"insert into tool_grants (tool_name, {columns}) select 'tool_' || n, {columns} from tool_grants, generate_series(1, 130) n "
                "where interaction_id = $1",
                UUID(live),
            )
        found, address = list[str](), "/tool-permissions/standing-approvals"
        while address:
            page = (await browser.get(address)).text
            found += re.findall(r'action="/standing-approvals/([0-9a-f-]+)/revoke"', page)
            older = re.search(r'rel="next" href="([^"]+)"', page)
            address = older[1] if older else ""
        assert len(found) == len(set(found)) == 131
        assert (await browser.get("/tool-permissions/standing-approvals?before=x")).status_code == 422


async def test_revoking_leads_back_to_the_page_that_it_was_pressed_on(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    async with app_server.browser_of(voice) as browser:
        for here in ("/tool-permissions/standing-approvals", f"/interactions/{live}", "/"):
            asked = await ask(app_server, voice, live, arguments={"for": here})
            answer = (await browser.get(f"/tool-permissions/{asked['id']}/answer")).text
            assert "<title>Reason or changes · " in answer
            form = decision(asked, "allowed", scope="exact", uses="3", minutes="30")
            await browser.post(f"/tool-permissions/{asked['id']}/standing-approval", data=form)
            page = (await browser.get(here)).text
            revoke = re.search(r'action="(/standing-approvals/[0-9a-f-]+/revoke)".*?</form>', page, re.DOTALL)
            assert revoke is not None
            back = re.search(r'name="from" value="(\w+)"', revoke[0])
            answered = await browser.post(revoke[1], data={"from": back[1]} if back else None)
            assert (answered.status_code, answered.headers["location"]) == (303, here)


async def test_standing_approvals_are_listed_with_their_uses_and_revoked(
    app_server: AppServer, voice: Person
) -> None:
    interaction = await app_server.start(voice.agents[0])
    asked = await ask(app_server, voice, interaction)
    async with app_server.browser_of(voice) as browser:
        form = decision(asked, "allowed", scope="any", uses="3", minutes="30")
        await browser.post(f"/tool-permissions/{asked['id']}/standing-approval", data=form)
        used = await ask(app_server, voice, interaction, arguments={"order": "second"})
        page = (await browser.get("/tool-permissions/standing-approvals")).text
        for words in ("1 of 3 used", f"/tool-permissions/{used['id']}", voice.username, "Revoke"):
            assert words in page
        one = (await browser.get(f"/tool-permissions/{used['id']}")).text
        assert "by a standing approval" in one
        assert "use 1 of 3" in one
        revoke = re.search(r'action="(/standing-approvals/[0-9a-f-]+/revoke)"', page)
        assert revoke is not None
        await browser.post(revoke[1])
        page = (await browser.get("/tool-permissions/standing-approvals")).text
        assert f"revoked by {voice.username}" in page
        assert revoke[1] not in page


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, [("a", "object"), ("b", "object"), ("c", "object"), ("d", "object")]),
        ({"a": "42", "b": 42, "c": None, "d": "", "e": True}, [("a", "text"), ("b", "number"), ("c", "nothing"), ("d", "text"), ("e", "boolean")]),
        ({"a": [1, "x", None]}, [("a", "list of 3")]),
        ({"a": [{"b": 1}, {"b": 2}]}, [("a", "list of 2"), ("1", "object"), ("b", "number"), ("2", "object"), ("b", "number")]),
        ({"a": [], "b": {}}, [("a", "list of 0"), ("b", "object")]),
    ],
)  # fmt: skip
def test_arguments_are_rows_with_their_types(value: dict[str, Any], rows: list[tuple[str, str]]) -> None:
    assert [(one.name, one.kind) for one in argument_rows(value)] == rows
