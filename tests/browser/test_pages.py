"""The other pages in a real Chromium: one interaction and the leaderboard; and rules for all pages on all screens."""

import datetime as dt
import re
from typing import Any, Literal

import pytest
from playwright.async_api import Page, expect

from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import SignIn, press
from tests.browser.test_floor import ALLOW, MARK, STILL, metric, open_denial

pytestmark = pytest.mark.browser

SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
LONG = "unbroken" * 30


async def open_interaction(page: Page, interaction: str) -> None:
    await page.goto(f"/interactions/{interaction}")
    await expect(page.locator("#connection")).to_have_text("Live")


async def test_one_interaction_is_followed_to_its_archive_without_a_reload(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    interaction = await app_server.start(agent, phone_number="+18505550155")
    await open_interaction(page, interaction)
    await page.evaluate(MARK)
    timeline = page.locator("#timeline li")
    async with app_server.api(agent) as api:
        turn = {"speaker": "customer", "text": "Is <b>anybody</b> there?"}
        await api.post(f"/interactions/{interaction}/turns", json=turn)
        await expect(timeline).to_contain_text(["Is <b>anybody</b> there?"])
        for score in (50, 82):
            await metric(api, interaction, "good", score, "Is content")
        await expect(page.locator("#interaction")).to_contain_text("82%")
        await expect(page.locator("#plot canvas")).to_be_visible()
        await expect(page.locator("#interaction svg.course")).to_be_hidden()
        asked = await app_server.ask(agent, interaction)
        card = page.locator(f"#tool-permission-{asked['id']}")
        await press(card.get_by_role("button", name=ALLOW))
        await expect(timeline.last).to_contain_text(
            re.compile(rf"issue_refund\s+allowed\s+by {voice.username}")
        )
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "allowed"
        await expect(card.get_by_role("button")).to_have_count(0)
        archive = {"summary": "Was there after all.", "csat_score": 82}
        await api.post(f"/interactions/{interaction}/end", json={"status": "completed", "archive": archive})
    await expect(page.locator("#archive")).to_contain_text("Was there after all.")
    await expect(page.locator("#archive")).to_contain_text("82%")
    await expect(page.locator("#interaction")).to_contain_text("Completed", ignore_case=True)
    assert await page.evaluate(STILL)


async def test_how_the_score_is_made_opens_by_a_click(voice: Person, sign_in: SignIn) -> None:
    page = await sign_in(voice)
    await page.get_by_role("link", name="Leaderboard").click()
    formula = page.locator("#formula")
    await expect(formula).to_be_hidden()
    await page.get_by_role("button", name="How the score works").click()
    await expect(formula).to_be_visible()
    await expect(formula).to_contain_text("average satisfaction")
    await page.keyboard.press("Escape")
    await expect(formula).to_be_hidden()
    await expect(page.locator("tr.own")).to_contain_text(voice.username)


async def fits(page: Page, name: str) -> None:
    """Nothing sticks out to the right on a small phone and on a 4K wall, in light and dark."""
    for width, height in ((360, 740), (768, 1024), (3840, 2160)):
        await page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            # What is wider than the window, the first of them, to be told when the test fails.
            wide, window, who = await page.evaluate(
                """() => {
                  const root = document.documentElement;
                  const out = [...document.querySelectorAll("body *")].filter(
                    (one) => one.getBoundingClientRect().right > root.clientWidth + 1 && !one.closest(".scroll table"));
                  return [root.scrollWidth, root.clientWidth, out.slice(0, 3).map((one) => one.outerHTML.slice(0, 90))];
                }"""
            )
            assert wide <= window, (name, width, scheme, who)


@pytest.mark.full
async def test_no_page_scrolls_sideways_on_a_phone_or_on_a_wall(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person, admin = await app_server.hire("voice", agents=2), await app_server.hire("admin")
    agent = person.agents[0]
    interaction = await app_server.start(agent, phone_number="+18505550155")
    async with app_server.api(agent) as api:
        for score in (20, 10):
            await metric(api, interaction, "critical", score, LONG)
        await api.post(f"/interactions/{interaction}/turns", json={"speaker": "customer", "text": LONG})
    arguments = {"order": LONG[:150], LONG: "a long name", "note": LONG, "lines": [{"id": LONG}]}
    for name in ("issue_refund", LONG):
        await app_server.ask(agent, interaction, tool_name=name, tool_description=LONG, arguments=arguments)
    denied = await app_server.ask(agent, interaction, arguments={})
    async with app_server.browser_of(person) as other:
        data = decision(denied, "denied", reason=LONG)
        await other.post(f"/tool-permissions/{denied['id']}/decision", data=data)
    page, wall = await sign_in(person), await sign_in(admin)
    await expect(page.locator(".tool-permission.pending")).to_have_count(2)
    await fits(page, "floor")
    await open_denial(page.locator(".tool-permission.pending").first)
    await page.locator(".arguments summary").first.click()
    await fits(page, "floor with everything open")
    await fits(wall, "wallboard")
    await wall.goto(f"/?supervisor={person.username}")
    await expect(wall.locator("#interactions tbody tr")).to_have_count(1)
    await fits(wall, "filtered wallboard")
    await open_interaction(page, interaction)
    await fits(page, "interaction")
    async with app_server.api(agent) as api:
        issues = [{"issue": LONG, "status": "unresolved"}]
        archive = {"summary": LONG, "issues": issues, "tags": {"topics": [LONG]}}
        ended = await api.post(
            f"/interactions/{interaction}/end", json={"status": "failed", "archive": archive}
        )
        assert ended.status_code == 200
    await expect(page.locator("#archive .issues")).to_be_visible()
    await fits(page, "ended interaction")
    await wall.goto("/system")
    await fits(wall, "system")
    for kind in ("voice", "chat"):
        await page.goto(f"/leaderboard?type={kind}")
        await fits(page, f"leaderboard of {kind}")
    await page.get_by_role("button", name="How the score works").click()
    await fits(page, "leaderboard with its formula")
    await page.goto("/leaderboard?type=video")
    await fits(page, "error")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Password")).to_be_visible()
    await fits(page, "login")


async def test_the_chosen_theme_is_kept(voice: Person, sign_in: SignIn) -> None:
    page = await sign_in(voice)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    await page.emulate_media(color_scheme="light")
    light = await page.evaluate(ground)
    await page.reload()
    await page.get_by_role("button", name="Dark", exact=True).click()
    dark = await page.evaluate(ground)
    assert dark != light
    for path in ("/", "/leaderboard"):
        await page.goto(path)
        assert await page.evaluate(ground) == dark
        await expect(page.get_by_role("button", name="Light", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Light", exact=True).click()
    await page.reload()
    await page.emulate_media(color_scheme="dark")
    assert await page.evaluate(ground) == light


async def test_who_wants_no_motion_gets_none(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    page = await sign_in(voice)
    await page.emulate_media(reduced_motion="reduce")
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    # The document does not report animations inside the browser's own elements, such as a progress bar; the inspector does.
    moving: list[Any] = []
    inspector = await page.context.new_cdp_session(page)
    inspector.on("Animation.animationStarted", lambda event: moving.append(event))  # noqa: PLW0108 - Playwright takes no built-in
    await inspector.send("Animation.enable")
    asked = await app_server.ask(agent, interaction)
    async with app_server.api(agent) as api:
        for score, sentiment in ((90, "good"), (12, "critical")):
            await metric(api, interaction, sentiment, score, f"At {score}")
            await expect(page.locator("#agents article .satisfaction")).to_have_text(f"{score}%")
    card = page.locator(f"#tool-permission-{asked['id']}")
    await open_denial(card)
    await page.wait_for_timeout(1200)  # the time left has moved on at least once
    await press(card.get_by_role("button", name=ALLOW))
    await expect(card).to_contain_text("allowed by")
    assert await page.evaluate("() => document.getAnimations().length") == 0
    assert not [one["animation"]["name"] for one in moving]


async def test_an_answered_permission_is_gone_after_its_minute(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    card = page.locator(f"#tool-permission-{asked['id']}")
    await press(card.get_by_role("button", name=ALLOW))
    await expect(card).to_contain_text(f"allowed by {voice.username}")
    await page.mouse.move(5, 5)  # while somebody is at the queue, it keeps its place
    # From here on the test controls the page's clock.
    await page.clock.install(time=dt.datetime.now(dt.UTC))
    await page.clock.fast_forward("00:40")
    await expect(card).to_be_visible()
    await page.clock.fast_forward("00:21")
    await expect(card).to_be_hidden()
    # An update sends it again, because it is less than ten minutes old: it stays removed.
    later = await app_server.ask(agent, await _active(app_server, voice))
    await expect(page.locator(f"#tool-permission-{later['id']}")).to_be_visible()
    await expect(card).to_be_hidden()
    # The agent had two minutes to come back for it: for one more the line says that it did not.
    await page.clock.fast_forward("01:00")
    await expect(card).to_contain_text("not run: the agent did not come back")
    await expect(card).to_be_visible()
    await page.clock.fast_forward("01:00")
    await expect(card).to_be_hidden()


async def _active(app_server: AppServer, person: Person) -> str:
    async with app_server.database() as owner:
        found = await owner.fetchval(
            "select id from interactions where supervisor_id = $1 and status = 'active'", person.id
        )
    return str(found)
