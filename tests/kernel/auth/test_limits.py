"""Limits on attempts with a secret: per account, address and browser; and that nobody is locked out by others."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from server.errors import Invalid, RequestError, TooMany, Unauthorized
from server.kernel.auth import Auth, Limits, Visitor
from server.kernel.auth.supabase import REFUSED, NoAnswer
from server.settings import Settings
from tests.app_server import PASSWORD, AppServer, Person
from tests.auth_process import (
    HERE,
    NEW,
    SIGN_IN,
    THERE,
    Transport,
    auth_process,
    cut,
    refusal,
    signed_in,
    tries,
)


async def test_attempts_at_an_account_are_limited_wherever_they_come_from(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=1) as auth:  # and so 10 per hour for an account

        async def attempt(number: int) -> RequestError:
            spelling = (voice.email, voice.email.upper(), f" {voice.email} ")[number % 3]
            return await refusal(auth.sign_in(spelling, "wrong", Visitor(f"192.0.2.{number}", "")))

        found = Counter(map(type, await asyncio.gather(*map(attempt, range(14)))))
        assert found == {Unauthorized: 10, TooMany: 4}
        assert transport.passed[SIGN_IN] == 10
        error = await refusal(auth.sign_in(voice.email, PASSWORD, THERE))
        assert isinstance(error, TooMany)
        assert 0 < (error.retry_after or 0) <= 3600
        assert "60 minutes" in error.detail


async def test_one_address_locks_nobody_out_elsewhere(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=3) as auth:
        assert await tries(lambda: auth.sign_in(voice.email, "wrong", HERE), 4) == [Unauthorized] * 3 + [
            TooMany
        ]
        assert isinstance(await refusal(auth.sign_in(voice.email, PASSWORD, HERE)), TooMany)
        assert await auth.sign_in(voice.email, PASSWORD, THERE)


async def test_however_many_right_ones_come_at_once_none_is_refused(
    app_server: AppServer, voice: Person, chat: Person, transport: Transport
) -> None:
    """An office behind one address begins its day: attempts that could still be wrong wait for their turn."""
    async with auth_process(app_server, transport, limit=3) as auth:
        transport.late[SIGN_IN] = 0.05
        await tries(lambda: auth.sign_in(voice.email, "wrong", HERE), 2)
        people = [voice, chat] * 12
        assert all(await asyncio.gather(*(signed_in(auth, person) for person in people)))


async def test_of_many_wrong_ones_at_once_no_more_are_looked_at_than_one_by_one(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=3) as auth:
        transport.late[SIGN_IN] = 0.05
        emails = [f"{uuid4()}@example.com" for _ in range(40)]
        found = await asyncio.gather(*(refusal(auth.sign_in(email, "x", HERE)) for email in emails))
        assert Counter(map(type, found)) == {Unauthorized: 3, TooMany: 37}
        assert transport.passed[SIGN_IN] == 3


# Wrong passwords that are judged in an hour with LOGIN_PER_MINUTE=10, of fifty attempts per minute.
HOURS: dict[str, tuple[Callable[[int], tuple[str, str, str | None]], int]] = {
    "from one address": (lambda n: ("192.0.2.1", f"{n}@example.com", None), 600),
    "at one account from one address": (lambda _: ("192.0.2.1", "one@example.com", None), 20),
    "at one account from many addresses": (lambda n: (f"10.0.{n // 250}.{n % 250}", "one@example.com", None), 100),
    "in one browser that is known": (lambda _: ("192.0.2.1", "one@example.com", "known"), 100),
    "from as many addresses as accounts": (lambda n: (f"10.0.{n // 250}.{n % 250}", f"{n}@example.com", None), 3000),
}  # fmt: skip


def wrong() -> None:
    raise Unauthorized("wrong")


@pytest.mark.parametrize("who", HOURS)
async def test_attempts_in_an_hour(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whose, most = HOURS[who]
    limits, start, looked_at = Limits(Settings(_env_file=None)), 1_800_000_000.0, 0
    now = start
    monkeypatch.setattr(time, "time", lambda: now)
    for number in range(3000):
        now = start + number * 1.2
        try:
            async with limits.attempt(*whose(number)):
                looked_at += 1
                wrong()
        except (Unauthorized, TooMany):
            pass
    assert looked_at == most


async def test_attempts_from_an_address_are_limited_whatever_the_account(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=3) as auth:
        for network, other in (("192.0.2.9", "192.0.2.10"), ("2001:db8::", "2001:db8:0:1::")):
            there = [f"{network}{number}" if ":" in network else network for number in range(5)]
            found = [
                type(await refusal(auth.sign_in(f"{uuid4()}@example.com", "x", Visitor(address, ""))))
                for address in there
            ]
            assert found == [Unauthorized] * 3 + [TooMany] * 2
            assert await auth.sign_in(voice.email, PASSWORD, Visitor(other, ""))


async def test_a_person_who_knows_the_password_is_not_counted(
    app_server: AppServer, voice: Person, chat: Person, transport: Transport
) -> None:
    """An office behind one address begins its day."""
    async with auth_process(app_server, transport, limit=3) as auth:
        for _ in range(5):
            for person in (voice, chat):
                assert await signed_in(auth, person)


async def test_an_attacker_locks_nobody_out_of_the_browser_they_use(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=3) as auth:
        known = replace(HERE, device=auth.device_cookie(voice.email))
        attack = [
            type(await refusal(auth.sign_in(voice.email, "wrong", replace(HERE, device="made.up"))))
            for _ in range(5)
        ]
        assert attack == [Unauthorized] * 3 + [TooMany] * 2
        assert await auth.sign_in(voice.email, PASSWORD, known), "not even by attempts from the same address"
        attempts = await tries(lambda: auth.sign_in(voice.email, "wrong", known), 5)
        assert attempts == [Unauthorized] * 3 + [TooMany] * 2, "a stolen cookie is no way to try without end"


async def test_the_mark_of_a_browser_is_for_one_account_and_not_to_be_made_up(
    app_server: AppServer, voice: Person, chat: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=2) as auth:
        cookie = auth.device_cookie(chat.email)
        nonce, _, sealed = cookie.partition(".")
        assert await tries(lambda: auth.sign_in(voice.email, "wrong", HERE), 3) == [Unauthorized] * 2 + [
            TooMany
        ]
        for device in (cookie, f"{nonce}x.{sealed}", nonce, f".{sealed}", "", ".", "é.é", None):
            unknown = replace(HERE, device=device)
            assert isinstance(await refusal(auth.sign_in(voice.email, PASSWORD, unknown)), TooMany)


async def test_at_a_shared_desk_everybody_stays_known(
    app_server: AppServer, voice: Person, chat: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=3) as auth:
        desk = auth.device_cookie(voice.email)
        assert auth.device_cookie(voice.email, desk) == desk, "signing in again gives no further attempts"
        both = auth.device_cookie(chat.email, desk)
        await tries(lambda: auth.sign_in(voice.email, "wrong", HERE), 3)
        for person in (voice, chat):
            assert await auth.sign_in(person.email, PASSWORD, replace(HERE, device=both))
        for _ in range(9):
            both = auth.device_cookie(f"{uuid4()}@example.com", both)
        assert len(both) < 400, "a cookie stays small"


async def test_who_waited_longest_for_a_turn_has_the_next(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    limits, order, begin = Limits(Settings(_env_file=None, login_per_minute=2)), [], asyncio.Event()

    async def attempt(number: int) -> None:
        async with limits.attempt("192.0.2.1"):
            order.append(number)
            await begin.wait()

    running = [asyncio.create_task(attempt(number)) for number in range(10)]
    await asyncio.sleep(0.05)
    assert order == [0, 1]
    begin.set()
    await asyncio.gather(*running)
    assert order == list(range(10))


async def test_attempts_at_the_current_password_are_limited_like_sign_ins(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=3) as auth:
        mine = await signed_in(auth, voice)
        found = await tries(lambda: auth.change_password(mine, "wrong", NEW, HERE), 5)
        assert found == [Invalid] * 3 + [TooMany] * 2
        assert isinstance(await refusal(auth.sign_in(voice.email, PASSWORD, HERE)), TooMany)
        assert await auth.viewer(mine)


async def test_an_attempt_that_nobody_looks_at_counts_nowhere(
    app_server: AppServer, voice: Person, chat: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=3) as auth:
        assert await tries(lambda: auth.sign_in(voice.email, "wrong", HERE), 3) == [Unauthorized] * 3
        assert await tries(lambda: auth.sign_in(chat.email, "wrong", HERE), 9) == [TooMany] * 9
        known = replace(HERE, device=auth.device_cookie(chat.email))
        for visitor in (THERE, known):
            assert await auth.sign_in(chat.email, PASSWORD, visitor)


async def test_an_auth_server_that_is_away_uses_up_no_attempts(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=3) as auth:
        transport.instead[SIGN_IN] = cut
        assert set(await tries(lambda: signed_in(auth, voice), 6)) == {NoAnswer}
        del transport.instead[SIGN_IN]
        assert await signed_in(auth, voice)


async def test_every_refusal_takes_as_long(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    for late in (0.0, 0.2):
        transport.late[SIGN_IN] = late
        for email in (voice.email, "nobody@example.com"):
            past: list[float] = []  # half a second, which a slow machine may exceed
            while not past or (min(past) > 0.3 and len(past) < 4):
                began = time.monotonic()
                assert (await refusal(auth.sign_in(email, "wrong", HERE))).detail == REFUSED
                took = time.monotonic() - began
                assert took >= 0.5
                past.append(took % 0.5)
            assert min(past) < 0.3, "not on the half second"
