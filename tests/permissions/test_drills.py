"""Drills: a made-up request is a card like any other until it is answered; it counts nowhere and gives way to real requests."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from server.embedded.postgres import SUPERUSER
from server.permissions.drills import TEMPLATES, make
from tests.app_server import AppServer, Person, decision
from tests.conftest import free_port, prepared, serving, until
from tests.floor.test_views import watching

DRILLS = "/tool-permissions/drills"
CARD = re.compile(r'<article id="tool-permission-([0-9a-f-]{36})" class="tool-permission (\w+)"')


async def send(
    admin: httpx.AsyncClient, person: Person, template: str = "all_customers", *, status: int = 303
) -> str:
    answer = await admin.post(DRILLS, data={"supervisor": str(person.id), "template": template})
    assert answer.status_code == status, answer.text
    return answer.text


async def waiting(browser: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The requests that wait on the person's floor, each with its id, its digest and its HTML."""
    page = (await browser.get("/")).text
    found = []
    for card in page.split("<article ")[1:]:
        if match := re.match(r'id="tool-permission-([0-9a-f-]{36})" class="tool-permission pending"', card):
            digest = re.search(r'name="arguments_digest" value="(\w+)"', card)
            assert digest
            found.append({"id": match[1], "arguments_digest": digest[1], "html": card})
    return found


async def rows(app_server: AppServer, person: Person) -> list[dict[str, Any]]:
    async with app_server.database() as owner:
        found = await owner.fetch(
            "select * from private.drills where supervisor_id = $1 order by created_at", person.id
        )
    return [dict(row) for row in found]


async def outcomes(app_server: AppServer, person: Person) -> list[str | None]:
    return [row["outcome"] for row in await rows(app_server, person)]


async def ended(app_server: AppServer, person: Person, expected: list[str]) -> None:
    async def as_expected() -> bool:
        return await outcomes(app_server, person) == expected

    await until(as_expected)


async def test_it_is_a_card_like_any_other_until_it_is_denied(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent, phone_number="+18505550155")
    admin = await app_server.hire("admin")
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as sender:
        async with watching(app_server, voice) as stream:
            await send(sender, voice)
            await until(lambda: "export_customers" in stream.last("tool-permissions"))
            [drill] = await waiting(browser)
            path = f"/tool-permissions/{drill['id']}"
            assert "drill" not in drill["html"].lower()
            assert "0155" in drill["html"]
            for way in (path, f"{path}/standing-approval", f"{path}/answer"):
                page = await browser.get(way)
                assert page.status_code == 200, way
                assert "drill" not in page.text.lower(), way
            seen = await browser.post(
                f"{path}/seen", data={**drill, "html": "", "ago": "300", "opened": "no"}
            )
            assert seen.status_code == 204
            back = await browser.post(f"{path}/take-back")
            assert back.status_code == 409
            stale = await browser.post(
                f"{path}/decision", data=decision(drill, "denied") | {"arguments_digest": "0" * 64}
            )
            assert "changed after you opened it" in stale.text
            answer = await browser.post(
                f"{path}/decision", data=decision(drill, "denied"), headers={"HX-Request": "true"}
            )
            assert answer.status_code == 200
            assert "This was a drill, and you caught it." in answer.text
            await until(lambda: "you caught it" in stream.last("tool-permissions"))
            again = await browser.post(
                f"{path}/decision", data=decision(drill, "allowed"), headers={"HX-Request": "true"}
            )
            assert (again.status_code, "you caught it" in again.text) == (409, True)
            assert "it is in no history" in (await browser.get(path)).text
        [row] = await rows(app_server, voice)
        assert (row["outcome"], row["arguments"], row["interaction_id"]) == ("caught", None, UUID(live))
        # No number, history or export knows it; only its own share does.
        assert drill["id"] not in (await browser.get("/tool-permissions")).text
        assert drill["id"] not in (await browser.get("/tool-permissions.csv")).text
        times = (await browser.get("/tool-permissions/times")).text
        assert "Nobody answered a request" in times
        assert re.findall(
            r'data-label="(?:Share caught|Caught|Allowed|Missed)" class="figure">([^<]*)<', times
        ) == ["100 %", "1", "0", "0"]
        assert "export_customers" in (await sender.get(DRILLS)).text
    async with app_server.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{drill['id']}")).status_code == 404


@pytest.mark.parametrize("way", ["decision", "standing-approval", "answer"])
async def test_the_person_who_allows_it_is_told_and_nothing_runs(
    app_server: AppServer, voice: Person, way: str
) -> None:
    await app_server.start(voice.agents[0])
    admin = await app_server.hire("admin")
    form = {
        "decision": {"status": "allowed"},
        "standing-approval": {"scope": "exact", "uses": "3", "minutes": "30"},
        "answer": {"do": "as_is", "reason": "of course"},
    }[way]
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as sender:
        await send(sender, voice, "delete_account")
        [drill] = await waiting(browser)
        path = f"/tool-permissions/{drill['id']}/{way}"
        answer = await browser.post(
            path, data={**form, "arguments_digest": drill["arguments_digest"]}, headers={"HX-Request": "true"}
        )
        assert answer.status_code == 200, answer.text
        assert "This was a drill." in answer.text
        assert "It ought to have been denied; nothing ran." in answer.text
    assert await outcomes(app_server, voice) == ["allowed"]
    async with app_server.database() as owner:
        assert not await owner.fetchval("select count(*) from tool_grants where supervisor_id = $1", voice.id)


async def test_a_real_request_takes_its_place_for_good(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    admin = await app_server.hire("admin")
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as sender:
        first = await app_server.ask(agent, live)
        assert "a request waits on this floor" in await send(sender, voice, status=409)
        await browser.post(f"/tool-permissions/{first['id']}/decision", data=decision(first, "denied"))
        await send(sender, voice)
        [drill] = await waiting(browser)
        second = await app_server.ask(agent, live)
        assert [one["id"] for one in await waiting(browser)] == [second["id"]]
        late = await browser.post(
            f"/tool-permissions/{drill['id']}/decision",
            data=decision(drill, "allowed"),
            headers={"HX-Request": "true"},
        )
        assert (late.status_code, "and was withdrawn" in late.text) == (409, True)
        await browser.post(f"/tool-permissions/{second['id']}/decision", data=decision(second, "denied"))
        assert await waiting(browser) == []
        assert "export_customers" not in (await browser.get("/")).text
        assert "Share caught" not in (await browser.get("/tool-permissions/times")).text
    await ended(app_server, voice, ["withdrawn"])


async def test_it_goes_with_its_interaction_and_is_missed_when_nobody_answers(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    admin = await app_server.hire("admin")
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as sender:
        assert "no interaction on this floor is live and heard" in await send(sender, voice, status=409)
        live = await app_server.start(agent)
        await send(sender, voice)
        assert "a drill waits on this floor already" in await send(sender, voice, status=409)
        async with app_server.api(agent) as api:
            assert (
                await api.post(f"/interactions/{live}/end", json={"status": "completed"})
            ).status_code == 200
        assert await waiting(browser) == []
        await ended(app_server, voice, ["withdrawn"])
        await app_server.start(agent)
        await send(sender, voice)
        async with app_server.database() as owner:
            await owner.execute(
                "update private.drills set expires_at = now() where supervisor_id = $1 and outcome is null",
                voice.id,
            )
        await ended(app_server, voice, ["withdrawn", "missed"])
        page = (await browser.get("/")).text
        assert "This was a drill, and nobody answered it." in page
        assert "1" in re.findall(
            r'data-label="Missed" class="figure">([^<]*)<',
            (await browser.get("/tool-permissions/times")).text,
        )


async def test_it_is_for_one_supervisor_alone(app_server: AppServer, voice: Person, chat: Person) -> None:
    await app_server.start(voice.agents[0])
    await app_server.start(chat.agents[0])
    admin = await app_server.hire("admin")
    async with (
        app_server.browser_of(voice) as browser,
        app_server.browser_of(chat) as other,
        app_server.browser_of(admin) as sender,
    ):
        await send(sender, voice)
        [drill] = await waiting(browser)
        path = f"/tool-permissions/{drill['id']}"
        assert drill["id"] not in (await sender.get("/")).text
        for outsider in (other, sender):
            assert (await outsider.get(path)).status_code == 404
            for way in ("decision", "seen", "standing-approval", "answer", "take-back"):
                form = decision(drill, "denied") | {
                    "ago": "0",
                    "do": "as_is",
                    "scope": "exact",
                    "uses": "3",
                    "minutes": "30",
                }
                assert (await outsider.post(f"{path}/{way}", data=form)).status_code == 404, way
        # A supervisor neither sends drills nor sees who gets them.
        assert (await other.get(DRILLS)).status_code == 403
        assert (
            await other.post(DRILLS, data={"supervisor": str(voice.id), "template": "amount"})
        ).status_code == 403
        assert (
            await other.post(f"{DRILLS}/plan", data={"supervisor": str(chat.id), "per_day": "0"})
        ).status_code == 403
    assert await outcomes(app_server, voice) == [None]


async def test_five_in_a_day_are_the_most_and_bad_input_is_said(app_server: AppServer, voice: Person) -> None:
    await app_server.start(voice.agents[0])
    admin = await app_server.hire("admin")
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as sender:
        for _ in range(5):
            await send(sender, voice)
            [drill] = await waiting(browser)
            await browser.post(f"/tool-permissions/{drill['id']}/decision", data=decision(drill, "denied"))
        assert "five drills in 24 hours at most" in await send(sender, voice, status=409)
        # Without a request with an amount there is nothing to multiply.
        assert "Choose another drill" in await send(sender, voice, "amount", status=409)
        for form, status in (
            ({"supervisor": str(voice.id), "template": "unknown"}, 422),
            ({"supervisor": "x", "template": "amount"}, 404),
            ({"supervisor": str(admin.id), "template": "all_customers"}, 404),
            ({}, 422),
        ):
            assert (await sender.post(DRILLS, data=form)).status_code == status, form
        for per_day, status in (("5", 303), ("6", 422), ("-1", 422), ("", 422), ("٣", 422), ("0", 303)):
            form = {"supervisor": str(voice.id), "per_day": per_day}
            assert (await sender.post(f"{DRILLS}/plan", data=form)).status_code == status, per_day
        async with app_server.database() as owner:
            changes = await owner.fetch(
                "select changes from audit_logs where action like 'drill_plans.%' and supervisor_id = $1 order by id",
                voice.id,
            )
        assert len(changes) == 2


async def test_the_amount_drill_repeats_the_last_request_with_far_more(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    admin = await app_server.hire("admin")
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as sender:
        asked = await app_server.ask(
            agent, live, arguments={"order": "W1", "amount": 12.5, "currency": "USD"}
        )
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed"))
        await send(sender, voice, "amount")
        [drill] = await waiting(browser)
        assert "issue_refund" in drill["html"]
        assert "150.00 USD" in drill["html"]
        assert re.search(r"was <bdi>12\.50?</bdi>", drill["html"])
        await browser.post(f"/tool-permissions/{drill['id']}/decision", data=decision(drill, "denied"))
        # What the tool refuses by itself never reaches a person, so it is no drill either.
        async with app_server.database() as owner:
            await owner.execute(
                "update agent_tools set limit_argument = 'amount', refuses_above = 100 where agent_id = $1 and tool_name = 'issue_refund'",
                agent.id,
            )
        assert "the tool refuses this by itself" in await send(sender, voice, "amount", status=409)


async def test_a_request_that_postgresql_cannot_read_stops_no_drill(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    admin = await app_server.hire("admin")
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as sender:
        for arguments in ({"order": "W1", "amount": 12.5}, {"order": "W2", "amount": 20}):
            asked = await app_server.ask(agent, live, arguments=arguments)
            await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed"))
        async with app_server.database(SUPERUSER) as owner, owner.transaction():
            await owner.execute("set local session_replication_role = replica")  # as a program with SQL
            await owner.execute(
                r"""update tool_permissions set arguments = '{"amount": 20, "note": "\u0000"}' where id = $1""",
                UUID(asked["id"]),
            )
        await send(sender, voice, "amount")
        [drill] = await waiting(browser)
        assert "150.00" in drill["html"]


@pytest.mark.parametrize(
    ("last", "amount"),
    [
        ('{"amount": 184.2}', 2210.4),
        ('{"total": 7}', 84),
        ('{"price": "19.90"}', "238.80"),
        ('{"amount": true}', None),
        ('{"amount": "many"}', None),
        ('{"order": "W1"}', None),
    ],
)
def test_how_the_amount_grows(last: str, amount: object) -> None:
    made = make("amount", {"tool_name": "refund", "tool_description": None, "arguments": last})
    assert (next(iter(made.arguments.values())) if made else None) == amount


def test_each_template_can_be_made() -> None:
    for key in TEMPLATES:
        assert make(key, {"tool_name": "refund", "tool_description": None, "arguments": '{"amount": 1}'})


@pytest.mark.full
async def test_the_product_sends_them_by_itself_to_an_open_floor(tmp_path: Path) -> None:
    with serving(prepared(tmp_path / "home"), free_port(), DRILL_MINUTES="0") as app_server:
        person, absent = await app_server.hire("voice"), await app_server.hire("voice")
        admin = await app_server.hire("admin")
        for one in (person, absent):
            await app_server.start(one.agents[0])
        async with app_server.browser_of(admin) as sender:
            for one in (person, absent):
                await sender.post(f"{DRILLS}/plan", data={"supervisor": str(one.id), "per_day": "1"})
        async with watching(app_server, person) as stream, app_server.browser_of(person) as browser:
            await until(lambda: CARD.search(stream.last("tool-permissions")))
            [drill] = await waiting(browser)
            await browser.post(f"/tool-permissions/{drill['id']}/decision", data=decision(drill, "denied"))
            async with (
                app_server.database() as owner
            ):  # the next one would be due, were one a day not the most
                await owner.execute(
                    "update private.drills set created_at = created_at - interval '20 minutes', ended_at = ended_at - interval '20 minutes'"
                )
            asked = await app_server.ask(person.agents[0], await live_of(app_server, person))
            await until(lambda: asked["id"] in stream.last("tool-permissions"))
        assert await outcomes(app_server, person) == ["caught"]
        assert await outcomes(app_server, absent) == []


async def live_of(app_server: AppServer, person: Person) -> str:
    async with app_server.database() as owner:
        return str(
            await owner.fetchval(
                "select interaction_id from interaction_pulse where supervisor_id = $1", person.id
            )
        )
