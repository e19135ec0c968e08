"""How often a secret may be guessed: by whom, from where, and that nobody is locked out by others."""

import time
from dataclasses import replace
from uuid import uuid4

from server.auth import Auth, Visitor
from server.errors import Invalid, TooMany, Unauthorized
from server.supabase import REFUSED, NoAnswer
from tests.replica import HERE, NEW, SIGN_IN, THERE, Wire, cut, refusal, replica, signed_in, tries
from tests.site import PASSWORD, Person, Site


async def test_guesses_at_an_account_are_limited_wherever_they_come_from(
    site: Site, voice: Person, wire: Wire
) -> None:
    async with replica(site, wire, limit=3) as auth:

        async def guess(number: int, email: str = voice.email) -> type:
            return type(await refusal(auth.sign_in(email, "wrong", Visitor(f"192.0.2.{number}", ""))))

        spellings = (voice.email, voice.email.upper(), f" {voice.email} ", voice.email)
        found = [await guess(number, email) for number, email in enumerate(spellings)]
        assert found == [Unauthorized] * 3 + [TooMany]
        assert wire.passed[SIGN_IN] == 3
        error = await refusal(auth.sign_in(voice.email, PASSWORD, THERE))
        assert isinstance(error, TooMany)
        assert 0 < (error.retry_after or 0) <= 60
        assert f"{error.retry_after} seconds" in error.detail


async def test_guesses_from_an_address_are_limited_whoever_they_are_about(
    site: Site, voice: Person, wire: Wire
) -> None:
    async with replica(site, wire, limit=3) as auth:
        for network, other in (("192.0.2.9", "192.0.2.10"), ("2001:db8::", "2001:db8:0:1::")):
            there = [f"{network}{number}" if ":" in network else network for number in range(5)]
            found = [
                type(await refusal(auth.sign_in(f"{uuid4()}@example.com", "x", Visitor(address, ""))))
                for address in there
            ]
            assert found == [Unauthorized] * 3 + [TooMany] * 2
            assert await auth.sign_in(voice.email, PASSWORD, Visitor(other, ""))


async def test_whoever_knows_the_password_is_not_counted(
    site: Site, voice: Person, chat: Person, wire: Wire
) -> None:
    """An office behind one address begins its day."""
    async with replica(site, wire, limit=3) as auth:
        for _ in range(5):
            for person in (voice, chat):
                assert await signed_in(auth, person)


async def test_an_attacker_locks_nobody_out_of_the_browser_they_use(
    site: Site, voice: Person, wire: Wire
) -> None:
    async with replica(site, wire, limit=3) as auth:
        known = replace(HERE, device=auth.device_mark(voice.email))
        attack = [
            type(await refusal(auth.sign_in(voice.email, "wrong", replace(HERE, device="made.up"))))
            for _ in range(5)
        ]
        assert attack == [Unauthorized] * 3 + [TooMany] * 2
        assert await auth.sign_in(voice.email, PASSWORD, known), "not even by guessing from the same address"
        guesses = await tries(lambda: auth.sign_in(voice.email, "wrong", known), 5)
        assert guesses == [Unauthorized] * 3 + [TooMany] * 2, "a stolen mark is no way to guess for ever"


async def test_the_mark_of_a_browser_is_for_one_account_and_not_to_be_made_up(
    site: Site, voice: Person, chat: Person, wire: Wire
) -> None:
    async with replica(site, wire, limit=2) as auth:
        mark = auth.device_mark(chat.email)
        nonce, _, sealed = mark.partition(".")
        assert await tries(lambda: auth.sign_in(voice.email, "wrong", HERE), 3) == [Unauthorized] * 2 + [
            TooMany
        ]
        for device in (mark, f"{nonce}x.{sealed}", nonce, f".{sealed}", "", ".", "é.é", None):
            elsewhere = Visitor("203.0.113.5", "", device)
            assert isinstance(await refusal(auth.sign_in(voice.email, PASSWORD, elsewhere)), TooMany)


async def test_guesses_at_the_current_password_are_limited_like_sign_ins(
    site: Site, voice: Person, wire: Wire
) -> None:
    async with replica(site, wire, limit=3) as auth:
        mine = await signed_in(auth, voice)
        found = await tries(lambda: auth.change_password(mine, "wrong", NEW, HERE), 5)
        assert found == [Invalid] * 3 + [TooMany] * 2
        assert isinstance(await refusal(auth.sign_in(voice.email, PASSWORD, THERE)), TooMany)
        assert await auth.viewer(mine)


async def test_an_attempt_that_nobody_looks_at_counts_for_no_address(
    site: Site, voice: Person, chat: Person, wire: Wire
) -> None:
    async with replica(site, wire, limit=3) as auth:
        guesses = await tries(lambda: auth.sign_in(voice.email, "wrong", HERE), 3)
        assert guesses == [Unauthorized] * 3
        assert await tries(lambda: auth.sign_in(voice.email, PASSWORD, THERE), 9) == [TooMany] * 9
        assert await auth.sign_in(chat.email, PASSWORD, THERE)


async def test_an_auth_server_that_is_away_uses_up_no_attempts(site: Site, voice: Person, wire: Wire) -> None:
    async with replica(site, wire, limit=3) as auth:
        wire.instead[SIGN_IN] = cut
        assert set(await tries(lambda: signed_in(auth, voice), 6)) == {NoAnswer}
        del wire.instead[SIGN_IN]
        assert await signed_in(auth, voice)


async def test_every_refusal_takes_as_long(site: Site, voice: Person, wire: Wire, auth: Auth) -> None:
    for late in (0.0, 0.2):
        wire.late[SIGN_IN] = late
        for email in (voice.email, "nobody@example.com"):
            past: list[float] = []  # a half second, which a machine that is slow for a moment overshoots
            while not past or (min(past) > 0.3 and len(past) < 4):
                began = time.monotonic()
                assert (await refusal(auth.sign_in(email, "wrong", HERE))).detail == REFUSED
                took = time.monotonic() - began
                assert took >= 0.5
                past.append(took % 0.5)
            assert min(past) < 0.3, "not on the half second"
