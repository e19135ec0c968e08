"""Scorecards over real HTTP: criteria in versions, scores beside the leaderboard; the whole number on demand, and the print view."""

import csv
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from uuid import UUID

import httpx
import pytest

from tests.app_server import AppServer, Person, decision
from tests.interactions.test_interaction_search import finish

HX = {"HX-Request": "true"}


async def answer(
    browser: httpx.AsyncClient, one: str, place: int, said: str, version: int | None = None
) -> httpx.Response:
    """Answer one criterion, of the version that the page shows."""
    if version is None:
        page = (await browser.get(f"/interactions/{one}")).text
        version = int(re.findall(r'name="version" value="(\d+)"><input type="hidden" name="place"', page)[0])
    data = {"version": str(version), "place": str(place), "answer": said}
    return await browser.post(f"/interactions/{one}/score", data=data, headers=HX)


async def criteria(browser: httpx.AsyncClient, *rows: tuple[str, str, str]) -> httpx.Response:
    """Save these criteria in place of the present ones."""
    page = (await browser.get("/scorecard")).text
    data = {"version": re.findall(r'name="version" value="(\d+)"', page)[0]}
    for number, (name, meaning, weight) in enumerate(rows, 1):
        data |= {f"name_{number}": name, f"meaning_{number}": meaning, f"weight_{number}": weight}
    return await browser.post("/scorecard", data=data)


@asynccontextmanager
async def put_back(app_server: AppServer) -> AsyncIterator[None]:
    """Whatever the block does with the criteria, the version before it is the present one afterwards."""
    async with app_server.database() as owner:
        last = await owner.fetchval("select max(version) from scorecards")
        yield
        await owner.execute("alter table interaction_scores disable trigger user")
        await owner.execute("delete from interaction_scores where version > $1", last)
        await owner.execute("alter table interaction_scores enable trigger user")
        await owner.execute("delete from scorecards where version > $1", last)


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", html)).split())


async def test_each_choice_is_saved_and_the_total_is_weighted_over_what_was_answered(
    app_server: AppServer,
) -> None:
    voice, admin = await app_server.hire("voice"), await app_server.hire("admin")
    live = await app_server.start(voice.agents[0])
    async with (
        app_server.browser_of(voice) as browser,
        app_server.browser_of(admin) as all_seeing,
        put_back(app_server),
    ):
        saved = await criteria(
            all_seeing, ("Greeted", "With a name", "1"), ("Solved", "", "3"), ("Closed", "", "1")
        )
        assert (saved.status_code, saved.headers["location"]) == (303, "/scorecard?said=saved")
        assert "scored when it has ended" in (await browser.get(f"/interactions/{live}")).text
        page = (await all_seeing.get("/scorecard")).text
        version = int(re.findall(r'name="version" value="(\d+)"', page)[0])
        refused = await answer(browser, live, 1, "yes", version)
        assert refused.status_code == 409
        async with app_server.api(voice.agents[0]) as api:
            await api.post(f"/interactions/{live}/end", json={"status": "completed"})
        for place, said, total in (
            (1, "yes", "100"),
            (2, "partly", "62"),
            (3, "no", "50"),
            (2, "yes", "80"),
            (2, "yes", "80"),
        ):
            reply = await answer(browser, live, place, said)
            assert reply.status_code == 200
            assert f"{total} of 100" in text_of(reply.text), (place, said)
        assert f"Scored by {voice.name}" in text_of(reply.text)
        assert "Saved." in reply.text
        plain = await browser.post(
            f"/interactions/{live}/score", data={"version": str(version), "place": "3", "answer": "no"}
        )
        assert (plain.status_code, plain.headers["location"]) == (303, f"/interactions/{live}#scorecard")
        for place, said in ((0, "yes"), (4, "yes"), (1, "perhaps"), (1, "")):
            assert (await answer(browser, live, place, said)).status_code == 422
        # The criteria change: this score keeps its own, until it is cleared.
        assert (await criteria(all_seeing, ("Only one", "", "7"))).status_code == 303
        page = (await browser.get(f"/interactions/{live}")).text
        assert "Greeted" in page
        assert f"the present version is {version + 1}" in page
        stale = await answer(browser, live, 1, "no", version + 1)
        assert (stale.status_code, "scored by version" in stale.text) == (409, True)
        shown = {"scored_at": scored_at(await browser.get(f"/interactions/{live}"))}
        assert (await browser.post(f"/interactions/{live}/score/delete", data=shown)).status_code == 303
        assert "Only one" in (await browser.get(f"/interactions/{live}")).text
        stale = await answer(browser, live, 1, "no", version)
        assert (stale.status_code, "changed meanwhile" in stale.text) == (409, True)
        # Once an admin has scored, only admins do.
        assert (await answer(all_seeing, live, 1, "partly")).status_code == 200
        refused = await answer(browser, live, 1, "yes")
        assert (refused.status_code, "only admins change the score" in refused.text) == (409, True)
        assert (await browser.post(f"/interactions/{live}/score/delete", data=shown)).status_code == 409
        other = await app_server.hire("voice")
        async with app_server.browser_of(other) as another:
            scores = [await review_score(one, voice) for one in (browser, another, all_seeing)]
        assert scores == [("50", "1"), ("", ""), ("50", "1")]
        assert f"Review score of {voice.username}: 50" in (await browser.get("/leaderboard?type=voice")).text


async def review_score(browser: httpx.AsyncClient, person: Person) -> tuple[str, str]:
    """The review score of a supervisor, and of how many interactions, as the leaderboard's CSV says."""
    rows = csv.DictReader(io.StringIO((await browser.get("/leaderboard.csv?type=voice")).text))
    (row,) = [row for row in rows if row["username"] == person.username]
    return row["review_score"], row["reviews"]


async def test_admins_change_the_criteria_and_a_refusal_keeps_what_was_typed(
    app_server: AppServer, voice: Person
) -> None:
    admin = await app_server.hire("admin")
    async with (
        app_server.browser_of(voice) as browser,
        app_server.browser_of(admin) as all_seeing,
        put_back(app_server),
    ):
        page = (await browser.get("/scorecard")).text
        assert '<form method="post" action="/scorecard"' not in page
        assert "Version 1" in page
        assert (
            await browser.post("/scorecard", data={"version": "1", "name_1": "x", "weight_1": "1"})
        ).status_code == 403
        for rows, said in (
            ([("A", "", "0")], "Criteria are 1 to 20"),
            ([("A", "", "many")], "The weight of “A” is a whole number from 1 to 100."),
            ([("A", "", "1"), ("a", "", "1")], "Criteria are 1 to 20"),
            ([("x" * 81, "", "1")], "Criteria are 1 to 20"),
            ([("A", "m" * 501, "1")], "Criteria are 1 to 20"),
            ([("", "left alone", "1")], "Criteria are 1 to 20"),
        ):
            refused = await criteria(all_seeing, *rows)
            assert (refused.status_code, said in refused.text) == (422, True), rows
            assert (rows[0][0] or rows[0][1]) in refused.text
        assert (await criteria(all_seeing, ("<b>", "", "2"), ("", "", "1"))).status_code == 303
        assert "&lt;b&gt;" in (await all_seeing.get("/scorecard")).text
        stale = await all_seeing.post(
            "/scorecard", data={"version": "1", "name_1": "Mine", "meaning_1": "", "weight_1": "5"}
        )
        assert (stale.status_code, "changed meanwhile" in stale.text, 'value="Mine"' in stale.text) == (
            409,
            True,
            True,
        )


async def test_the_whole_number_is_shown_once_and_the_audit_says_to_whom(
    app_server: AppServer, voice: Person
) -> None:
    admin = await app_server.hire("admin")
    one, unknown = (
        await finish(app_server, voice, phone_number="+18505550155"),
        await finish(app_server, voice),
    )
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as all_seeing:
        for who in (browser, all_seeing):
            page = (await who.get(f"/interactions/{one}")).text
            assert "Show number" in page
            assert "+18505550155" not in page
        shown = await all_seeing.post(f"/interactions/{one}/number", headers=HX)
        assert "+18505550155" in shown.text
        assert shown.headers["cache-control"] == "private, no-store"
        assert "+18505550155" in (await browser.post(f"/interactions/{one}/number")).text
        assert "+18505550155" not in (await browser.get(f"/interactions/{one}")).text
        assert (await browser.get(f"/interactions/{one}/number")).status_code == 405
        assert "Show number" not in (await browser.get(f"/interactions/{unknown}")).text
        assert (await browser.post(f"/interactions/{unknown}/number")).status_code == 409
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select actor, changes from audit_logs where action = 'interactions.number_shown' and row_id = $1 order by id",
            one,
        )
    assert [(row["actor"], row["changes"]) for row in rows] == [(admin.name, {}), (voice.username, {})]


async def test_the_print_view_has_all_of_it_and_masks_the_number(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    one = await app_server.start(agent, phone_number="+18505550155")
    async with app_server.api(agent) as api, app_server.browser_of(voice) as browser:
        for number in range(0, 320, 80):
            turns = [{"speaker": "customer", "text": f"Line {number + n} <i>"} for n in range(80)]
            assert (await api.post(f"/interactions/{one}/turns", json=turns)).is_success
        for line in ("Customer: Line 7 <i>", "A line of the feed"):
            await api.post(f"/interactions/{one}/metrics", json={"feed_text": line})
        asked = await app_server.ask(
            agent, one, arguments={"order": "W1", "to": {"card": "9513"}, "note": "<script>"}
        )
        await browser.post(
            f"/tool-permissions/{asked['id']}/decision",
            data=decision(asked, "denied", reason="Not refundable"),
        )
        archive = {
            "summary": "Wanted money <back>",
            "csat_score": 54,
            "issues": [{"issue": "Broken kettle", "status": "unresolved", "priority": "high"}],
        }
        await api.post(f"/interactions/{one}/end", json={"status": "completed", "archive": archive})
        await browser.post(
            f"/interactions/{one}/notes",
            data={"note": asked["id"], "words": "Too <many> kettles", "line": f"q{asked['id']}"},
        )
        await browser.post(
            f"/interactions/{one}/flag",
            data={"version": "0", "state": "open", "assigned_to": "", "reason": "Look"},
        )
        await answer(browser, one, 1, "partly")
        browser.cookies.set("zone", "Asia/Tokyo")
        page = await browser.get(f"/interactions/{one}/print")
    assert page.status_code == 200
    said = text_of(page.text)
    assert said.count("Line ") == 320, "more than the page shows"
    for words in (
        "Line 0 <i>", "Line 319 <i>", "issue_refund: denied by", "Not refundable", "order W1", "card 9513", "note <script>", "Wanted money <back>",
        "Broken kettle: unresolved, high priority", "Too <many> kettles", "Flagged for review by", "Reason: Look", "Score 50 of 100", "CSAT 54 %",
        "A line of the feed", "Asia/Tokyo", f"Printed by {voice.name} ({voice.username}) on 2", "+1 850 ··· 0155",
    ):  # fmt: skip
        assert words in said, words
    assert "<script" not in page.text
    assert "+18505550155" not in page.text
    assert "<nav" not in page.text


@pytest.mark.full
async def test_a_print_view_of_more_than_it_takes_says_so(app_server: AppServer, voice: Person) -> None:
    one = await finish(app_server, voice)
    async with app_server.database() as owner, app_server.browser_of(voice) as browser:
        await owner.execute("alter table interaction_turns disable trigger user")
        await owner.execute(
            """insert into interaction_turns (interaction_id, supervisor_id, captured_at, speaker, text)
            select id, supervisor_id, started_at + n * interval '1 ms', 'agent', 'Turn ' || n from interactions, generate_series(1, 5003) n
            where id = $1::text::uuid""",
            one,
        )
        await owner.execute("alter table interaction_turns enable trigger user")
        said = text_of((await browser.get(f"/interactions/{one}/print")).text)
    assert "The first 5,000 turns; 3 more are left out." in said
    assert "Turn 5000" in said
    assert "Turn 5001" not in said


async def test_a_score_that_was_given_again_is_not_cleared_by_an_older_page(app_server: AppServer) -> None:
    voice = await app_server.hire("voice")
    admins = [await app_server.hire("admin") for _ in range(2)]
    one = await finish(app_server, voice)
    async with (
        app_server.browser_of(admins[0]) as browser,
        app_server.browser_of(admins[1]) as other,
        app_server.database() as owner,
    ):
        await answer(browser, one, 1, "no")
        stale = scored_at(await browser.get(f"/interactions/{one}"))
        await answer(other, one, 1, "yes")
        refused = await browser.post(
            f"/interactions/{one}/score/delete", data={"scored_at": stale}, headers=HX
        )
        assert refused.status_code == 409
        assert "It was scored again meanwhile." in refused.text
        assert "100" in refused.text
        assert (
            await browser.post(f"/interactions/{one}/score/delete", data={"scored_at": "x"}, headers=HX)
        ).status_code == 409
        scores = "select count(*) from interaction_scores where interaction_id = $1"
        assert await owner.fetchval(scores, UUID(one)) == 1
        present = scored_at(await browser.get(f"/interactions/{one}"))
        cleared = await browser.post(
            f"/interactions/{one}/score/delete", data={"scored_at": present}, headers=HX
        )
        assert cleared.status_code == 200
        assert await owner.fetchval(scores, UUID(one)) == 0


def scored_at(page: httpx.Response) -> str:
    found = re.search(r'name="scored_at" value="([^"]+)"', page.text)
    assert found
    return found[1]
