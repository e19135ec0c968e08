"""Ordinary use does not confuse the floor: two people, double clicks, typing, hidden tabs, many tabs, long nights."""

import asyncio
import datetime as dt

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn, press, without_javascript
from tests.browser.test_floor import ALLOW, DENY, metric, open_denial
from tests.browser.test_queue import armed

pytestmark = pytest.mark.browser


async def test_two_tabs_and_two_people_decide_at_once_and_one_wins(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    await app_server.nobody_waits()
    admin = await app_server.hire("admin")
    agent = voice.agents[0]
    pages = [await sign_in(voice), await sign_in(admin)]
    await pages[1].goto(f"/?supervisor={voice.username}")
    tab = await pages[0].context.new_page()
    await tab.goto("/")
    pages.append(tab)
    interaction = await app_server.start(agent)
    for _ in range(5):
        asked = await app_server.ask(agent, interaction)
        cards = [page.locator(f"#tool-permission-{asked['id']}") for page in pages]
        buttons = [card.get_by_role("button", name=ALLOW) for card in cards]
        for button in buttons:
            await expect(button).to_be_enabled()
        # Both buttons are found before the first click, because the other page disables its buttons as soon as it is notified.
        held = [await button.element_handle() for button in buttons]
        await asyncio.gather(*(one.evaluate("button => button.click()") for one in held))
        for card in cards:
            await expect(card.get_by_role("button")).to_have_count(0)
        async with app_server.database() as owner:
            winner = await owner.fetchval(
                "select responded_by_name from public.tool_permissions where id = $1", asked["id"]
            )
        assert winner in (voice.username, admin.name)
        for card in cards:
            await expect(card).to_contain_text(f"allowed by {winner}")


async def test_a_double_click_decides_once(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    card = page.locator(f"#tool-permission-{asked['id']}")
    await expect(card.get_by_role("button", name=ALLOW)).to_be_enabled()
    await card.get_by_role("button", name=ALLOW).dblclick()
    await expect(card).to_contain_text(f"allowed by {voice.username}")
    await expect(page.locator(".toast")).to_have_count(0)


@pytest.mark.full
async def test_typed_text_focus_and_caret_survive_a_thousand_updates(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    asked = await app_server.ask(agent, interaction)
    reason = page.locator(f"#reason-{asked['id']}")
    await open_denial(page.locator(f"#tool-permission-{asked['id']}"))
    await reason.press_sequentially("half ped")
    for _ in range(3):
        await page.keyboard.press("ArrowLeft")
    await page.evaluate(
        "() => { window.swaps = 0; document.addEventListener('htmx:after:swap', () => window.swaps++); }"
    )
    async with app_server.api(agent) as api:
        for number in range(40):
            lines = [
                {
                    "sentiment": "good",
                    "satisfaction_score": (number + n) % 100,
                    "feed_text": f"Line {number}-{n}",
                }
                for n in range(25)
            ]
            answer = await api.post(f"/interactions/{interaction}/metrics", json=lines)
            assert answer.status_code == 202
            await asyncio.sleep(0.1)
    await expect(page.locator("#agents .feed li").first).to_contain_text("Line 39-24")
    assert await page.evaluate("() => window.swaps") >= 10
    await page.keyboard.type("ty")
    await expect(reason).to_have_value("half typed")
    await expect(reason).to_be_focused()


async def test_keys_move_allow_and_deny(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    first, second = [await app_server.ask(agent, interaction, tool_name=f"tool_{n}") for n in (1, 2)]
    marked = page.locator("[data-js-selected=yes]")
    await expect(page.locator(".tool-permission.pending")).to_have_count(2)
    await expect(marked).to_have_count(0)
    for asked in (first, second):
        await page.keyboard.press("j")
        await expect(marked).to_have_attribute("id", f"tool-permission-{asked['id']}")
        await armed(page, asked)
    await page.keyboard.press("d")
    await page.keyboard.type("jak, no")  # letters go into the field, not to the keys
    await page.keyboard.press("Enter")
    await expect(page.locator(f"#tool-permission-{second['id']}")).to_contain_text("jak, no")
    await expect(marked).to_have_attribute("id", f"tool-permission-{second['id']}")
    await page.keyboard.press("k")
    await expect(marked).to_have_attribute("id", f"tool-permission-{first['id']}")
    await armed(page, first)
    await page.keyboard.press("a")
    await expect(page.locator(f"#tool-permission-{first['id']}")).to_contain_text("allowed by")
    await page.keyboard.press("?")
    await expect(page.locator("#shortcuts")).to_be_visible()


async def test_a_reply_slower_than_the_stream_takes_nothing_back(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    replied = asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await replied.wait()
        await route.fulfill(response=answer)

    await page.route("**/decision", late)
    card = page.locator(f"#tool-permission-{asked['id']}")
    await press(card.get_by_role("button", name=ALLOW))
    await expect(card).to_contain_text("allowed by")
    async with app_server.api(agent) as api:
        claim = {"arguments_digest": asked["arguments_digest"]}
        claimed = await api.post(f"/tool-permissions/{asked['id']}/execution", json=claim)
        assert claimed.status_code == 201, claimed.text
    await expect(card).to_contain_text("executed")
    async with page.expect_response("**/decision"):
        replied.set()
    await page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    await expect(card).to_contain_text("executed")


async def test_a_preset_reason_goes_to_the_agent(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    card = page.locator(f"#tool-permission-{asked['id']}")
    await open_denial(card)
    await card.get_by_role("button", name="Not allowed by policy").click()
    await expect(card).to_contain_text("Not allowed by policy")
    async with app_server.api(agent) as api:
        answer = (await api.get(f"/tool-permissions/{asked['id']}")).json()
    assert (answer["status"], answer["reason"]) == ("denied", "Not allowed by policy")


async def test_a_hidden_tab_still_hears(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    page = await sign_in(voice)
    await page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
          Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    await expect(page.locator(f"#tool-permission-{asked['id']}")).to_be_attached()
    await expect(page).to_have_title("(1) Floor · Floorwalker")
    assert "waiting" in (await page.locator("#favicon").get_attribute("href") or "")


async def test_back_and_forward_show_what_is_true_now(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    await page.get_by_role("link", name="Leaderboard").click()
    await expect(page.get_by_role("heading", name="Leaderboard")).to_be_visible()
    interaction = await app_server.start(voice.agents[0])
    await page.go_back()
    await expect(page.locator("#agents article")).to_contain_text("in call")
    await page.go_forward()
    await page.go_back()
    async with app_server.api(voice.agents[0]) as api:
        await metric(api, interaction, "good", 77, "After coming back")
    await expect(page.locator("#agents")).to_contain_text("After coming back")


async def test_a_page_left_open_overnight_goes_on_with_a_fresh_token(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    await page.context.set_offline(True)
    async with app_server.database() as owner:
        await owner.execute(
            "update private.web_sessions set expires_at = now() - interval '8 hours' where user_id = $1",
            voice.id,
        )
        # The earlier stream ends as with its session, as it would overnight.
        await owner.execute("select pg_notify('floor', 'users:' || $1::text)", str(voice.id))
    await expect(page.locator("#connection")).to_contain_text("stale since")
    await page.context.set_offline(False)
    await expect(page.locator("#connection")).to_have_text("Live")
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    card = page.locator(f"#tool-permission-{asked['id']}")
    await press(card.get_by_role("button", name=ALLOW))
    await expect(card).to_contain_text(f"allowed by {voice.username}")
    async with app_server.database() as owner:
        ends = await owner.fetchval(
            "select max(expires_at) from private.web_sessions where user_id = $1", voice.id
        )
    assert ends > dt.datetime.now(dt.UTC)


async def test_a_page_whose_session_ended_overnight_asks_to_sign_in(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    async with app_server.database() as owner:
        await owner.execute("delete from private.web_sessions where user_id = $1", voice.id)
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.full
async def test_seven_tabs_are_all_live(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    pages = [await sign_in(voice)]
    for _ in range(6):
        tab = await pages[0].context.new_page()
        await tab.goto("/")
        pages.append(tab)
    interaction = await app_server.start(voice.agents[0])
    async with app_server.api(voice.agents[0]) as api:
        await metric(api, interaction, "good", 81, "To all seven")
        for page in pages:
            await expect(page.locator("#agents")).to_contain_text("To all seven")
        await pages[0].close()  # the tab that reads the stream for all
        await asyncio.sleep(0.5)
        await metric(api, interaction, "good", 82, "To the other six")
        for page in pages[1:]:
            await expect(page.locator("#agents")).to_contain_text("To the other six")
            await expect(page.locator("#connection")).to_have_text("Live")


async def test_on_a_slow_line_the_page_still_gets_its_stream(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)

    async def late(route: Route) -> None:
        await asyncio.sleep(0.7)
        await route.continue_()

    await page.route("**/hx-sse.min.js*", late)  # loads after htmx
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Live")
    await app_server.start(voice.agents[0])
    await expect(page.locator("#agents article")).to_contain_text("in call")


@pytest.mark.full
async def test_many_different_live_pages_load_and_follow(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=3)
    home = await sign_in(person)
    interactions = [await app_server.start(agent) for agent in person.agents]
    for agent, interaction in zip(person.agents, interactions, strict=True):
        async with app_server.api(agent) as api:
            await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
    interactions += [await app_server.start(agent) for agent in person.agents]
    pages: list[Page] = []
    for interaction in interactions * 2:  # twelve tabs of six pages, beside the floor
        tab = await home.context.new_page()
        await tab.goto(f"/interactions/{interaction}")
        pages.append(tab)
    for agent, interaction in zip(person.agents, interactions[3:], strict=True):
        async with app_server.api(agent) as api:
            turn = {"speaker": "customer", "text": "Hello?"}
            assert (await api.post(f"/interactions/{interaction}/turns", json=turn)).status_code == 202
    for page, interaction in zip(pages, interactions * 2, strict=True):
        if interaction in interactions[3:]:
            await expect(page.locator("#timeline")).to_contain_text("Hello?")
        await expect(page.locator("#connection")).not_to_contain_text("As of")


async def test_without_javascript_one_signs_in_sees_and_decides(
    app_server: AppServer, voice: Person, browser: Browser
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent), arguments={"order": "W9"})
    async with without_javascript(browser, app_server, voice) as page:
        card = page.locator(f"#tool-permission-{asked['id']}")
        await expect(card).to_contain_text("W9")
        await card.get_by_text("Deny…").click()
        await card.get_by_placeholder("Reason").fill("Not today")
        await card.get_by_role("button", name=DENY).click()
        await expect(card).to_contain_text("Not today")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
