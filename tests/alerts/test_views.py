"""Alerts and their rules over real HTTP: who sees which, the form's errors, acknowledgement, and the region of live pages."""

import re
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.app_server import AppServer, Person
from tests.conftest import until

FIELDS = {
    "version": "0",
    "name": "Bad for long",
    "condition": "satisfaction",
    "amount": "35",
    "minutes": "",
    "supervisor": "",
    "from": "",
    "until": "",
    "zone": "UTC",
    "calls": "both",
    **{f"day_{n}": "on" for n in range(1, 8)},
}


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", html)).split())


async def make(browser: httpx.AsyncClient, rule_id: UUID | None = None, **fields: str) -> httpx.Response:
    return await browser.post(f"/alerts/rules/{rule_id or uuid4()}", data=FIELDS | fields)


async def open_alert(
    app_server: AppServer, person: Person, calls: str = "both", live: str = ""
) -> tuple[UUID, UUID]:
    """A rule about this person's interactions that has just been met, and its open alert."""
    admin = await app_server.hire("admin")
    live = live or await app_server.start(person.agents[0], phone_number="+18505550155")
    rule_id = uuid4()
    async with app_server.browser_of(admin) as browser:
        made = await make(browser, rule_id, supervisor=str(person.id), calls=calls, name="Very <low>")
        assert made.status_code == 303
    async with app_server.api(person.agents[0]) as api:
        await api.post(f"/interactions/{live}/metrics", json={"satisfaction_score": 12, "sentiment": "good"})
    async with app_server.database() as owner:
        found: list[Any] = []

        async def opened() -> bool:  # by the sweeper of the server
            found[:] = await owner.fetch("select id from alerts where rule_id = $1", rule_id)
            return bool(found)

        await until(opened)
    return found[0]["id"], rule_id


async def test_an_alert_stands_on_the_screens_of_those_it_calls_until_one_acknowledges_it(
    app_server: AppServer, voice: Person
) -> None:
    alert, _ = await open_alert(app_server, voice)
    other, admin = await app_server.hire("voice"), await app_server.hire("admin")
    async with (
        app_server.browser_of(voice) as own,
        app_server.browser_of(other) as outsider,
        app_server.browser_of(admin) as wall,
    ):
        for browser in (own, wall):
            for path in ("/", "/alerts"):
                page = (await browser.get(path)).text
                assert f'id="alert-{alert}"' in page
                assert "Very &lt;low&gt;" in page
                assert "satisfaction 12 %" in page
        assert str(alert) not in (await outsider.get("/")).text + (await outsider.get("/alerts")).text
        refused = await outsider.post(f"/alerts/{alert}/acknowledgement")
        assert refused.status_code == 404
        done = await own.post(f"/alerts/{alert}/acknowledgement", headers={"HX-Request": "true"})
        assert done.status_code == 204
        assert (await wall.post(f"/alerts/{alert}/acknowledgement")).status_code == 303  # twice is no error
        assert f'id="alert-{alert}"' not in (await wall.get("/")).text
        assert f"{voice.name}, " in text_of((await wall.get("/alerts")).text)


async def test_an_alert_for_admins_alone_is_hidden_from_the_supervisor(
    app_server: AppServer, voice: Person
) -> None:
    alert, rule_id = await open_alert(app_server, voice, "admins")
    admin = await app_server.hire("admin")
    async with app_server.browser_of(voice) as own, app_server.browser_of(admin) as wall:
        assert str(alert) not in (await own.get("/")).text + (await own.get("/alerts")).text
        assert (await own.post(f"/alerts/{alert}/acknowledgement")).status_code == 404
        assert f'id="alert-{alert}"' in (await wall.get("/")).text
        # A rule that is retired closes what it opened.
        assert (await wall.post(f"/alerts/rules/{rule_id}/retirement")).status_code == 303
        assert (await wall.get(f"/alerts/rules/{rule_id}")).status_code == 404
        async with app_server.database() as owner:

            async def closed() -> object:
                return await owner.fetchval("select closed_because from alerts where id = $1", alert)

            await until(closed)
            assert await closed() == "rule"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": " "}, "A rule needs a name"),
        ({"name": "x" * 81}, "1 to 80 characters"),
        ({"condition": "loud"}, "Choose one of the conditions"),
        ({"amount": "101"}, "from 1 to 100"),
        ({"amount": "4.5"}, "whole number"),
        ({"amount": "\uff13"}, "whole number"),
        ({"condition": "critical", "amount": "4"}, "from 5 to 3600 seconds"),
        ({"condition": "pending", "amount": "361"}, "from 5 to 360 seconds"),
        ({"condition": "failed", "amount": "3", "minutes": "61"}, "1 to 60 whole minutes"),
        ({"from": "08:00"}, "Give both"),
        ({"from": "08:00", "until": "08:00"}, "another end"),
        ({"from": "25:00", "until": "26:00"}, "Give both"),
        ({"zone": "Europe/Atlantis"}, "There is no time zone Europe/Atlantis"),
        ({"calls": "everybody"}, "Choose whom it calls"),
        ({"supervisor": "somebody"}, "Choose a supervisor"),
    ],
)
async def test_the_form_says_what_is_wrong_and_keeps_what_was_typed(
    app_server: AppServer, fields: dict[str, str], sentence: str
) -> None:
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser:
        refused = await make(browser, None, **fields)
    assert refused.status_code == 422
    assert sentence in text_of(refused.text)
    if "name" not in fields:
        assert 'value="Bad for long"' in refused.text


async def test_days_are_needed_and_no_supervisor_may_make_a_rule(
    app_server: AppServer, voice: Person
) -> None:
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser, app_server.browser_of(voice) as own:
        data = {key: value for key, value in FIELDS.items() if not key.startswith("day_")}
        refused = await browser.post(f"/alerts/rules/{uuid4()}", data=data)
        assert (refused.status_code, "Choose one day or more" in refused.text) == (422, True)
        assert (await browser.post("/alerts/rules/x", data=FIELDS)).status_code == 404
        assert (await make(browser, supervisor=str(uuid4()))).status_code == 404
        assert (await make(browser, version="7")).status_code == 404
        assert (await make(browser, version="-1")).status_code == 422
        for path in ("/alerts/rules/new", f"/alerts/rules/{uuid4()}"):
            assert (await own.get(path)).status_code == 403
        assert (await make(own)).status_code == 403
        assert (await own.post(f"/alerts/rules/{uuid4()}/retirement")).status_code == 403
        assert "New rule" not in (await own.get("/alerts")).text


async def test_a_rule_stays_about_its_supervisor_when_they_have_left(app_server: AppServer) -> None:
    admin, person = await app_server.hire("admin"), await app_server.hire("voice")
    rule_id = uuid4()
    async with app_server.browser_of(admin) as browser, app_server.database() as owner:
        assert (await make(browser, rule_id, supervisor=str(person.id))).status_code == 303
        await owner.execute("update users set deactivated_at = now() where id = $1", person.id)
        form = (await browser.get(f"/alerts/rules/{rule_id}")).text
        (chosen,) = re.findall(
            r'<option value="([^"]*)" selected>',
            form.partition('id="supervisor"')[2].partition("</select>")[0],
        )
        assert chosen == str(person.id)
        assert f"{person.username} (deactivated)" in form
        assert f"{person.username} (deactivated)" not in (await browser.get("/alerts/rules/new")).text
        saved = await make(browser, rule_id, version="1", supervisor=chosen, name="Another name")
        assert saved.status_code == 303
        rule = await owner.fetchrow("select name, supervisor_id from alert_rules where id = $1", rule_id)
        assert rule is not None
        assert tuple(rule) == ("Another name", person.id)


async def test_a_form_sent_twice_makes_one_rule_and_a_stale_one_changes_nothing(
    app_server: AppServer,
) -> None:
    admin = await app_server.hire("admin")
    rule_id = uuid4()
    # Of hours that never are: nobody is called by this test.
    hours = {"supervisor": str((await app_server.hire("voice")).id)}
    async with app_server.browser_of(admin) as browser, app_server.database() as owner:
        for _ in range(2):
            assert (await make(browser, rule_id, **hours)).status_code == 303
        assert await owner.fetchval("select count(*) from alert_rules where id = $1", rule_id) == 1
        assert (await make(browser, rule_id, version="1", amount="20", **hours)).status_code == 303
        stale = await make(browser, rule_id, version="1", amount="30", **hours)
        assert (stale.status_code, "changed meanwhile" in stale.text) == (409, True)
        assert await owner.fetchval("select amount from alert_rules where id = $1", rule_id) == 20
        assert 'value="20"' in (await browser.get(f"/alerts/rules/{rule_id}")).text
        assert (await browser.post(f"/alerts/rules/{rule_id}/retirement")).status_code == 303
        assert (await make(browser, rule_id, version="2", amount="40", **hours)).status_code == 409


@pytest.mark.parametrize(
    ("at", "days", "hours", "applies"),
    [
        ("2026-01-07 10:00+00", "{3}", (None, None), True),  # a Wednesday
        ("2026-01-07 10:00+00", "{4}", (None, None), False),
        ("2026-01-07 07:59:59+00", "{3}", ("08:00", "17:00"), False),
        ("2026-01-07 08:00+00", "{3}", ("08:00", "17:00"), True),
        ("2026-01-07 17:00+00", "{3}", ("08:00", "17:00"), False),
        ("2026-01-07 23:00+00", "{3}", ("22:00", "06:00"), True),
        ("2026-01-08 05:59+00", "{3}", ("22:00", "06:00"), True),  # the night that began on Wednesday
        ("2026-01-07 05:59+00", "{3}", ("22:00", "06:00"), False),  # began on Tuesday
        ("2026-01-05 01:00+00", "{7}", ("22:00", "06:00"), True),  # Monday morning belongs to Sunday
    ],
)
async def test_days_and_hours_of_a_rule(
    app_server: AppServer, at: str, days: str, hours: tuple[str | None, str | None], *, applies: bool
) -> None:
    begin, end = (f"'{hour}'" if hour else "null" for hour in hours)
    async with app_server.database() as owner:
        found = await owner.fetchval(
            f"""select private.rule_applies(jsonb_populate_record(null::alert_rules, jsonb_build_object('days', '{days}'::smallint[],
              'from_time', {begin}, 'until_time', {end}, 'zone', 'UTC')), '{at}')"""
        )
    assert found is applies
