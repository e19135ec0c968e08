"""Web push, against a push service that decrypts the message and checks who sends it: once, to whom it concerns, and nothing of the customer."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from server.accounts.push_subscriptions import Subscription
from server.embedded.postgres import SUPERUSER
from server.errors import Invalid
from server.kernel.providers import PushKeys, encrypt, from_base64url, post
from tests.app_server import AppServer, Person, decision
from tests.conftest import until
from tests.push_service import PUSH_KEY, Browser, PushService, plain, written

HALF, ENDING = (
    185,
    335,
)  # seconds after which half of six minutes is over, and 30 s are left, for longer than a page has
SETTLED = 3.0  # seconds in which the process looks at least twice at what is due


async def subscribed(http: httpx.AsyncClient, service: PushService, app_server: AppServer) -> Browser:
    """A browser of the client's person, which was turned on an hour ago."""
    browser = service.browser()
    answer = await http.post("/account/push", data=browser.fields)
    assert answer.status_code == 204, answer.text
    async with app_server.database() as owner:
        await owner.execute(
            "update push_subscriptions set created_at = now() - interval '1 hour' where endpoint = $1",
            browser.endpoint,
        )
    return browser


async def asked_before(app_server: AppServer, person: Person, seconds: float) -> dict[str, Any]:
    """A request of the live interaction, or of a new one, that was made so many seconds ago."""
    [agent, *_] = person.agents
    async with app_server.database() as owner:
        live = await owner.fetchval(
            "select id from interactions where agent_id = $1 and status = 'active'", agent.id
        )
    asked = await app_server.ask(
        agent, str(live) if live else await app_server.start(agent, phone_number="+442071838750")
    )
    await make_older(app_server, asked, seconds)
    return asked


async def make_older(app_server: AppServer, asked: dict[str, Any], seconds: float) -> None:
    async with app_server.database(SUPERUSER) as owner, owner.transaction():
        await owner.execute("set local session_replication_role = replica")
        await owner.execute(
            """update tool_permissions set requested_at = clock_timestamp() - make_interval(secs => $2),
              expires_at = clock_timestamp() + make_interval(secs => 360 - $2) where id = $1""",
            UUID(asked["id"]),
            seconds,
        )


async def count(app_server: AppServer, browser: Browser) -> int:
    async with app_server.database() as owner:
        found: int = await owner.fetchval(
            "select count(*) from push_subscriptions where endpoint = $1", browser.endpoint
        )
    return found


def test_the_example_of_rfc_8291_comes_out_to_the_byte() -> None:
    sender = ec.derive_private_key(
        int.from_bytes(plain("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"), ec.SECP256R1()
    )
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        plain("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        plain("BTBZMqHH6r4Tts7J_aSIgg"),
        salt=plain("DGv6ra1nlYgDCS1FRnbzlw"),
        sender=sender,
    )
    assert written(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
        "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


async def test_half_of_the_time_calls_the_supervisor_and_admins_once_and_names_no_customer(
    app_server: AppServer, pushing: AppServer, service: PushService, voice: Person, chat: Person
) -> None:
    admin = await app_server.hire("admin")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(pushing.browser_of(one)) for one in (voice, admin, chat)]
        own, admins, others = [await subscribed(http, service, pushing) for http in clients]
        asked = await asked_before(pushing, voice, HALF)

        def about_it(browser: Browser) -> int:
            return sum(
                said["about"] == asked["id"] for _, said in browser.got
            )  # other tests' requests call admins too

        await until(lambda: own.got and about_it(admins))
        await asyncio.sleep(SETTLED)
        assert (len(own.got), about_it(admins), len(others.got)) == (1, 1, 0)
        headers, said = own.got[0]
        assert said == {
            "signal": "half",
            "agent": voice.agents[0].name,
            "tool": "issue_refund",
            "about": asked["id"],
        }
        assert headers["claims"]["sub"] == "mailto:ops@example.com"
        assert headers["claims"]["k"] == PushKeys.of(PUSH_KEY, "").public
        assert 100 < int(headers["TTL"]) <= 175, "afterwards the request has expired"
        assert headers["Urgency"] == "high"
        assert len(headers["Topic"]) == 32
        await make_older(pushing, asked, ENDING)
        await until(lambda: len(own.got) == 2)
        assert own.got[1][1]["signal"] == "ending"
        assert own.got[1][0]["Topic"] == headers["Topic"], "it replaces what was not delivered"


async def test_the_name_of_a_tool_cannot_turn_a_message_round(
    pushing: AppServer, service: PushService, voice: Person
) -> None:
    agent = voice.agents[0]
    asked = await pushing.ask(agent, await pushing.start(agent), tool_name="pay \u202e0001")
    async with pushing.browser_of(voice) as http:
        browser = await subscribed(http, service, pushing)
        await make_older(pushing, asked, HALF)
        await until(lambda: browser.got)
    assert browser.got[0][1]["tool"] == "pay [U+202E]0001"


@pytest.mark.full
async def test_what_a_page_has_given_is_not_sent_too(
    pushing: AppServer, service: PushService, voice: Person
) -> None:
    async with pushing.browser_of(voice) as http:
        browser = await subscribed(http, service, pushing)
        given = await asked_before(pushing, voice, HALF - 4)  # a page has the time to report it
        async with pushing.database() as owner:
            since = await owner.fetchval(
                "select to_json(requested_at) #>> '{}' from tool_permissions where id = $1", UUID(given["id"])
            )
        answer = await http.post("/account/signals/given", data={"given": f"half {given['id']} {since}"})
        assert answer.status_code == 204, answer.text
        await asyncio.sleep(4)
        other = await asked_before(pushing, voice, HALF)
        await until(lambda: browser.got)
        await asyncio.sleep(SETTLED)
        assert [said["about"] for _, said in browser.got] == [other["id"]]


@pytest.mark.full
@pytest.mark.parametrize("how", ["not chosen", "quiet hours"])
async def test_what_was_not_chosen_and_what_falls_into_quiet_hours_is_not_sent(
    pushing: AppServer, service: PushService, voice: Person, how: str
) -> None:
    async with pushing.browser_of(voice) as http:
        browser = await subscribed(http, service, pushing)
        chosen = {"notification-ending": "yes", "zone": "Asia/Calcutta"}
        if how == "quiet hours":
            async with pushing.database() as owner:
                row = await owner.fetchrow(
                    "select to_char(timezone('Asia/Calcutta', now()) - interval '1 hour', 'HH24:MI'), to_char(timezone('Asia/Calcutta', now()) + interval '1 hour', 'HH24:MI')"
                )
            assert row is not None
            chosen |= {
                "notification-half": "yes",
                "quiet": "yes",
                "quiet_from": row[0],
                "quiet_until": row[1],
            }
        assert (await http.post("/account/signals", data=chosen)).status_code == 303
        asked = await asked_before(pushing, voice, HALF)
        await asyncio.sleep(SETTLED)
        assert browser.got == []
        await make_older(pushing, asked, ENDING)
        if how == "quiet hours":
            await asyncio.sleep(SETTLED)
            assert browser.got == []
            chosen.pop("quiet")
            assert (await http.post("/account/signals", data=chosen)).status_code == 303
        await until(lambda: browser.got)
        assert [said["signal"] for _, said in browser.got] == ["ending"]


@pytest.mark.full
async def test_an_agent_that_is_critical_or_silent_calls_its_supervisor_alone(
    app_server: AppServer, pushing: AppServer, service: PushService, voice: Person
) -> None:
    admin = await app_server.hire("admin")
    second = await app_server.add_agent(voice, "voice", "Second")
    async with pushing.browser_of(voice) as http, pushing.browser_of(admin) as theirs:
        own, admins = await subscribed(http, service, pushing), await subscribed(theirs, service, pushing)
        critical, silent = await pushing.start(voice.agents[0]), await pushing.start(second)
        async with pushing.database(SUPERUSER) as owner:
            await owner.execute(
                "update interaction_pulse set last_seen_at = now() - interval '70 s' where interaction_id = $1",
                UUID(silent),
            )
        for score in (10, 12, 70, 8):  # critical, for a moment better, and critical again: that is one time
            async with pushing.api(voice.agents[0]) as api:
                sentiment = "critical" if score < 50 else "good"
                answer = await api.post(
                    f"/interactions/{critical}/metrics",
                    json={"sentiment": sentiment, "satisfaction_score": score, "feed_text": "secret"},
                )
                assert answer.status_code == 202, answer.text
        await until(lambda: len(own.got) == 2)
        await asyncio.sleep(SETTLED)
        assert sorted(
            (said["signal"], said["agent"], said["tool"], said["about"]) for _, said in own.got
        ) == [
            ("critical", voice.agents[0].name, None, critical),
            ("silent", "Second", None, silent),
        ]
        assert not {said["about"] for _, said in admins.got} & {
            critical,
            silent,
        }  # requests of other tests call admins


@pytest.mark.parametrize("status", [pytest.param(404, marks=pytest.mark.full), 410])
async def test_a_browser_that_the_push_service_does_not_know_is_forgotten(
    pushing: AppServer, service: PushService, voice: Person, status: int
) -> None:
    async with pushing.browser_of(voice) as http:
        browser = await subscribed(http, service, pushing)
        browser.answers = [status]
        await asked_before(pushing, voice, HALF)

        async def forgotten() -> bool:
            return await count(pushing, browser) == 0

        await until(forgotten)
        assert browser.got == []


async def test_a_subscription_of_another_key_ends(
    pushing: AppServer, service: PushService, voice: Person
) -> None:
    async with pushing.browser_of(voice) as http:
        browser = await subscribed(http, service, pushing)
        assert (await http.get("/account/signals")).json()["key"] == PushKeys.of(PUSH_KEY, "").public
        browser.answers = [403]
        await asked_before(pushing, voice, HALF)

        async def ended() -> bool:
            return await count(pushing, browser) == 0

        await until(ended)
        assert (await http.get("/account/signals")).json()["pushed"] is False


@pytest.mark.full
async def test_a_failure_is_repeated_and_a_refusal_is_not(
    pushing: AppServer, service: PushService, voice: Person, chat: Person
) -> None:
    async with pushing.browser_of(voice) as http, pushing.browser_of(chat) as others:
        failing, refusing = (
            await subscribed(http, service, pushing),
            await subscribed(others, service, pushing),
        )
        failing.answers, refusing.answers = [503, 429], [413]
        for person in (voice, chat):
            await asked_before(pushing, person, HALF)
        await until(lambda: failing.got)
        assert not refusing.answers
        assert refusing.got == []
        assert await count(pushing, refusing) == 1
        assert "push_given_up" in pushing.log.read_text()


async def test_a_request_that_was_answered_meanwhile_is_not_asked_again(
    pushing: AppServer, service: PushService, voice: Person
) -> None:
    async with pushing.browser_of(voice) as http, pushing.database() as owner:
        browser = await subscribed(http, service, pushing)
        browser.answers = [503, 503]  # which is tried again after five seconds
        asked = await asked_before(pushing, voice, HALF)
        await until(lambda: len(browser.answers) < 2)
        answer = await http.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
        assert answer.status_code == 303, answer.text

        async def given_up() -> bool:
            return not await owner.fetchval(
                "select count(*) from private.push_messages where subject_id = $1", UUID(asked["id"])
            )

        await until(given_up)
        assert (browser.got, len(browser.answers)) == ([], 1)


async def test_a_subscription_ends_with_the_session_of_its_browser(
    app_server: AppServer, pushing: AppServer, service: PushService, voice: Person
) -> None:
    async with pushing.browser_of(voice) as http, pushing.browser_of(voice) as another:
        first, second = await subscribed(http, service, pushing), await subscribed(another, service, pushing)
        assert (await http.get("/account/signals")).json()["pushed"] is True
        assert (await http.post("/logout")).status_code == 303
        assert (await count(pushing, first), await count(pushing, second)) == (0, 1)
        assert (await another.post("/account/push/end")).status_code == 204
        assert await count(pushing, second) == 0
        assert (await another.get("/account/signals")).json()["pushed"] is False
        # Another person of the same browser: its address is theirs from then on.
        again = await subscribed(another, service, pushing)
        admin = await app_server.hire("admin")
        async with pushing.browser_of(admin) as theirs:
            assert (await theirs.post("/account/push", data=again.fields)).status_code == 204
            assert (await another.get("/account/signals")).json()["pushed"] is False


BAD = {
    "no key": {"p256dh": ""},
    "no point": {"p256dh": written(b"\4" + b"\1" * 64)},
    "compressed": {"p256dh": written(b"\2" + b"\1" * 32)},
    "short secret": {"auth": "AAAA"},
    "not base64": {"auth": "ü" * 22},
    "no address": {"endpoint": "mailto:x"},
    "a file": {"endpoint": "file:///etc/passwd"},
    "credentials": {"endpoint": "https://user:secret@push.example.com/x"},
    "too long": {"endpoint": "https://push.example.com/" + "x" * 1000},
    "a blank": {"endpoint": "https://push.example.com/a b"},
    "a port that is none": {"endpoint": "https://push.example.com:99999/"},
    "half an address": {"endpoint": "https://[::1"},
}


@pytest.mark.parametrize("wrong", BAD.values(), ids=BAD)
async def test_a_wrong_subscription_is_refused_in_words(
    pushing: AppServer, service: PushService, voice: Person, wrong: dict[str, str]
) -> None:
    browser = service.browser()
    async with pushing.browser_of(voice) as http:
        answer = await http.post("/account/push", data=browser.fields | wrong, headers={"HX-Request": "true"})
    assert answer.status_code == 422, answer.text
    assert "push subscription" in answer.text


@pytest.mark.parametrize(
    "given", ["", "half", "half x 2026-01-01T00:00:00Z", "bell 00000000-0000-4000-8000-000000000000 2026-01-01T00:00:00Z",
        "half 00000000-0000-4000-8000-000000000000 2026-01-01T00:00:00", "half 00000000-0000-4000-8000-000000000000 now", "\n" * 60]
)  # fmt: skip
async def test_a_wrong_report_is_refused_in_words(pushing: AppServer, voice: Person, given: str) -> None:
    async with pushing.browser_of(voice) as http:
        answer = await http.post(
            "/account/signals/given", data={"given": given}, headers={"HX-Request": "true"}
        )
    assert answer.status_code == 422, answer.text


async def test_a_server_without_a_key_offers_no_web_push(
    app_server: AppServer, service: PushService, voice: Person
) -> None:
    async with app_server.browser_of(voice) as http:
        assert (await http.post("/account/push", data=service.browser().fields)).status_code == 404
        assert "Web push" not in (await http.get("/account")).text
        assert (await http.get("/account/signals")).json()["push"] is False


async def test_without_webhooks_private_nothing_goes_to_an_address_of_a_private_network(
    service: PushService,
) -> None:
    browser = service.browser()
    with pytest.raises(Invalid):
        Subscription.typed(**browser.fields, private=False)  # http
    answer = await post(browser.endpoint, b"x", {}, private=False)
    assert answer.status is None
    assert "private address" in answer.head
    assert from_base64url(written(b"\xff\xfe")) == b"\xff\xfe"
