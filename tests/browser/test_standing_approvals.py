"""Standing approvals: the form says what one covers, and pages show it where it is in effect."""

import asyncio

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.app_server import Agent, AppServer, Person, decision
from tests.browser.conftest import SignIn, press, without_javascript
from tests.browser.test_floor import ALLOW
from tests.browser.test_held_allow import hold
from tests.browser.test_queue import armed, card_of, statuses

pytestmark = pytest.mark.browser
REFUND = {"order": "W1", "amount": 10.5, "currency": "USD"}


async def dialog_for(page: Page, asked: dict[str, str]) -> Locator:
    await card_of(page, asked).get_by_role("link", name="Standing approval for").click()
    dialog = page.get_by_role("dialog", name="Standing approval")
    await expect(dialog).to_be_visible()
    return dialog


async def ask(app_server: AppServer, agent: Agent, live: str, **changes: object) -> dict[str, str]:
    return await app_server.ask(agent, live, tool_name="issue_refund", arguments={**REFUND, **changes})


async def test_a_small_refund_never_lets_a_large_one_pass(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page, agent = await sign_in(voice), voice.agents[0]
    live = await app_server.start(agent)
    asked = await ask(app_server, agent, live)
    dialog = await dialog_for(page, asked)
    await expect(dialog).to_contain_text("Exactly these arguments")
    await expect(dialog.get_by_label("Exactly these arguments")).to_be_checked()
    await dialog.get_by_label("One number up to a limit").check()
    await expect(dialog.get_by_label("amount up to")).to_have_value("10.50")
    await expect(dialog.get_by_label("In all uses up to")).to_have_value("31.50")
    await dialog.get_by_label("amount up to").fill("20")
    await expect(dialog.get_by_label("In all uses up to")).to_have_value("60")
    await dialog.get_by_label("order").check()
    await expect(dialog).to_contain_text(
        "then up to 3 more of up to 20 each, within 30 minutes: 60 at most beside this one"
    )
    give = dialog.get_by_role("button", name="Allow issue_refund 10.50 USD")
    await expect(give).to_have_text("Allow this and up to 3 more")
    await expect(give).to_be_enabled()
    await dialog.get_by_label("amount up to").press("Enter")
    await page.wait_for_timeout(400)
    await expect(dialog, "only a press of the button gives it").to_be_visible()
    assert await statuses(app_server, asked) == ["pending"]
    await press(give)
    await expect(dialog).to_be_hidden()
    await expect(card_of(page, asked)).to_contain_text(f"allowed by {voice.username}")
    await expect(card_of(page, asked)).to_be_focused()
    await expect(page).to_have_url(f"{app_server.url}/")
    shown = page.get_by_role("list", name="Standing approvals")
    await expect(shown).to_contain_text("amount up to 20, 60 in all; order may differ")
    await expect(shown).to_contain_text("0 of 3 used")
    assert (await ask(app_server, agent, live, order="W2", amount=20))["status"] == "allowed"
    await expect(shown).to_contain_text("1 of 3 used")
    large = await ask(app_server, agent, live, amount=1000000)
    other = await ask(app_server, agent, live, currency="KWD")
    assert (large["status"], other["status"]) == ("pending", "pending")
    await expect(card_of(page, large)).to_contain_text("1000000")
    # An admin sees it and revokes it.
    admin = await sign_in(await app_server.hire("admin"))
    await admin.goto(f"/?supervisor={voice.username}")
    await expect(admin.locator(f"#interaction-{live}")).to_contain_text("1 standing approval")
    await admin.goto(f"/interactions/{live}")
    timeline = admin.locator("#timeline")
    await expect(timeline).to_contain_text(f"Standing approval given by {voice.username}")
    await expect(timeline).to_contain_text(f"by a standing approval of {voice.username}, use 1")
    await admin.get_by_role("button", name="Revoke the standing approval of issue_refund").click()
    await expect(timeline).to_contain_text("Standing approval revoked by")
    await expect(shown).to_have_count(0)
    assert (await ask(app_server, agent, live))["status"] == "pending"


async def test_revoked_on_the_agents_card(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    page, agent = await sign_in(voice), voice.agents[0]
    live = await app_server.start(agent)
    dialog = await dialog_for(page, await ask(app_server, agent, live))
    await dialog.get_by_label("10", exact=True).check()
    await dialog.get_by_role("button", name="Allow issue_refund").click()
    card = page.locator(f"#agent-{agent.id}")
    await expect(card).to_contain_text("0 of 10 used")
    assert (await ask(app_server, agent, live))["status"] == "allowed"
    await expect(card).to_contain_text("1 of 10 used")
    await card.get_by_role("button", name="Revoke").click()
    await expect(page.locator("#announcement")).to_contain_text(f"revoked by {voice.username}")
    await expect(card.get_by_role("button", name="Revoke")).to_have_count(0)
    assert (await ask(app_server, agent, live))["status"] == "pending"


async def test_its_button_is_dead_at_first_and_keys_decide_nothing_behind_it(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page, agent = await sign_in(voice), voice.agents[0]
    asked = await ask(app_server, agent, await app_server.start(agent))
    await armed(page, asked)
    await page.keyboard.press("j")
    dialog = await dialog_for(page, asked)
    give = dialog.get_by_role("button", name="Allow issue_refund")
    await expect(give).to_have_attribute("aria-disabled", "true")
    await give.evaluate("button => button.click()")
    await page.keyboard.press("a")
    await expect(give).not_to_have_attribute("aria-disabled", "true")
    # A move disables the card again, so that a second press in the same place has no effect.
    await dialog.get_by_label("One number up to a limit").check()
    await expect(give).to_have_attribute("aria-disabled", "true")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(card_of(page, asked).get_by_role("link", name="Standing approval for")).to_be_focused()
    await expect(card_of(page, asked).get_by_role("button", name=ALLOW)).to_have_attribute(
        "aria-disabled", "true"
    )
    async with app_server.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"


async def test_a_key_that_is_held_down_gives_nothing(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page, agent = await sign_in(voice), voice.agents[0]
    asked = await ask(app_server, agent, await app_server.start(agent))
    await armed(page, asked)
    await card_of(page, asked).get_by_role("link", name="Standing approval for").focus()
    for _ in range(40):
        await page.keyboard.down("Enter")
        await asyncio.sleep(0.04)
    await page.keyboard.up("Enter")
    dialog = page.get_by_role("dialog", name="Standing approval")
    await expect(dialog).to_be_visible()
    async with app_server.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"


async def test_it_is_left_while_the_answer_is_on_its_way(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page, agent = await sign_in(voice), voice.agents[0]
    asked = await ask(app_server, agent, await app_server.start(agent))
    dialog = await dialog_for(page, asked)
    answered = asyncio.Event()

    async def late(route: Route) -> None:
        if route.request.method == "POST":
            await answered.wait()
        await route.continue_()

    await page.route("**/standing-approval", late)
    give = dialog.get_by_role("button", name="Allow issue_refund")
    await expect(give).not_to_have_attribute("aria-disabled", "true")
    await press(give)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    answered.set()
    await expect(card_of(page, asked)).to_contain_text(f"allowed by {voice.username}")
    await expect(page.locator("dialog[open]")).to_have_count(0)


async def test_what_a_colleague_decides_meanwhile_is_not_decided_again(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page, agent = await sign_in(voice), voice.agents[0]
    live = await app_server.start(agent)
    asked = await ask(app_server, agent, live)
    dialog = await dialog_for(page, asked)
    async with app_server.browser_of(await app_server.hire("admin")) as other:
        await other.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
    await expect(card_of(page, asked)).to_contain_text("denied by")
    await dialog.get_by_role("button", name="Allow issue_refund").click()
    said = page.get_by_role("dialog", name="Not decided")
    await expect(said).to_contain_text("issue_refund is already denied")
    await said.get_by_role("link", name="Close").click()
    await expect(said).to_be_hidden()
    assert (await ask(app_server, agent, live))["status"] == "pending"


async def test_a_dialog_that_does_not_know_that_an_allow_can_be_taken_back(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page, agent = await sign_in(voice), voice.agents[0]
    live = await app_server.start(agent)
    asked = await ask(app_server, agent, live)
    dialog = await dialog_for(page, asked)
    await hold(app_server, voice, 60)
    await dialog.get_by_label("Any arguments").check()
    give = dialog.get_by_role("button", name="Allow issue_refund")
    await expect(give).not_to_have_attribute("aria-disabled", "true")
    await press(give)
    await expect(dialog.get_by_role("alert")).to_contain_text("never for any arguments")
    await expect(dialog.get_by_label("Any arguments")).to_have_count(0)
    await dialog.get_by_label("Exactly these arguments").check()
    await expect(give).not_to_have_attribute("aria-disabled", "true")
    await press(give)
    await expect(card_of(page, asked)).to_contain_text(f"allowed by {voice.username}")
    assert (await ask(app_server, agent, live))["status"] == "allowed", "nor is it held"


async def test_without_javascript(app_server: AppServer, voice: Person, browser: Browser) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    asked = await ask(app_server, agent, live)
    async with without_javascript(browser, app_server, voice) as page:
        await card_of(page, asked).get_by_role("link", name="Standing approval for").click()
        await page.get_by_label("One number up to a limit").check()
        await page.get_by_label("amount up to").fill("a lot")
        await page.get_by_role("button", name="Allow issue_refund").click()
        await expect(page.locator("form [role=alert]")).to_contain_text("a number such as 200")
        await expect(page.get_by_label("amount up to")).to_have_value("a lot")
        await page.get_by_label("amount up to").fill("12")
        await page.get_by_role("button", name="Allow issue_refund").click()
        await expect(page.locator(f"#agent-{agent.id}")).to_contain_text("amount up to 12, 36 in all")
        assert (await ask(app_server, agent, live, amount=12))["status"] == "allowed"
        await page.get_by_role("button", name="Revoke").click()
        await expect(page.get_by_role("button", name="Revoke")).to_have_count(0)
        assert (await ask(app_server, agent, live, amount=12))["status"] == "pending"
