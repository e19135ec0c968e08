"""How long after an agent's call does the supervisor's browser show it? Real server, real Chromium, one machine."""

import asyncio
import statistics
import time

from playwright.async_api import Page, async_playwright

from tests.app_server import PASSWORD, AppServer, Person
from tests.browser import chromium
from tests.conftest import a_folder, free_port, serving

SAMPLES = 150
PAUSE = 0.25  # seconds between two samples, longer than the throttle, because an agent sends a metric every five seconds

# Notes when each text first stood in the page.
WATCH = """() => {
  window.seen = {};
  const look = () => {
    for (const at of document.querySelectorAll(".feed li:first-child span, .tool-permission .purpose"))
      window.seen[at.textContent] ??= Date.now();
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


async def main() -> None:
    with a_folder() as folder, serving(folder / "home", free_port()) as app_server:
        person = await app_server.hire("voice")
        async with async_playwright() as playwright:
            path = chromium.find()
            assert path is not None, chromium.ADVICE
            browser = await playwright.chromium.launch(executable_path=str(path), args=chromium.arguments())
            page = await browser.new_page(base_url=app_server.url)
            await page.goto("/login")
            await page.get_by_label("E-mail").fill(person.email)
            await page.get_by_label("Password").fill(PASSWORD)
            await page.get_by_role("button", name="Sign in").click()
            await page.locator("#connection[data-state=live]").wait_for()
            await page.evaluate(WATCH)
            report("metric: call → page", await metrics(app_server, person, page))
            report("decision: click → agent's answer", await decisions(app_server, person, page))
            await browser.close()


async def metrics(app_server: AppServer, person: Person, page: Page) -> list[float]:
    interaction = await app_server.start(person.agents[0])
    sent: dict[str, float] = {}
    async with app_server.api(person.agents[0]) as api:
        for number in range(SAMPLES):
            text = f"Line {number}"
            sent[text] = time.time() * 1000
            await api.post(
                f"/interactions/{interaction}/metrics",
                json={"sentiment": "good", "satisfaction_score": number % 100, "feed_text": text},
            )
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(1)
        await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
    seen = await page.evaluate("() => window.seen")
    missing = [text for text in sent if text not in seen]
    assert not missing, f"never seen: {missing}"
    return [seen[text] - at for text, at in sent.items()]


async def decisions(app_server: AppServer, person: Person, page: Page) -> list[float]:
    interaction = await app_server.start(person.agents[0])
    took = []
    async with app_server.api(person.agents[0]) as api:
        for _ in range(SAMPLES // 3):
            asked = await app_server.ask(person.agents[0], interaction)
            waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=20"))
            button = page.locator(f"#tool-permission-{asked['id']} [data-key=a]")
            await button.wait_for()
            # The page records the moment itself, because the time to find the button is not the product's.
            await button.evaluate(
                "node => node.addEventListener('click', () => { window.clicked = Date.now(); })"
            )
            await button.click()
            assert (await waiting).json()["status"] == "allowed"
            took.append(time.time() * 1000 - await page.evaluate("() => window.clicked"))
    return took


def report(what: str, milliseconds: list[float]) -> None:
    cuts = statistics.quantiles(milliseconds, n=100)
    print(
        f"{what:34} n {len(milliseconds):4}   p50 {cuts[49]:6.1f} ms   p95 {cuts[94]:6.1f} ms   p99 {cuts[98]:6.1f} ms"
    )


if __name__ == "__main__":
    asyncio.run(main())
