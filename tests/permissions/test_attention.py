"""What a person had before their eyes before they decided: reported once, shown to them and to admins; and unusual amounts."""

import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from server.embedded.postgres import SUPERUSER
from tests.app_server import AppServer, Person, decision
from tests.conftest import until


async def see(browser: httpx.AsyncClient, asked: dict[str, Any], **changes: str) -> int:
    form = {"arguments_digest": asked["arguments_digest"], "ago": "300", "opened": "no"} | changes
    return (await browser.post(f"/tool-permissions/{asked['id']}/seen", data=form)).status_code


async def sights(app_server: AppServer, asked: dict[str, Any]) -> list[dict[str, Any]]:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            """select viewer_id, opened_arguments, first_seen_at >= t.requested_at as after_it, first_seen_at
            from permission_sights s join tool_permissions t on t.id = s.tool_permission_id where t.id = $1""",
            UUID(asked["id"]),
        )
    return [dict(row) for row in rows]


async def test_the_first_report_counts_and_a_later_one_only_opens(
    app_server: AppServer, voice: Person
) -> None:
    asked = await app_server.ask(voice.agents[0], await app_server.start(voice.agents[0]))
    admin, other = await app_server.hire("admin"), await app_server.hire("voice")
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as second:
        assert await see(browser, asked, ago="599999") == 204  # not before it was asked
        [first] = await sights(app_server, asked)
        assert (first["after_it"], first["opened_arguments"]) == (True, False)
        assert await see(browser, asked, opened="yes") == 204
        assert await see(browser, asked) == 204
        assert await sights(app_server, asked) == [first | {"opened_arguments": True}]
        assert await see(second, asked) == 204
        assert len(await sights(app_server, asked)) == 2
        for wrong, status in (
            ({"arguments_digest": "0" * 64}, 409),
            ({"arguments_digest": ""}, 422),
            ({"ago": "-1"}, 422),
            ({"ago": "600001"}, 422),
            ({"ago": "soon"}, 422),
        ):
            assert await see(browser, asked, **wrong) == status
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
        assert await see(browser, asked, opened="yes") == 204
    async with app_server.browser_of(other) as outsider, app_server.browser_of(None) as nobody:
        assert await see(outsider, asked) == 404
        assert await see(nobody, asked) in (303, 401)
    assert len(await sights(app_server, asked)) == 2


async def decided(
    app_server: AppServer, person: Person, browser: httpx.AsyncClient, live: str, seconds: float, status: str
) -> None:
    """A request that was seen so many seconds before it was decided."""
    asked = await app_server.ask(person.agents[0], live)
    if seconds >= 0:
        assert await see(browser, asked, opened="yes" if seconds > 10 else "no") == 204
    await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, status))
    if seconds >= 0:
        async with app_server.database() as owner:
            await owner.execute(
                """update permission_sights s set first_seen_at = t.responded_at - make_interval(secs => $2)
                from tool_permissions t where t.id = s.tool_permission_id and t.id = $1""",
                UUID(asked["id"]),
                seconds,
            )


async def test_each_sees_their_own_numbers_and_admins_all(app_server: AppServer, voice: Person) -> None:
    live = await app_server.start(voice.agents[0])
    admin, other = await app_server.hire("admin"), await app_server.hire("voice")
    async with app_server.browser_of(voice) as browser:
        for seconds, status in (
            (1, "allowed"),
            (3, "allowed"),
            (20, "denied"),
            (5, "allowed"),
            (-1, "allowed"),
        ):
            await decided(app_server, voice, browser, live, seconds, status)
        own = (await browser.get("/tool-permissions/times")).text
        # Answered, seen, median, 10 %, under two seconds, allows in a row, opened.
        assert numbers(own, "issue_refund") == ["5", "4", "4.0 s", "1.6 s", "25 %", "2", "25 %"]
        assert "Only you and admins see it" in own
    async with app_server.browser_of(admin) as all_seeing, app_server.browser_of(other) as outsider:
        page = (await all_seeing.get(f"/tool-permissions/times?supervisor={voice.username}")).text
        assert numbers(page, voice.username) == numbers(own, "issue_refund")
        assert "it is no ranking" in page
        assert "Nobody answered" in (await outsider.get("/tool-permissions/times")).text


def numbers(page: str, name: str) -> list[str]:
    section = page[page.index('id="attention-title"') :]
    row = next(one for one in section.split("<tr>") if f">{name}<" in one)
    return re.findall(r'class="figure">([^<]*)<', row)


async def test_an_allow_that_can_be_taken_back_counts_until_it_was_pressed(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    async with app_server.database() as owner, app_server.browser_of(voice) as browser:
        await owner.execute("update agent_tools set undo_seconds = 4 where agent_id = $1", agent.id)
        asked = await app_server.ask(agent, await app_server.start(agent))
        assert await see(browser, asked) == 204
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed"))

        async def settled() -> bool:
            return bool(
                await owner.fetchval(
                    "select status = 'allowed' from tool_permissions where id = $1", UUID(asked["id"])
                )
            )

        await until(settled)
        await owner.execute(
            """update permission_sights s set first_seen_at = t.responded_at - interval '4.5 s'
            from tool_permissions t where t.id = s.tool_permission_id and t.id = $1""",
            UUID(asked["id"]),
        )
        found = numbers((await browser.get("/tool-permissions/times")).text, "issue_refund")
        assert found[4] == "100 %", "it was pressed within two seconds"
        # So does how long the decision took, and whether it was late: its time stood still meanwhile.
        await owner.execute("alter table tool_permissions disable trigger user")
        await owner.execute(
            """update tool_permissions set requested_at = held_at - interval '100 s', expires_at = responded_at + interval '120 s'
            where id = $1""",
            UUID(asked["id"]),
        )
        await owner.execute("alter table tool_permissions enable trigger user")
        times = (await browser.get("/tool-permissions/times")).text
        assert "1:40" in times.partition('id="attention-title"')[0]
        late = await browser.get("/tool-permissions?late=yes")
        assert asked["id"] not in late.text
        assert 'class="late"' not in (await browser.get("/tool-permissions")).text
        await owner.execute("alter table tool_permissions disable trigger user")
        await owner.execute(
            "update tool_permissions set expires_at = responded_at + interval '99 s' where id = $1",
            UUID(asked["id"]),
        )
        await owner.execute("alter table tool_permissions enable trigger user")
        assert asked["id"] in (await browser.get("/tool-permissions?late=yes")).text
        assert 'class="late"' in (await browser.get("/tool-permissions")).text


async def test_a_run_of_allows_is_broken_by_what_a_filter_leaves_out(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.browser_of(voice) as browser:
        for status in ("allowed", "denied", "allowed", "allowed", "denied"):
            asked = await app_server.ask(agent, live)
            await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, status))
        for query in ("", "?status=allowed"):
            page = (await browser.get(f"/tool-permissions/times{query}")).text
            section = page[page.index('id="attention-title"') :]
            row = next(one for one in section.split("<tr>") if ">issue_refund<" in one)
            assert re.findall(r'data-label="Allows in a row"[^>]*>(\d+)', row) == ["2"], query


async def test_more_lines_than_fit_are_counted_and_can_be_reached(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    async with app_server.database(SUPERUSER) as owner, owner.transaction():
        await owner.execute("set local session_replication_role = replica")
        await owner.execute(
            """insert into tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, arguments_digest, expires_at, status, responded_at,
              responded_by, responded_by_name, execute_before)
            select $1, $2, $3, 'tool_' || to_char(n, 'FM000'), repeat('0', 64), now() + interval '6 minutes', 'allowed', now(), $3, $4, now()
            from generate_series(1, 120) n""",
            UUID(live),
            voice.agents[0].id,
            voice.id,
            voice.username,
        )
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get("/tool-permissions/times")).text
        assert "The first 100 of 120 lines, by name." in page
        assert "The 100 of 120 tools that were asked most." in page
        assert page.count("tool_120") == 0
        other = (await browser.get("/tool-permissions/times?tool=tool_120")).text
        assert numbers(other, "tool_120")[0] == "1"


async def test_a_page_that_was_only_loaded_was_not_seen(app_server: AppServer, voice: Person) -> None:
    asked = await app_server.ask(voice.agents[0], await app_server.start(voice.agents[0]))
    async with app_server.browser_of(voice) as browser:
        await browser.get("/")
        await browser.get(f"/tool-permissions/{asked['id']}")
    assert await sights(app_server, asked) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"amount": 50, "currency": "USD"}, "5 times this supervisor&#39;s usual amount (10.00)"),
        pytest.param({"amount": 49.99, "currency": "USD"}, None, marks=pytest.mark.full),
        ({"amount": 5000, "currency": "EUR"}, None),
        pytest.param({"amount": "5000", "currency": "USD"}, None, marks=pytest.mark.full),
        pytest.param(
            {"amount": 12000, "currency": "USD"},
            "1,200 times this supervisor&#39;s usual amount (10.00)",
            marks=pytest.mark.full,
        ),
    ],
)
async def test_an_unusual_amount_is_said(
    app_server: AppServer, voice: Person, arguments: dict[str, Any], words: str | None
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.browser_of(voice) as browser:
        for number in range(10):
            one = {"amount": 6 + number if number < 9 else 10, "currency": "USD"}
            asked = await app_server.ask(agent, live, arguments=one)
            if number == 9:  # nine are too few
                assert "usual amount" not in (await browser.get("/")).text
            await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed"))
        await app_server.ask(agent, live, arguments=arguments)
        page = (await browser.get("/")).text
    assert (words in page) if words else ("usual amount" not in page)


async def test_what_is_usual_is_of_the_supervisor_and_of_no_test(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    admin = await app_server.hire("admin")
    live = await app_server.start(agent)
    one = {"amount": 10, "currency": "USD"}
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as other:
        for decides in (other, browser):  # first an admin, then the supervisor during the set-up of the agent
            for _ in range(10):
                asked = await app_server.ask(agent, live, arguments=one)
                await decides.post(
                    f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed")
                )
            async with app_server.database() as owner:
                await owner.execute(
                    "update interactions set is_test = $2 where id = $1", UUID(live), decides is browser
                )
            asked = await app_server.ask(agent, live, arguments=one | {"amount": 900})
            assert "usual amount" not in (await browser.get("/")).text
            await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
