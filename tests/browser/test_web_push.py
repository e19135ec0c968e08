"""Web push in a real Chromium: to whom no page has given a signal, once, and with the server's present key."""

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

import pytest
from playwright.async_api import Browser, CDPSession, expect

from server.kernel.providers import PushKeys
from tests.accounts.test_push_subscriptions import HALF, SETTLED, asked_before, count, subscribed
from tests.app_server import AppServer, Person
from tests.browser.conftest import sign_in_with, signed_in_at
from tests.browser.test_signals import AWAY, forget, never_silent
from tests.conftest import until
from tests.push_service import PUSH_KEY, PushService

pytestmark = pytest.mark.browser

# Where no push service of a vendor can be reached: the browser's own part of a subscription, with the keys of the test.
SUBSCRIBES = """browser => {
  const subscription = { toJSON: () => ({ endpoint: browser.endpoint, keys: { p256dh: browser.p256dh, auth: browser.auth } }), unsubscribe: async () => true };
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    window.asked = { userVisibleOnly, applicationServerKey };
    return subscription;
  };
  PushManager.prototype.getSubscription = async () => (window.asked ? subscription : null);
}"""
SHOWN = "async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }))"


async def worker_of(session: CDPSession) -> str:
    """The id of the service worker's registration, as soon as it is known."""
    known: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda said: known.extend(one["registrationId"] for one in said["registrations"]),
    )
    await session.send("ServiceWorker.enable")
    await until(lambda: known)
    return known[0]


async def test_a_page_that_calls_nobody_holds_back_no_web_push(
    pushing: AppServer, service: PushService, voice: Person, browser: Browser
) -> None:
    async with pushing.browser_of(voice) as http, signed_in_at(browser, pushing, voice, AWAY) as page:
        phone = await subscribed(http, service, pushing)
        live = await pushing.start(voice.agents[0])
        await never_silent(pushing, live)
        first = await pushing.ask(voice.agents[0], live)  # the sound is off, and nobody looks
        await expect(page.locator(f"#tool-permission-{first['id']}")).to_be_attached()
        await until(lambda: phone.got)
        assert [said["about"] for _, said in phone.got] == [first["id"]]
        assert await page.evaluate("[...window.heard, ...window.notes]") == []
        await page.locator("[data-sound] [data-switch]").click()
        await expect(page.locator("[data-sound]")).to_contain_text("Sound on")
        await forget(page)
        await pushing.ask(voice.agents[0], live)
        await page.wait_for_function("() => window.heard.length && window.notes.length")
        await page.locator("[data-sound] [data-switch]").click()
        await page.evaluate("() => (window.away = false)")
        third = await pushing.ask(voice.agents[0], live)
        await expect(page.locator(f"#tool-permission-{third['id']}")).to_be_attached()
        await asyncio.sleep(4 + SETTLED)
        assert len(phone.got) == 1, "played and shown, or in front of the person"


async def test_web_push_reaches_a_person_who_has_no_page_open(
    pushing: AppServer, service: PushService, voice: Person, browser: Browser
) -> None:
    at_service = service.browser()
    context = await browser.new_context(base_url=pushing.url)
    await context.grant_permissions(["notifications"])
    page = await context.new_page()
    await sign_in_with(page, voice)
    await page.goto("/account")
    await page.evaluate(SUBSCRIBES, at_service.fields)
    await page.locator("[data-push-switch]").click()
    await expect(page.locator("[data-push-state]")).to_have_text("on")
    asked_for = await page.evaluate("window.asked")
    assert asked_for["userVisibleOnly"] is True
    assert await count(pushing, at_service) == 1
    async with pushing.database() as owner:
        await owner.execute("update push_subscriptions set created_at = now() - interval '1 hour'")
    asked = await asked_before(pushing, voice, HALF)  # no live page is open
    await until(lambda: at_service.got)
    headers, said = at_service.got[0]
    assert headers["claims"]["k"] == asked_for["applicationServerKey"]

    # What the push service hands to the browser: again while nothing is shown, because a worker that starts late loses a message.
    session = await context.new_cdp_session(page)
    message = {
        "origin": pushing.url,
        "registrationId": await worker_of(session),
        "data": json.dumps(said),
    }

    async def shown() -> Any:
        return await page.evaluate(SHOWN)

    async def delivered() -> Any:
        await session.send("ServiceWorker.deliverPushMessage", message)
        with suppress(AssertionError):
            await until(shown, 5)
        return await shown()

    await until(delivered)
    assert await shown() == [
        {
            "title": f"issue_refund, {voice.agents[0].name}: half of its time is over",
            "body": "Allow or deny?",
            "tag": asked["id"],
        }
    ]

    # A click opens the floor.
    [worker] = context.service_workers
    await worker.evaluate(
        """async () => {
          const [notification] = await self.registration.getNotifications();
          self.clients.openWindow = async (path) => (self.wanted = path); // needs a click of a person
          self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
        }"""
    )
    assert await worker.evaluate("self.wanted") == "/"
    assert await shown() == [], "the click has closed it"

    # With a page open, the page gives the signal, and nothing is sent.
    later = await asked_before(pushing, voice, 178)
    live = await context.new_page()
    await live.goto("/")
    await expect(live.locator("#connection")).to_have_text("Live")
    await expect(live.locator(f"#tool-permission-{later['id']}")).to_be_attached()
    await expect(live).to_have_title("(2) Half its time · Floor · Floorwalker")
    await asyncio.sleep(9)
    assert len(at_service.got) == 1
    await live.get_by_role("button", name="Sign out").click()
    await expect(live).to_have_url(re.compile("/login"))
    assert await count(pushing, at_service) == 0
    assert await page.evaluate("async () => (await caches.keys()).length") == 0
    await context.close()


# A subscription that was made for another VAPID key, and the one that the browser makes next.
OF_ANOTHER_KEY = """browser => {
  const old = { options: { applicationServerKey: new Uint8Array([4, 1, 2]).buffer }, unsubscribe: async () => (window.left = true) };
  const fresh = { toJSON: () => ({ endpoint: browser.endpoint, keys: { p256dh: browser.p256dh, auth: browser.auth } }) };
  const pushManager = {
    getSubscription: async () => old,
    subscribe: async ({ applicationServerKey }) => ((window.key = applicationServerKey), fresh),
  };
  navigator.serviceWorker.getRegistration = async () => ({ pushManager });
}"""


async def test_a_page_subscribes_anew_when_the_server_has_another_key(
    pushing: AppServer, service: PushService, voice: Person, browser: Browser
) -> None:
    at_service = service.browser()
    fields = json.dumps(at_service.fields)
    context = await browser.new_context(base_url=pushing.url, permissions=["notifications"])
    await context.add_init_script(f"localStorage.setItem('push', '{voice.id}'); ({OF_ANOTHER_KEY})({fields})")
    page = await context.new_page()
    await sign_in_with(page, voice)
    await expect(page.locator("#connection")).to_have_text("Live")

    async def subscribed_anew() -> bool:
        return await count(pushing, at_service) == 1

    await until(subscribed_anew)
    assert await page.evaluate("[window.left, window.key]") == [True, PushKeys.of(PUSH_KEY, "").public]
    await context.close()
