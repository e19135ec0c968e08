"""What calls a person who looks elsewhere: each signal with its sound, its notification, a title and an icon; once; and by choice."""

from uuid import UUID

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn, sign_in_with
from tests.browser.test_floor import metric

pytestmark = pytest.mark.browser

# The person is away while `away` is true. What can be heard and what is notified is kept.
AWAY = """(() => {
  window.heard = [];
  window.notes = [];
  window.away = true;
  document.hasFocus = () => !window.away;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...given) {
    if (this.context.state === "running") window.heard.push(this.frequency.value);
    return start.apply(this, given);
  };
  window.Notification = class {
    static permission = "granted";
    static requestPermission = async () => "granted";
    constructor(title) { window.notes.push(title); }
  };
})();"""
REQUEST, HALF_SOUND, ENDING_SOUND = [660, 880], [740, 740, 988], [1047, 1047, 1047, 1047, 1319]
CRITICAL, SILENT = [880, 622, 440], [330, 330]
# The clock of the page, until the next minute.
LATER = """seconds => {
  serverTime.learn(serverTime.now() + 1000 * seconds);
  document.dispatchEvent(new Event("connection:tick"));
}"""


async def away(sign_in: SignIn, person: Person) -> Page:
    """The live page of somebody who has turned the sound on and works in another window."""
    page = await sign_in(person)
    await page.context.add_init_script(AWAY)
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.locator("[data-sound] [data-switch]").click()
    await expect(page.locator("[data-sound]")).to_contain_text("Sound on")
    await forget(page)
    return page


async def forget(page: Page) -> None:
    await page.evaluate("() => { window.heard = []; window.notes = []; }")


async def called(page: Page, sound: list[int], *notes: str) -> None:
    """This sound and these notifications came since the last time, and nothing else does within a second."""
    await page.wait_for_function(
        "([sound, notes]) => window.heard.length >= sound && window.notes.length >= notes",
        arg=[len(sound), len(notes)],
    )
    await page.wait_for_timeout(1200)
    assert await page.evaluate("window.heard") == sound
    assert await page.evaluate("window.notes") == list(notes)
    await forget(page)


async def never_silent(app_server: AppServer, interaction: str) -> None:
    """Not within an hour, by any clock."""
    async with app_server.database() as owner:
        await owner.execute(
            "update interaction_pulse set last_seen_at = now() + interval '1 hour' where interaction_id = $1",
            UUID(interaction),
        )


async def icon(page: Page) -> str:
    href = await page.locator("#favicon").get_attribute("href")
    return str(href).partition("?")[0].rpartition("/")[2]


async def test_each_signal_has_a_sound_a_notification_a_title_and_an_icon_of_its_own_and_comes_once(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=2)
    first, second = person.agents
    page = await away(sign_in, person)
    live = await app_server.start(first)
    async with app_server.api(first) as api:
        await metric(api, live, "critical", 20, "This is fraud")
        await called(page, CRITICAL, f"{first.name} became critical")
        assert (await page.title()).startswith(f"Critical: {first.name} · Floor")
        assert await icon(page) == "favicon-critical.svg"
        for sentiment in ("good", "critical"):  # a moment later, which is the same time of being critical
            await metric(api, live, sentiment, 20, sentiment)
        await never_silent(app_server, live)
        asked = await app_server.ask(first, live)
        label = await page.locator(f"#tool-permission-{asked['id']}").get_attribute("aria-label")
        await called(page, REQUEST, f"{label}: allow or deny?")
        assert (await page.title()).startswith("(1) Critical")
        await page.evaluate(LATER, 182)
        await called(page, HALF_SOUND, f"{label}: half of its time is over")
        assert (await page.title()).startswith("(1) Half its time · Floor")
        assert await icon(page) == "favicon-half.svg"
        await page.evaluate(LATER, 150)
        await called(page, ENDING_SOUND, f"{label}: 30 seconds left")
        assert (await page.title()).startswith("(1) 30 s left · Floor")
        assert await icon(page) == "favicon-ending.svg"
        ended = await api.post(f"/interactions/{live}/end", json={"status": "failed"})
        assert ended.is_success
    await expect(page).to_have_title("Floor · Floorwalker")
    assert await icon(page) == "favicon.svg"

    silent = await app_server.start(second)
    async with app_server.database() as owner:
        await owner.execute(
            "update interaction_pulse set last_seen_at = now() - interval '70 s' where interaction_id = $1",
            UUID(silent),
        )
    await called(page, SILENT, f"{second.name} has been silent for a minute")
    assert (await page.title()).startswith(f"Silent: {second.name}")
    assert await icon(page) == "favicon-silent.svg"
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.mouse.click(5, 5)
    await page.wait_for_timeout(1500)
    assert await page.evaluate("[...window.heard, ...window.notes]") == [], "a reload calls for nothing again"


@pytest.mark.full
async def test_of_several_tabs_the_leading_one_calls_and_another_where_it_cannot(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    leader = await away(sign_in, voice)
    pages = [leader]
    for path in ("/", "/"):
        page = await leader.context.new_page()
        await page.goto(path)
        await page.mouse.click(5, 5)
        await expect(page.locator("[data-sound]")).to_contain_text("Sound on")
        await expect(page.locator("#connection")).to_have_text("Live")
        pages.append(page)
    assert [await page.locator("#live").get_attribute("data-leads") for page in pages] == ["yes", None, None]
    live = await app_server.start(voice.agents[0])
    async with app_server.api(voice.agents[0]) as api:
        await metric(api, live, "critical", 20, "This is fraud")
    await never_silent(app_server, live)
    await leader.wait_for_function("() => window.heard.length === 3")
    asked = await app_server.ask(voice.agents[0], live)
    await leader.wait_for_function("() => window.heard.length === 5")
    for page in pages:
        await expect(page.locator(f"#tool-permission-{asked['id']}")).to_be_visible()
        await page.evaluate(LATER, 182)
    await leader.wait_for_timeout(3500)
    heard = [await page.evaluate("window.heard") for page in pages]
    assert heard == [CRITICAL + REQUEST + HALF_SOUND, [], []]
    assert [len(await page.evaluate("window.notes")) for page in pages] == [3, 0, 0]
    await leader.close()
    await expect(pages[1].locator("#connection")).to_have_text("Live")
    await pages[1].wait_for_timeout(3500)
    for page in pages[1:]:
        await page.evaluate(LATER, 150)
    await pages[1].wait_for_timeout(3500)
    heard = [await page.evaluate("window.heard") for page in pages[1:]]
    assert sorted(heard) == [[], ENDING_SOUND]


async def test_an_admin_is_called_at_half_of_the_time_and_not_before(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    async with app_server.database() as owner:  # what other tests left waiting would call an admin, too
        await owner.execute("update tool_permissions set status = 'cancelled' where status = 'pending'")
    page = await away(sign_in, await app_server.hire("admin"))
    live = await app_server.start(voice.agents[0])
    async with app_server.api(voice.agents[0]) as api:
        await metric(api, live, "critical", 20, "This is fraud")
    asked = await app_server.ask(voice.agents[0], live)
    card = page.locator(f"#tool-permission-{asked['id']}")
    await expect(card).to_have_count(1)
    await page.wait_for_timeout(1500)
    assert await page.evaluate("[...window.heard, ...window.notes]") == []
    await page.evaluate(LATER, 182)
    await page.wait_for_function("() => window.notes.length")
    assert await page.evaluate("window.heard") == HALF_SOUND
    assert "half of its time is over" in (await page.evaluate("window.notes"))[0]


async def test_choices_and_quiet_hours_hold_from_the_moment_they_are_saved(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await away(sign_in, voice)
    account = await page.context.new_page()
    await account.goto("/account")
    section = account.locator("#your-signals")
    await section.get_by_label("Sound: A new request").uncheck()
    await section.get_by_label("Notification: Half of its time is over").uncheck()
    await section.get_by_role("button", name="Play: Half").click()
    await account.wait_for_function("() => window.heard.length")
    assert await account.evaluate("window.heard") == HALF_SOUND
    await section.get_by_role("button", name="Save").click()
    await expect(account.get_by_role("status")).to_contain_text("What calls you was saved")
    await expect(section.get_by_label("Sound: A new request")).not_to_be_checked()
    await page.wait_for_timeout(500)
    live = await app_server.start(voice.agents[0])
    await never_silent(app_server, live)
    asked = await app_server.ask(voice.agents[0], live)
    label = await page.locator(f"#tool-permission-{asked['id']}").get_attribute("aria-label")
    await called(page, [], f"{label}: allow or deny?")
    await page.evaluate(LATER, 182)
    await called(page, HALF_SOUND)

    # The whole day but a minute that is far away, by the clock of another zone.
    hour = await page.evaluate(
        "(Number(new Intl.DateTimeFormat('en-GB', { hour: '2-digit', hourCycle: 'h23', timeZone: 'Asia/Tokyo' }).format(serverTime.now())) + 12) % 24"
    )
    await section.get_by_label("Nothing sounds").check()
    await section.get_by_label("from").fill(f"{hour:02}:01")
    await section.get_by_label("until").fill(f"{hour:02}:00")
    await section.get_by_label("Time zone").fill("Asia/Tokyo")
    await section.get_by_role("button", name="Save").click()
    await expect(account.get_by_role("status")).to_contain_text("What calls you was saved")
    await page.wait_for_timeout(500)
    await page.evaluate(LATER, 150)
    await expect(page).to_have_title("(1) 30 s left · Floor · Floorwalker")
    await page.wait_for_timeout(1500)
    assert await page.evaluate("[...window.heard, ...window.notes]") == []
    await section.get_by_label("Time zone").fill("Mars/Olympus")
    await section.get_by_role("button", name="Save").click()
    await expect(section.get_by_role("alert")).to_contain_text("There is no such time zone")


@pytest.mark.full
async def test_axe_finds_nothing_on_the_choices(pushing: AppServer, voice: Person, browser: Browser) -> None:
    for scheme in ("light", "dark"):
        context = await browser.new_context(
            base_url=pushing.url, color_scheme=scheme, viewport={"width": 360, "height": 800}
        )
        page = await context.new_page()
        await sign_in_with(page, voice)
        await page.goto("/account")
        await expect(page.locator("[data-push-switch]")).to_be_visible()
        found = await Axe().run(page)
        assert not found.response["violations"], found.generate_report()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await context.close()


async def test_a_browser_can_install_the_page(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    page = await sign_in(voice)
    session = await page.context.new_cdp_session(page)
    manifest = await session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"] == f"{app_server.url}/manifest.webmanifest"
    found = await session.send("Page.getInstallabilityErrors")
    # A window without a profile of its own cannot install anything; nothing else may be wrong.
    assert {one["errorId"] for one in found["installabilityErrors"]} <= {"in-incognito"}
    for icon_ in (await (await page.request.get("/manifest.webmanifest")).json())["icons"]:
        size = await page.evaluate(
            """async src => { const image = new Image(); image.src = src; await image.decode(); return `${image.naturalWidth}x${image.naturalHeight}`; }""",
            icon_["src"],
        )
        assert size == icon_["sizes"]


async def test_a_page_that_calls_for_less_than_the_floor_says_so(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    live = await app_server.start(voice.agents[0])
    page = await away(sign_in, voice)
    await page.goto(f"/interactions/{live}")
    await page.mouse.click(5, 5)  # until then a browser plays nothing
    await expect(page.locator("[data-says]")).to_have_text("Sound on, for this interaction alone")
    await page.goto("/alerts")
    await page.mouse.click(5, 5)
    await expect(page.locator("[data-says]")).to_have_text("Sound on, but the floor alone calls")
