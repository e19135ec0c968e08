"""Nothing is allowed that nobody looked at: the queue with mouse, keyboard and touch."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.alerts.test_views import open_alert
from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import SignIn
from tests.browser.test_floor import ALLOW, metric

pytestmark = pytest.mark.browser

Asked = dict[str, Any]
CARD = ".tool-permission:is(.pending, .held)"


async def ask_all(app_server: AppServer, person: Person, count: int = 3) -> list[Asked]:
    """A request of each of the person's agents, all equally tall."""
    return [
        await app_server.ask(
            agent, await app_server.start(agent), arguments={"order": f"W{number}", "amount": 10 + number}
        )
        for number, agent in enumerate(person.agents[:count])
    ]


def card_of(page: Page, asked: Mapping[str, Any]) -> Locator:
    return page.locator(f"#tool-permission-{asked['id']}")


async def armed(page: Page, *requests: Asked) -> None:
    """Wait until these cards are there and the dead time of the first one, which is open, is over."""
    for asked in requests:
        await expect(card_of(page, asked)).to_be_attached()
    await expect(card_of(page, requests[0]).get_by_role("button", name=ALLOW)).to_be_enabled()


async def opened(page: Page, asked: Asked) -> None:
    """Open the request, where it is a line, and wait until its dead time is over."""
    card = card_of(page, asked)
    if await card.get_attribute("data-js-open") != "yes":
        await card.locator("header").click()
    await armed(page, asked)


DEATHS = """() => {
  window.deaths = {};
  new MutationObserver((all) => all.forEach(({ target }) => target.dataset.jsDead === "yes" && (deaths[target.id] = (deaths[target.id] ?? 0) + 1)))
    .observe(document.getElementById("tool-permissions"), { subtree: true, attributeFilter: ["data-js-dead"] });
}"""


async def deaths(page: Page, asked: Asked) -> int:
    """How many times the card became dead since DEATHS began to count; a look at the card itself may come too late."""
    return int(await page.evaluate("id => deaths[id] ?? 0", f"tool-permission-{asked['id']}"))


async def point_at(page: Page, asked: Asked) -> tuple[float, float]:
    """Rest the mouse on the request's Allow; return the position."""
    await opened(page, asked)
    button = card_of(page, asked).get_by_role("button", name=ALLOW)
    await button.scroll_into_view_if_needed()
    box = await button.bounding_box()
    assert box is not None
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.move(at[0] - 9, at[1] - 5)
    await page.mouse.move(*at)
    return at


async def statuses(app_server: AppServer, *requests: Asked) -> list[str]:
    """As the database has them, once what was sent has arrived."""
    await asyncio.sleep(0.5)
    async with app_server.database() as owner:
        found = await owner.fetch(
            "select id::text, status from public.tool_permissions where id::text = any ($1)",
            [asked["id"] for asked in requests],
        )
    known = {row["id"]: row["status"] for row in found}
    return [known[asked["id"]] for asked in requests]


async def end(app_server: AppServer, person: Person, asked: Asked) -> None:
    find = "select agent_id from public.interactions where id::text = $1"
    async with app_server.database() as owner:
        agent_id = await owner.fetchval(find, asked["interaction_id"])
    agent = next(one for one in person.agents if one.id == agent_id)
    async with app_server.api(agent) as api:
        path = f"/interactions/{asked['interaction_id']}/end"
        assert (await api.post(path, json={"status": "completed"})).status_code == 200


async def decide_elsewhere(app_server: AppServer, person: Person, asked: Asked) -> None:
    async with app_server.browser_of(person) as browser:
        answer = await browser.post(
            f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied")
        )
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "pause", [80, *(pytest.param(more, marks=pytest.mark.full) for more in (150, 180, 250))]
)
async def test_a_second_press_of_the_key_allows_nothing_more(
    app_server: AppServer, sign_in: SignIn, pause: int
) -> None:
    person = await app_server.hire("voice", agents=2)
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    await page.keyboard.press("j")
    for _ in range(3):
        await page.keyboard.press("a")
        await page.wait_for_timeout(pause)
    await expect(card_of(page, asked[0])).to_contain_text("allowed by")
    assert await statuses(app_server, *asked) == ["allowed", "pending"]


@pytest.mark.parametrize("how", ["ends", "decided"])
async def test_a_key_never_decides_a_card_that_took_the_marked_ones_place(
    app_server: AppServer, sign_in: SignIn, how: str
) -> None:
    person, admin = await app_server.hire("voice", agents=2), await app_server.hire("admin")
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    await page.keyboard.press("a")  # nothing is selected yet
    await page.keyboard.press("j")
    if how == "ends":
        await end(app_server, person, asked[0])
    else:
        await decide_elsewhere(app_server, admin, asked[0])
    await expect(card_of(page, asked[0]).get_by_role("button", name=ALLOW)).to_have_count(0)
    await page.wait_for_timeout(900)
    await page.keyboard.press("a")
    assert (await statuses(app_server, *asked))[1] == "pending"
    await page.keyboard.press("j")
    await expect(card_of(page, asked[1])).to_have_attribute("data-js-selected", "yes")
    await armed(page, asked[1])
    await page.keyboard.press("a")
    assert (await statuses(app_server, *asked))[1] == "allowed"


@pytest.mark.parametrize(
    ("place", "pause"),
    [
        ("floor", 150),
        ("wallboard", 500),
        ("interaction", 150),
        *(pytest.param("floor", pause, marks=pytest.mark.full) for pause in (500, 1000)),
        *(pytest.param("wallboard", pause, marks=pytest.mark.full) for pause in (150, 1000)),
        *(pytest.param("interaction", pause, marks=pytest.mark.full) for pause in (500, 1000)),
    ],
)
async def test_a_card_keeps_its_place_under_a_resting_pointer(
    app_server: AppServer, sign_in: SignIn, place: str, pause: int
) -> None:
    person, admin = await app_server.hire("voice", agents=3), await app_server.hire("admin")
    page = await sign_in(admin if place == "wallboard" else person)
    if place == "interaction":
        agent = person.agents[0]
        live = await app_server.start(agent)
        asked = [
            await app_server.ask(agent, live, arguments={"order": f"W{n}", "amount": n}) for n in range(3)
        ]
        await page.goto(f"/interactions/{live}")
    else:
        if place == "wallboard":
            await app_server.nobody_waits()
            await page.goto(f"/?supervisor={person.username}")
        asked = await ask_all(app_server, person)
    await armed(page, *asked)
    at = await point_at(page, asked[1])
    if place == "wallboard":
        for _ in range(7):  # the strip of supervisors grows
            await app_server.start((await app_server.hire("voice")).agents[0])
        await page.wait_for_timeout(1500)
    alert, _ = await open_alert(app_server, person, live=asked[0]["interaction_id"])
    await expect(page.locator(f"#alert-{alert}")).to_be_visible()
    if place == "floor":
        await end(app_server, person, asked[0])
    else:
        await decide_elsewhere(app_server, person, asked[0])
    await expect(card_of(page, asked[0])).not_to_have_class(re.compile("pending"))
    await page.wait_for_timeout(pause)
    assert await page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).closest('article').id", list(at)
    ) == (f"tool-permission-{asked[1]['id']}")
    await page.mouse.click(*at)
    assert (await statuses(app_server, *asked))[1:] == ["allowed", "pending"]


async def test_two_clicks_at_one_point_allow_one(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    at, where = await point_at(page, asked[0]), await card_of(page, asked[1]).bounding_box()
    for _ in range(4):
        await page.mouse.click(*at)
        await page.wait_for_timeout(350)
    assert await statuses(app_server, *asked) == ["allowed", "pending", "pending"]
    assert await card_of(page, asked[1]).bounding_box() == where, "the page does not scroll"
    await card_of(page, asked[1]).locator("header").click()
    # Once nobody is at the queue, it is sorted: pending requests come first.
    await page.mouse.move(1200, 10)
    first = page.locator(".tool-permission").first
    await expect(first).to_have_id(f"tool-permission-{asked[1]['id']}")


async def test_what_appears_is_dead_at_first(app_server: AppServer, sign_in: SignIn) -> None:
    page = await sign_in(person := await app_server.hire("voice", agents=1))
    # A script presses everything at once, because a press by the test could be late.
    await page.evaluate(
        """() => {
          window.pressed = 0;
          new MutationObserver(() => {
            const card = document.querySelector(".tool-permission.pending");
            if (!card || window.pressed) return;
            window.pressed = 1;
            setTimeout(() => {
              window.disabled = card.querySelector(".primary").getAttribute("aria-disabled");
              card.focus();
              for (const code of ["KeyA", "KeyD"]) card.dispatchEvent(new KeyboardEvent("keydown", { code, key: "x", bubbles: true }));
              card.querySelectorAll("button").forEach((button) => button.click());
              window.pressed = 2;
            }, 100);
          }).observe(document.getElementById("tool-permissions"), { childList: true });
        }"""
    )
    asked = (await ask_all(app_server, person))[0]
    await page.wait_for_function("() => window.pressed === 2")
    assert await page.evaluate("() => window.disabled") == "true"
    await expect(page.locator(f"#deny-{asked['id']}")).not_to_have_attribute("open", "")
    assert await statuses(app_server, asked) == ["pending"]
    await armed(page, asked)
    await page.mouse.click(*await point_at(page, asked))
    assert await statuses(app_server, asked) == ["allowed"]


async def test_what_moved_is_dead_and_what_a_person_scrolled_is_not(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    await page.evaluate(DEATHS)
    await page.mouse.move(600, 400)
    await page.mouse.wheel(0, 200)
    await page.wait_for_function("() => scrollY > 150")
    await page.mouse.wheel(0, -400)
    await page.wait_for_function("() => scrollY === 0")
    assert await deaths(page, asked[0]) == 0
    # An element above the queue takes space. The page is scrolled to the top, so that the browser does not compensate.
    await page.evaluate("() => document.getElementById('numbers').style.paddingTop = '40px'")
    await page.wait_for_function("id => deaths[id] === 1", arg=f"tool-permission-{asked[0]['id']}")
    await armed(page, *asked)
    # The page becomes shorter while it is scrolled to its end: the browser pushes it back.
    await page.evaluate("() => { document.getElementById('main').style.paddingBottom = '2000px'; }")
    await page.evaluate("() => scrollTo(0, 100000)")
    await page.wait_for_timeout(200)
    assert await deaths(page, asked[0]) == 1
    await page.evaluate("() => { document.getElementById('main').style.paddingBottom = '1000px'; }")
    await page.wait_for_function("id => deaths[id] === 2", arg=f"tool-permission-{asked[0]['id']}")


async def test_what_is_asked_became_another_request_is_dead(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=1)
    page = await sign_in(person)
    asked = (await ask_all(app_server, person))[0]
    await armed(page, asked)
    await page.evaluate(DEATHS)
    async with app_server.database("supabase_admin") as owner, owner.transaction():
        await owner.execute("set local session_replication_role = replica")
        await owner.execute(
            "update public.tool_permissions set arguments = '{\"amount\": 9999}', arguments_digest = 'x' where id::text = $1",
            asked["id"],
        )
        await owner.execute("select pg_notify('floor', 'tool_permissions:' || $1::text)", str(person.id))
    card = card_of(page, asked)
    await expect(card).to_contain_text("9999")
    assert await deaths(page, asked) == 1
    async with app_server.browser_of(person) as browser:  # whose page still shows the first one
        path = f"/tool-permissions/{asked['id']}/decision"
        late = await browser.post(path, data=decision(asked, "allowed"), headers={"HX-Request": "true"})
    assert (late.status_code, "9999" in late.text, 'class="tool-permission pending"' in late.text) == (
        409,
        True,
        True,
    )
    assert await statuses(app_server, asked) == ["pending"]


async def test_metrics_and_clocks_move_nothing(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    await page.evaluate(DEATHS)
    words = ["", "Yes.", "A long line " * 30, "longword" * 40]
    for number in range(12):
        for agent, one in zip(person.agents, asked, strict=True):
            async with app_server.api(agent) as api:
                sentiment = ("good", "neutral", "critical")[number % 3]
                await metric(api, one["interaction_id"], sentiment, number * 9, words[number % 4])
        await page.wait_for_timeout(150)
    await expect(page.locator("#agents .satisfaction").first).to_contain_text("99")
    assert [await deaths(page, one) for one in asked] == [0, 0, 0]


async def test_a_pointer_marks_only_where_it_moved_itself(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    marked = page.locator("[data-js-selected=yes]")
    at = await point_at(page, asked[0])
    await expect(marked).to_have_id(f"tool-permission-{asked[0]['id']}")
    next_one = await card_of(page, asked[1]).bounding_box()
    assert next_one is not None
    await page.evaluate(
        "by => { document.getElementById('main').style.paddingBottom = '1000px'; scrollBy(0, by); }",
        next_one["y"] + 9 - at[1],
    )  # the next card comes under the pointer
    assert await page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).closest('article').id", list(at)
    ) == (f"tool-permission-{asked[1]['id']}")
    await page.wait_for_timeout(300)
    await expect(marked).to_have_id(f"tool-permission-{asked[0]['id']}")
    await page.mouse.move(1300, 10)
    await expect(marked).to_have_count(0)
    await page.keyboard.press("a")
    assert await statuses(app_server, *asked) == ["pending"] * 3


async def test_keys_work_in_every_layout_with_shift_or_not_at_all(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    marked = page.locator("[data-js-selected=yes]")
    press = """([key, code, shiftKey]) =>
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, code, shiftKey, bubbles: true, cancelable: true }))"""
    await page.evaluate(press, ["\N{CYRILLIC SMALL LETTER O}", "KeyJ", False])
    await expect(marked).to_have_id(f"tool-permission-{asked[0]['id']}")
    await page.get_by_role("button", name="Shortcuts").click()
    await page.get_by_label("Single keys").select_option("shift")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await expect(marked).to_have_count(0)
    await page.keyboard.press("Shift+J")
    await expect(marked).to_have_count(1)
    await page.reload()  # kept for this browser
    await armed(page, *asked)
    await page.keyboard.press("j")
    await expect(marked).to_have_count(0)
    await page.keyboard.press("Shift+J")
    await page.keyboard.press("a")
    await page.keyboard.press("Shift+A")
    await expect(card_of(page, asked[0])).to_contain_text("allowed by")
    await page.get_by_role("button", name="Shortcuts").click()
    await page.get_by_label("Single keys").select_option("off")
    await page.keyboard.press("Escape")
    for key in ("j", "Shift+J", "a", "Shift+A", "d", "?"):
        await page.keyboard.press(key)
    await expect(page.locator("#shortcuts")).to_be_hidden()
    assert await statuses(app_server, *asked) == ["allowed", "pending", "pending"]


async def test_focus_goes_to_the_answer_which_says_what_was_decided(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=2)
    page = await sign_in(person)
    agent = person.agents[0]
    refund = {"order": "W1", "amount": 184.2, "currency": "USD"}
    asked = await app_server.ask(agent, await app_server.start(agent), arguments=refund)
    other = await app_server.ask(person.agents[1], await app_server.start(person.agents[1]))
    button = page.get_by_role("button", name=f"Allow issue_refund 184.20 USD, {agent.name}", exact=True)
    await expect(button).to_be_enabled()
    await button.focus()
    await page.keyboard.press("Enter")
    answer = card_of(page, asked)
    await expect(answer).to_be_focused()
    await expect(answer).to_contain_text(f"issue_refund 184.20 USD allowed by {person.username}")
    await expect(page.locator("#announcement")).to_contain_text("issue_refund 184.20 USD allowed")
    # The focused request may be answered by another person.
    await opened(page, other)
    await card_of(page, other).get_by_role("button", name=ALLOW).focus()
    await decide_elsewhere(app_server, await app_server.hire("admin"), other)
    await expect(card_of(page, other)).to_contain_text("denied by")
    await expect(card_of(page, other)).to_be_focused()
