"""What a quiet floor shows of today: whose, since when, and the bars of its hours."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import httpx
import pytest

from server.floor.performance_sums import bars
from tests.app_server import AppServer, Person, decision
from tests.conftest import until


def hours(*counts: int) -> list[dict[str, object]]:
    return [{"hour": f"{at:02}:00", "interactions": count} for at, count in enumerate(counts)]


def test_bars_begin_an_hour_before_the_first_interaction() -> None:
    shown = bars(hours(0, 0, 0, 2, 0, 4, 1, 0, 0))
    assert [(hour, count) for hour, count, _ in shown] == [
        ("02:00", 0), ("03:00", 2), ("04:00", 0), ("05:00", 4), ("06:00", 1), ("07:00", 0), ("08:00", 0),
    ]  # fmt: skip
    assert [height for _, _, height in shown] == [1, 20, 1, 40, 10, 1, 1]


@pytest.mark.parametrize(
    ("counts", "first"), [((1,), "00:00"), ((0, 0, 0, 0, 0, 0, 0, 0, 3), "03:00"), ((5, 0), "00:00")]
)
def test_there_are_some_bars_even_after_a_single_hour(counts: tuple[int, ...], first: str) -> None:
    assert bars(hours(*counts))[0][0] == first


def test_without_an_interaction_there_are_no_bars() -> None:
    assert bars(hours(0, 0, 0)) == []


async def finish(app_server: AppServer, person: Person, **archive: object) -> str:
    agent = person.agents[0]
    live = await app_server.start(agent)
    async with app_server.api(agent) as api:
        body = {"status": "completed", "archive": {"summary": "Done.", **archive}}
        assert (await api.post(f"/interactions/{live}/end", json=body)).is_success
    return live


async def test_it_begins_at_the_viewers_midnight(app_server: AppServer, voice: Person) -> None:
    """An interaction of an hour before midnight in one zone is of today in another, where it is still the day before."""
    live = await finish(app_server, voice, csat_score=70)
    now = dt.datetime.now(dt.UTC)
    # Of these zones, eleven hours apart and more, at least two are in different days.
    zones = ["Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"]
    async with app_server.database() as owner:
        began = now - dt.timedelta(hours=12)
        await owner.execute("update interactions set started_at = $2 where id = $1", live, began)

        async def folded() -> bool:
            return not await owner.fetchval(
                "select count(*) from private.performance_changes where supervisor_id = $1", voice.id
            )

        for _ in range(2):  # before and after the sums are added up
            async with app_server.browser_of(voice) as browser:
                for zone in zones:
                    browser.cookies.set("zone", zone)
                    page = (await browser.get("/today")).text
                    same = began.astimezone(ZoneInfo(zone)).date() == now.astimezone(ZoneInfo(zone)).date()
                    assert f"<dt>interactions</dt><dd>{int(same)}</dd>" in page, zone
                    assert ("70<small>%" in page) == same
                    assert f"/interactions/{live}" in page  # the last five are of any day
            await until(folded)


async def test_an_unknown_zone_is_utc_and_an_admin_has_no_floor(app_server: AppServer, voice: Person) -> None:
    await finish(app_server, voice)
    async with app_server.browser_of(voice) as browser:
        for zone in ("Mars/Olympus", "../../etc/passwd", "x" * 5000):
            answer = await browser.get("/today", headers={"Cookie": f"{_session(browser)}; zone={zone}"})
            assert answer.status_code == 200
            assert "since midnight, UTC" in answer.text
    async with app_server.browser_of(await app_server.hire("admin")) as browser:
        assert (await browser.get("/today")).status_code == 404


def _session(browser: httpx.AsyncClient) -> str:
    return "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar)


async def test_it_shows_nothing_of_another_supervisor_and_nothing_of_tests(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    others = await finish(app_server, chat)
    async with app_server.database() as owner:
        await owner.execute("update agents set setup_began_at = now() where id = $1", voice.agents[0].id)
    test = await finish(app_server, voice)
    async with (
        app_server.database() as owner
    ):  # no other test on this server meets an agent that waits for its first call
        await owner.execute("update agents set setup_ended_at = now() where id = $1", voice.agents[0].id)
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get("/today")).text
    assert others not in page
    assert test not in page
    assert "No interaction has arrived yet" in page


async def test_it_shows_each_agent_and_what_decisions_were_about(app_server: AppServer) -> None:
    person = await app_server.hire("voice", agents=2)
    for agent, score in zip(person.agents, (60, 90), strict=True):
        live = await app_server.start(agent)
        asked = await app_server.ask(
            agent, live, arguments={"order": "W1", "amount": score, "currency": "USD"}
        )
        async with app_server.browser_of(person) as browser, app_server.api(agent) as api:
            await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed"))
            body = {"status": "completed", "archive": {"summary": "Done.", "csat_score": score}}
            assert (await api.post(f"/interactions/{live}/end", json=body)).is_success
    async with app_server.browser_of(person) as browser:
        page = (await browser.get("/today")).text
    by_agent = page.partition('aria-label="By agent"')[2].partition("</ul>")[0]
    rows = [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in by_agent.split("<li>")[1:]]
    assert [row.rpartition(" CSAT")[0] for row in rows] == [
        f"{person.agents[0].name} 1 interaction 60%",
        f"{person.agents[1].name} 1 interaction 90%",
    ]
    assert re.findall(r">issue_refund</a> ([^<]*)<", page) == ["90 USD", "60 USD"]


async def test_a_busy_floor_reads_nothing_of_today(app_server: AppServer, voice: Person) -> None:
    await finish(app_server, voice)
    await app_server.start(voice.agents[0])
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get("/")).text
    assert 'id="today"' in page
    assert "since midnight" not in page
