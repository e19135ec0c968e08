"""The floor in a real Chromium: reports of an agent's program appear, and a click answers a request."""

import asyncio
import re

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from tests.app_server import DEADLINE, AppServer, Person, decision
from tests.browser.conftest import SignIn, press

pytestmark = pytest.mark.browser

ALLOW = re.compile("^Allow (?!for this interaction)")
DENY = re.compile("^Deny (?!…)")  # what sends the denial, beside "Deny…", which opens it
# Marks the page's document: a reload would lose it.
MARK = "() => { window.unreloaded = true; }"
STILL = "() => window.unreloaded === true"


async def metric(api: httpx.AsyncClient, interaction: str, sentiment: str, score: int, feed: str) -> None:
    body = {"sentiment": sentiment, "satisfaction_score": score, "feed_text": feed}
    answer = await api.post(f"/interactions/{interaction}/metrics", json=body)
    assert answer.status_code == 202, answer.text


async def open_denial(card: Locator) -> None:
    """Open the form of a denial, once the card's buttons are enabled. Playwright does not wait for a summary."""
    await expect(card).to_have_attribute("data-js-dead", "no")
    await card.get_by_text("Deny…").click()


async def test_an_interaction_appears_and_leaves_without_a_reload(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    await page.evaluate(MARK)
    card = page.locator("#agents article")
    await expect(card).to_contain_text("idle")
    interaction = await app_server.start(voice.agents[0], phone_number="+18505550155")
    await expect(card).to_contain_text("in call")
    await expect(card).to_contain_text("+1 850 ··· 0155")
    async with app_server.api(voice.agents[0]) as api:
        await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
    await expect(card).to_contain_text("Last interaction completed")
    assert await page.evaluate(STILL)
    # It leads into it, and from there to all of this agent.
    await card.get_by_role("link", name="Last interaction").click()
    await page.locator("h1 a.up").click()
    await expect(page.locator(".chip")).to_contain_text([f"agent {voice.agents[0].name}"])


async def test_a_metric_changes_the_card(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    page = await sign_in(voice)
    interaction = await app_server.start(voice.agents[0])
    card = page.locator("#agents article")
    await expect(card).to_contain_text("in call")
    async with app_server.api(voice.agents[0]) as api:
        for sentiment, score, feed in (("good", 91, "Is happy"), ("critical", 12, "Is <b>not</b> happy")):
            await metric(api, interaction, sentiment, score, feed)
            await expect(card.locator(".satisfaction")).to_have_text(f"{score}%")
            await expect(card.locator(".sentiment")).to_have_text(sentiment)
            await expect(card.locator(".feed li").first).to_contain_text(feed)
    await expect(page.locator("#numbers .critical dd")).to_have_text("1")


async def test_a_permission_is_allowed_by_a_click_and_the_waiting_agent_hears_at_once(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    arguments = {"order": "W2378156", "amount": 184.2, "items": [{"id": 1}], "note": "<img src=x>"}
    asked = await app_server.ask(agent, interaction, arguments=arguments)
    card = page.locator(f"#tool-permission-{asked['id']}")
    await expect(card).to_contain_text("issue_refund")
    await expect(card.locator(".left")).to_contain_text("left")
    assert await card.locator(".arguments th").all_inner_texts() == [
        "order",
        "amount",
        "items",
        "1",
        "id",
        "note",
    ]
    await expect(card.locator(".arguments bdi").last).to_have_text("<img src=x>")
    assert (await page.title()).startswith("(1) ")
    async with app_server.api(agent) as api:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=30"))
        await press(card.get_by_role("button", name=ALLOW))
        answer = (await asyncio.wait_for(waiting, DEADLINE)).json()
        assert (answer["status"], answer["responded_by"]) == ("allowed", voice.username)
        claim = {"arguments_digest": answer["arguments_digest"]}
        path = f"/tool-permissions/{asked['id']}/execution"
        first, second = [await api.post(path, json=claim) for _ in range(2)]
        assert (first.status_code, second.status_code) == (201, 409)
    await expect(card).to_contain_text(f"allowed by {voice.username}")
    await expect(card).to_contain_text("executed")
    await expect(card.get_by_role("button")).to_have_count(0)
    await expect(page).to_have_title("Floor · Floorwalker")


async def test_a_denial_takes_its_reason_to_the_agent(
    app_server: AppServer, chat: Person, sign_in: SignIn
) -> None:
    page = await sign_in(chat)
    agent = chat.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    card = page.locator(f"#tool-permission-{asked['id']}")
    await open_denial(card)
    await card.get_by_placeholder("Reason").fill("Already paid back")
    await card.get_by_role("button", name=DENY).click()
    await expect(card).to_contain_text(f"denied by {chat.username}, Already paid back")
    async with app_server.api(agent) as api:
        answer = (await api.get(f"/tool-permissions/{asked['id']}?wait=5")).json()
        claim = {"arguments_digest": answer["arguments_digest"]}
        refused = await api.post(f"/tool-permissions/{asked['id']}/execution", json=claim)
    assert (answer["status"], answer["reason"]) == ("denied", "Already paid back")
    assert refused.status_code == 409


async def test_a_card_decided_elsewhere_says_by_whom_and_cannot_be_clicked(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page, admin = await sign_in(voice), await app_server.hire("admin")
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    card = page.locator(f"#tool-permission-{asked['id']}")
    await expect(card.get_by_role("button", name=ALLOW)).to_be_visible()
    async with app_server.browser_of(admin) as other:
        await other.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
    await expect(card).to_contain_text(f"denied by {admin.name}")
    await expect(card.get_by_role("button")).to_have_count(0)


async def test_another_supervisors_page_stream_and_ids_show_nothing(
    app_server: AppServer, voice: Person, chat: Person, sign_in: SignIn
) -> None:
    page, other = await sign_in(voice), await sign_in(chat)
    agent = voice.agents[0]
    interaction = await app_server.start(agent, phone_number="+18505550155")
    asked = await app_server.ask(agent, interaction, arguments={"order": "SECRET-1"})
    async with app_server.api(agent) as api:
        await metric(api, interaction, "critical", 3, "Says SECRET-2")
    await expect(page.locator("#agents")).to_contain_text("SECRET-2")
    # The other floor is live: an event of its own arrives afterwards.
    await app_server.start(chat.agents[0])
    await expect(other.locator("#agents article")).to_contain_text("in chat")
    for place in (other, await reloaded(other)):
        html = await place.content()
        assert not any(word in html for word in ("SECRET", asked["id"], interaction, agent.name))
    async with app_server.browser_of(chat) as client:
        data = decision(asked, "allowed")
        refused = await client.post(f"/tool-permissions/{asked['id']}/decision", data=data)
        paused = await client.post(f"/agents/{agent.id}/pause", data={"paused": "yes"})
    assert (refused.status_code, paused.status_code) == (404, 404)
    async with app_server.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"


async def reloaded(page: Page) -> Page:
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Live")
    return page


async def test_an_admin_sees_everybody_on_the_wallboard_and_may_decide(
    app_server: AppServer, voice: Person, chat: Person, sign_in: SignIn
) -> None:
    await app_server.nobody_waits()
    page = await sign_in(await app_server.hire("admin"))
    assert "Wallboard" in await page.title()
    for person in (chat, voice):  # filtered, because people of other tests are on the same wallboard
        field = page.get_by_placeholder("Supervisor")
        await field.fill(person.username)
        await field.press("Enter")
        await page.wait_for_url(f"**/?supervisor={person.username}")
        await expect(page.locator("#interactions")).to_contain_text(re.compile("No matches|All quiet"))
        interaction = await app_server.start(person.agents[0])
        await expect(page.locator(f"#interaction-{interaction}")).to_contain_text(person.username)
        await expect(page.locator("#interactions tbody tr")).to_have_count(1)
    asked = await app_server.ask(voice.agents[0], interaction)
    card = page.locator(f"#tool-permission-{asked['id']}")
    await card.get_by_role(
        "button", name=asked["tool_name"]
    ).first.click()  # others of other tests may be open
    await press(card.get_by_role("button", name=ALLOW))
    await expect(card).to_contain_text("allowed by")


async def test_pausing_an_agent_shows_and_refuses_new_interactions(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    card = page.locator("#agents article")
    await card.get_by_role("button", name="Pause").click()
    await expect(card).to_contain_text("paused")
    async with app_server.api(voice.agents[0]) as api:
        refused = await api.post("/interactions", json={"interaction_type": "voice"})
        assert refused.status_code == 409
        await card.get_by_role("button", name="Resume").click()
        await expect(card).to_contain_text("idle")
        started = await api.post("/interactions", json={"interaction_type": "voice"})
        assert started.status_code == 201


async def test_signing_out_in_one_tab_ends_the_other(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    tab = await page.context.new_page()
    await tab.goto("/")
    await expect(tab.locator("#connection")).to_have_text("Live")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    await expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
