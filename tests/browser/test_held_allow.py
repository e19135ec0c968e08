"""A held allow: the person who gave it can take it back before the tool can run."""

import pytest
from playwright.async_api import Browser, expect

from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import SignIn, press, without_javascript
from tests.browser.test_floor import ALLOW
from tests.browser.test_queue import armed, card_of
from tests.conftest import until

pytestmark = pytest.mark.browser


async def hold(app_server: AppServer, person: Person, seconds: int) -> None:
    """From now on, allows of this person's agents are held for so many seconds."""
    async with app_server.database() as owner:
        await owner.execute(
            """update public.agent_tools t set undo_seconds = $2 from public.agents a
            where a.id = t.agent_id and a.supervisor_id = $1""",
            person.id,
            seconds,
        )


@pytest.mark.full
async def test_its_giver_takes_it_back_before_the_agent_learns_of_it(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    await hold(app_server, voice, 120)
    page, admin = await sign_in(voice), await sign_in(await app_server.hire("admin"))
    await admin.goto(f"/?supervisor={voice.username}")
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    card, elsewhere = card_of(page, asked), card_of(admin, asked)
    await expect(card).to_contain_text("Can be taken back for 120 s")
    await armed(page, asked)
    await press(card.get_by_role("button", name=ALLOW))
    await expect(card).to_contain_text(f"allowed by {voice.username}")
    await expect(card).to_contain_text("takes effect in 1:")
    await expect(card).to_be_focused()
    await expect(page.locator("#pending-count")).to_have_text("0")
    # A colleague sees it, and can neither decide nor take it back.
    await expect(elsewhere).to_contain_text(f"allowed by {voice.username}")
    await expect(elsewhere.get_by_role("button")).to_have_count(0)
    async with app_server.api(agent) as api, app_server.browser_of(await app_server.hire("admin")) as other:
        learned = (await api.get(f"/tool-permissions/{asked['id']}?wait=1")).json()
        assert (learned["status"], learned["reason"], learned["responded_by"]) == ("pending", None, None)
        assert learned["expires_at"] > asked["expires_at"]
        path = f"/tool-permissions/{asked['id']}"
        claim = {"arguments_digest": asked["arguments_digest"]}
        assert (await api.post(f"{path}/execution", json=claim)).status_code == 409
        late = await other.post(f"{path}/decision", data=decision(asked, "denied"))
        assert (late.status_code, f"{voice.username} has allowed" in late.text) == (409, True)
        assert (await other.post(f"{path}/take-back")).status_code == 409
    await press(card.get_by_role("button", name="Take back"))
    await expect(card.get_by_role("button", name=ALLOW)).to_be_visible()
    await expect(page.locator("#pending-count")).to_have_text("1")
    await armed(page, asked)
    await page.locator(f"#deny-{asked['id']} summary").click()
    await card.get_by_role("button", name="Not allowed by policy").click()
    await expect(card).to_contain_text("denied by")  # a denial is never held
    async with app_server.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "denied"


async def test_it_takes_effect_when_its_time_is_over(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    await hold(app_server, voice, 3)
    page = await sign_in(voice)
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    await armed(page, asked)
    await press(card_of(page, asked).get_by_role("button", name=ALLOW))
    await expect(card_of(page, asked)).to_contain_text("takes effect")
    async with app_server.api(agent) as api:
        answer = (await api.get(f"/tool-permissions/{asked['id']}?wait=30")).json()
        assert (answer["status"], answer["responded_by"]) == ("allowed", voice.username)
        claim = {"arguments_digest": asked["arguments_digest"]}
        assert (await api.post(f"/tool-permissions/{asked['id']}/execution", json=claim)).status_code == 201
    await expect(card_of(page, asked)).to_contain_text("executed")


async def test_a_double_click_does_not_take_it_back(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    await hold(app_server, voice, 60)
    page = await sign_in(voice)
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    card = card_of(page, asked)
    await armed(page, asked)
    deny = await card.locator(".deny > summary").bounding_box()
    await card.get_by_role("button", name=ALLOW).dblclick()
    await expect(card).to_contain_text("takes effect")
    button = card.get_by_role("button", name="Take back")
    await expect(button).to_have_attribute("aria-disabled", "true")
    await button.evaluate("button => button.click()")
    await expect(button).to_be_enabled()
    there = await button.bounding_box()
    assert deny is not None
    assert there is not None
    # In the place of Deny, and not narrower.
    assert (there["x"], there["width"]) == pytest.approx((deny["x"], deny["width"]), abs=2)
    async with app_server.database() as owner:
        assert await owner.fetchval(
            "select held_decision from public.tool_permissions where id::text = $1", asked["id"]
        ) == ("allowed")


async def test_without_javascript_one_allows_and_takes_back(
    app_server: AppServer, voice: Person, browser: Browser
) -> None:
    await hold(app_server, voice, 60)
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    async with without_javascript(browser, app_server, voice) as page:
        await press(card_of(page, asked).get_by_role("button", name=ALLOW))
        await press(card_of(page, asked).get_by_role("button", name="Take back"))
        await expect(card_of(page, asked).get_by_role("button", name=ALLOW)).to_be_visible()
        # Decided meanwhile: the page says by whom, and shows the card as it is.
        admin = await app_server.hire("admin")
        async with app_server.browser_of(admin) as other:
            await other.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
        await press(card_of(page, asked).get_by_role("button", name=ALLOW))
        await expect(page.get_by_role("heading", name="Not decided")).to_be_visible()
        await expect(card_of(page, asked)).to_contain_text(f"denied by {admin.name}")


async def test_the_end_of_the_interaction_cancels_it(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    await hold(app_server, voice, 60)
    page = await sign_in(voice)
    agent = voice.agents[0]
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live)
    await armed(page, asked)
    await press(card_of(page, asked).get_by_role("button", name=ALLOW))
    await expect(card_of(page, asked)).to_contain_text("takes effect")
    async with app_server.api(agent) as api:
        assert (await api.post(f"/interactions/{live}/end", json={"status": "completed"})).status_code == 200

        async def cancelled() -> bool:
            return bool((await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "cancelled")

        await until(cancelled)
    await expect(card_of(page, asked)).to_contain_text("cancelled")
