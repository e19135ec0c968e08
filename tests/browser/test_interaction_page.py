"""One interaction in a real Chromium: the chart, a long transcript, find, links to lines, and new lines below."""

import re
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.app_server import Agent, AppServer, Person, decision
from tests.browser.conftest import SignIn, without_javascript
from tests.browser.test_axe import complaints

pytestmark = pytest.mark.browser


async def say(app_server: AppServer, agent: Agent, live: str, *texts: str) -> None:
    turns = [{"speaker": ("customer", "agent")[n % 2], "text": text} for n, text in enumerate(texts)]
    async with app_server.api(agent) as api:
        for start in range(0, len(turns), 100):
            answer = await api.post(f"/interactions/{live}/turns", json=turns[start : start + 100])
            assert answer.is_success, answer.text


async def reviewed(app_server: AppServer, person: Person, *, over: bool = True) -> str:
    """An interaction with a course, a decision of each kind, and words."""
    agent = person.agents[0]
    live = await app_server.start(agent, phone_number="+18505550155")
    async with app_server.database() as owner:
        await owner.execute(
            "update interactions set started_at = now() - interval '1 minute' where id = $1", UUID(live)
        )
        for n, score in enumerate((80, 60, 20, 35)):
            await owner.execute(
                """insert into realtime_metrics (interaction_id, timestamp, sentiment, satisfaction_score)
                values ($1, now() - interval '40 s' + $2 * interval '10 s', $3, $4)""",
                UUID(live),
                n,
                "critical" if score < 40 else "good",
                score,
            )
    await say(
        app_server, agent, live, "The second one came broken too.", "I am sorry.", "A needle in the hay."
    )
    for n, status in enumerate(("allowed", "denied")):
        asked = await app_server.ask(agent, live, arguments={f"name {k}": f"{n}-{k}" for k in range(9)})
        async with app_server.browser_of(person) as browser:
            await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, status))
    if over:
        async with app_server.api(agent) as api:
            end = {"status": "completed", "archive": {"summary": "Came back broken.", "csat_score": 54}}
            assert (await api.post(f"/interactions/{live}/end", json=end)).is_success
    return live


def line(page: Page, words: str) -> Locator:
    """The line with these words and a time."""
    return page.locator(".transcript-box li p", has_text=re.compile(rf"^{words}\d\d:\d\d:\d\d$"))


async def show(page: Page, live: str, rest: str = "") -> None:
    await page.goto(f"/interactions/{live}{rest}")
    await expect(page.locator("#connection")).to_have_text("Live")


async def long_transcript(
    app_server: AppServer, person: Person, sign_in: SignIn, count: int
) -> tuple[str, Page]:
    """A live interaction with so many lines, and its page, which shows 300 of them."""
    live = await app_server.start(person.agents[0])
    await say(app_server, person.agents[0], live, *(f"line {n}" for n in range(count)))
    page = await sign_in(person)
    await show(page, live)
    await expect(page.locator(".transcript-box li[data-entry]")).to_have_count(300)
    return live, page


async def test_the_chart_is_read_by_keys_and_leads_to_the_line(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    live = await reviewed(app_server, voice)
    page = await sign_in(voice)
    await show(page, live)
    plot = page.locator("#plot")
    await expect(plot.locator("canvas")).to_be_visible()
    await expect(plot).to_have_attribute("role", "slider")
    await plot.focus()
    await page.keyboard.press("Home")
    await expect(plot.locator(".read-out")).to_contain_text("Satisfaction 80%")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(plot.locator(".read-out")).to_contain_text("Satisfaction 20%")
    await expect(plot.locator(".read-out .mood")).to_have_text("critical")
    assert "Satisfaction 20%, critical" in (await plot.get_attribute("aria-valuetext") or "")
    await page.keyboard.press("2")  # the second decision came after the last measurement
    await expect(plot.locator(".read-out")).to_contain_text("Satisfaction 35%")
    await page.locator("#plot .u-over").hover()
    await expect(plot.locator(".read-out")).to_be_visible()
    await page.get_by_text("Show as table").click()
    rows = page.locator("#chart-table tbody tr")
    await expect(rows).to_have_count(4)
    await expect(rows.nth(2)).to_contain_text("20%critical")


async def test_the_chart_leads_to_a_line_that_is_not_loaded_yet(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    live, page = await long_transcript(app_server, voice, sign_in, 400)
    async with app_server.database("supabase_admin") as owner, owner.transaction():
        await owner.execute("set local session_replication_role = replica")
        await owner.execute(
            "update interactions set started_at = now() - interval '500 s' where id = $1", UUID(live)
        )
        await owner.execute(
            """update interaction_turns t set created_at = now() - interval '410 s' + n * interval '1 s'
            from (select id, row_number() over (order by id) as n from interaction_turns where interaction_id = $1) o where o.id = t.id""",
            UUID(live),
        )
        await owner.execute(
            """insert into realtime_metrics (interaction_id, supervisor_id, timestamp, sentiment, satisfaction_score, created_at)
            select $1, $2, now() - interval '360 s' + n * interval '5 s', 'good', 50 + n % 9, now() from generate_series(0, 60) n""",
            UUID(live),
            voice.id,
        )
    await page.reload()
    await expect(page.locator("#plot canvas")).to_be_visible()
    await expect(line(page, "line 48")).to_have_count(0)
    for leads in ("Enter", "click"):
        await page.locator("#plot").focus()
        await page.keyboard.press("Home")
        if leads == "Enter":
            await page.keyboard.press("Enter")
        else:
            await page.keyboard.press("End")
            await page.keyboard.press("Enter")
            await expect(line(page, "line 348")).to_be_in_viewport()
            box = await page.locator("#plot .u-over").bounding_box()
            assert box
            await page.locator("#plot .u-over").click(position={"x": box["width"] * 140 / 450, "y": 40})
        await expect(line(page, "line (4[5-9]|5[0-3])").first).to_be_in_viewport()


# How many pixels are painted in this column of the chart, at a share of its width, right under the lines.
PAINTED = """share => {
  const canvas = document.querySelector("#plot canvas");
  const [at, over] = [canvas.getBoundingClientRect(), document.querySelector("#plot .u-over").getBoundingClientRect()];
  const x = Math.round((over.left - at.left + share * over.width) * devicePixelRatio);
  const y = Math.ceil((over.bottom - at.top) * devicePixelRatio) + 1;
  const found = canvas.getContext("2d").getImageData(x, y, 1, Math.round(9 * devicePixelRatio)).data;
  return found.filter((value, n) => n % 4 === 3 && value > 128).length / devicePixelRatio;
}"""


async def test_the_chart_tells_sentiments_without_their_colours(
    app_server: AppServer, voice: Person, browser: Browser, sign_in: SignIn
) -> None:
    live = await reviewed(app_server, voice)
    page = await sign_in(voice)
    await show(page, live)
    await expect(page.locator("#plot canvas")).to_be_visible()
    # Measured from 20 to 50 of about 60 seconds.
    good, critical = [await page.evaluate(PAINTED, share) for share in (0.5, 0.75)]
    assert 0 < good < critical / 2
    async with without_javascript(browser, app_server, voice) as plain:
        await plain.goto(f"/interactions/{live}")
        bars = plain.locator("svg.course .bar")
        assert await bars.evaluate_all("all => all.map(one => one.className.baseVal)") == [
            "bar good",
            "bar critical",
        ]
        heights = await bars.evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
        assert 0 < heights[0] < heights[1] / 2


@pytest.mark.full
async def test_without_javascript_the_picture_stays(
    app_server: AppServer, voice: Person, browser: Browser
) -> None:
    live = await reviewed(app_server, voice)
    async with without_javascript(browser, app_server, voice) as page:
        await page.goto(f"/interactions/{live}")
        await expect(page.locator(".chart svg.course")).to_be_visible()
        await expect(page.locator(".ruling")).to_have_count(2)
        await page.get_by_label("Decisions").check()
        await expect(page.locator(".transcript-box").get_by_text("A needle in the hay.")).to_be_hidden()
        await expect(page.locator(".ruling").first).to_be_visible()


async def test_a_long_transcript_is_found_linked_and_followed(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    agent = voice.agents[0]
    live, page = await long_transcript(app_server, voice, sign_in, 700)
    lines = page.locator(".transcript-box li[data-entry]")
    # Find loads what came before, and a change of the page keeps the marks.
    await page.get_by_label("Find in the transcript").fill("LINE 7")
    await expect(page.locator("output[for=find]")).to_have_text("1 of 11")
    await expect(lines).to_have_count(700)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("output[for=find]")).to_have_text("2 of 11")
    await expect(line(page, "line 70")).to_be_in_viewport()
    order = await lines.evaluate_all("all => all.map((one) => one.querySelector('p').firstChild.data.trim())")
    assert order == [f"line {n}" for n in range(700)]
    # New lines: told below, not scrolled to; and none is lost between what was loaded and what slides out.
    pill = page.get_by_role("button", name="New lines below")
    await expect(pill).to_be_hidden()
    await say(app_server, agent, live, *(f"later {n}" for n in range(40)))
    await expect(pill).to_be_visible()
    await expect(line(page, "line 70")).to_be_in_viewport()
    await expect(lines).to_have_count(740)
    await pill.click()
    await expect(line(page, "later 39")).to_be_in_viewport()
    await page.get_by_label("Follow").check()
    await say(app_server, agent, live, "followed")
    await expect(line(page, "followed")).to_be_in_viewport()
    # A link to a line that the page does not have yet.
    name = await lines.nth(3).get_attribute("id")
    other = await page.context.new_page()
    await show(other, live, f"#{name}")
    await expect(other.locator(f"#{name}")).to_be_in_viewport()
    await expect(other.locator(f"#{name}")).to_have_attribute("data-js-target", "yes")
    await page.context.close()


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_an_interaction(
    app_server: AppServer, voice: Person, sign_in: SignIn, scheme: Any
) -> None:
    page = await sign_in(voice)
    await page.emulate_media(color_scheme=scheme)
    for over in (True, False):
        live = await reviewed(app_server, voice, over=over)
        for width in (360, 1440, 3840):
            await page.set_viewport_size({"width": width, "height": 900})
            await show(page, live)
            await expect(page.locator("#plot canvas")).to_be_visible()
            assert not await complaints(page), (scheme, over, width)


async def test_lines_stay_themselves_while_others_come_and_go(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    agent = voice.agents[0]
    live, page = await long_transcript(app_server, voice, sign_in, 320)
    lines = page.locator("#timeline li[data-entry]")
    await lines.evaluate_all("all => all.forEach((one) => { one.stays = true; })")
    for n in range(0, 100, 2):
        await say(app_server, agent, live, f"later {n}", f"later {n + 1}")
        if n % 20 == 18:
            await expect(line(page, f"later {n + 1}")).to_be_attached()
    words = "all => all.map((one) => [one.querySelector('p').firstChild.data.trim(), one.stays === true])"
    shown = await lines.evaluate_all(words)
    expected = [*((f"line {n}", True) for n in range(120, 320)), *((f"later {n}", False) for n in range(100))]
    assert [tuple(one) for one in shown] == expected
    ids = await page.locator("#timeline [id]").evaluate_all("all => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))
