"""Renewals of sessions by many requests and processes at once, with an Auth server that fails."""

import asyncio
import time

import httpx
import pytest

from server.errors import Unavailable
from server.kernel.auth import Auth, Viewer, digest
from server.kernel.auth.secret_keys import SecretKeys
from server.kernel.auth.web_sessions import WebSessions
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.auth_process import (
    HERE,
    JWKS,
    REFRESH,
    SECRET,
    Instead,
    Transport,
    age,
    answers,
    auth_process,
    cut,
    hang,
    sessions_here,
    sessions_there,
    signed_in,
)
from tests.conftest import until


async def ask(auth: Auth, cookie: str) -> tuple[str, float]:
    """The result of a request, and its duration."""
    began = time.monotonic()
    try:
        found = "in" if isinstance(await auth.viewer(cookie), Viewer) else "out"
    except Unavailable as error:
        found = "later" if "still signed in" in error.detail and error.retry_after else error.detail
    return found, time.monotonic() - began


def slowest(asked: list[tuple[str, float]]) -> float:
    return max(seconds for _, seconds in asked)


def fates(asked: list[tuple[str, float]]) -> set[str]:
    return {fate for fate, _ in asked}


@pytest.mark.parametrize("left", ["30 seconds", "-1 hour"])
async def test_fifty_requests_at_two_processes_are_one_refresh(
    app_server: AppServer, voice: Person, transport: Transport, left: str
) -> None:
    async with auth_process(app_server, transport) as one, auth_process(app_server, transport) as other:
        cookie = await signed_in(one, voice)
        for late in (0.0, 0.4):  # at full speed, and so slow that all of them wait
            transport.late[REFRESH] = late
            before = transport.passed[REFRESH]
            await age(app_server, voice, left)
            asked = await asyncio.gather(*(ask(auth, cookie) for _ in range(25) for auth in (one, other)))
            assert fates(asked) == {"in"}
            assert transport.passed[REFRESH] - before == 1
    async with app_server.database() as owner:
        assert await owner.fetchval(
            "select expires_at > now() + interval '5 minutes' from private.web_sessions where user_id = $1",
            voice.id,
        )


async def test_renewals_take_few_of_the_pools_connections(
    app_server: AppServer, voice: Person, chat: Person, transport: Transport
) -> None:
    """Thirty sessions with slow renewals; other requests are answered as usual."""
    async with auth_process(app_server, transport) as auth:
        cookies = [await signed_in(auth, voice) for _ in range(30)]
        other = await signed_in(auth, chat)
        await age(app_server, voice, "30 seconds")
        answered = asyncio.Event()

        async def slowly(request: httpx.Request) -> httpx.Response:
            await answered.wait()
            return await transport.there(request)

        transport.instead[REFRESH] = slowly
        renewing = asyncio.gather(*(ask(auth, cookie) for cookie in cookies for _ in range(3)))
        await until(lambda: transport.passed[REFRESH])
        quick = [await ask(auth, other) for _ in range(20)]
        assert fates(quick) == {"in"}
        assert not renewing.done()
        answered.set()
        assert fates(await renewing) == {"in"}


async def test_a_frozen_auth_server_keeps_nobody_waiting_whose_token_is_good(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    cookie = await signed_in(auth, voice)
    await age(app_server, voice, "30 seconds")
    transport.instead[REFRESH] = hang
    asked = await asyncio.gather(*(ask(auth, cookie) for _ in range(50)))
    assert fates(asked) == {"in"}
    # The product waits five seconds for Auth; a request that did not wait is back earlier.
    assert sorted(seconds for _, seconds in asked)[-2] < 4.5, "all but the one who asks Auth"
    assert transport.passed[REFRESH] == 1
    after = [await ask(auth, cookie) for _ in range(20)]
    assert fates(after) == {"in"}
    assert transport.passed[REFRESH] == 1, "Auth is left in peace for a while"


async def test_a_frozen_auth_server_is_told_in_words_once_the_token_has_ended(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    cookie = await signed_in(auth, voice)
    await age(app_server, voice, "-1 second")
    transport.instead[REFRESH] = hang
    asked = await asyncio.gather(*(ask(auth, cookie) for _ in range(50)))
    assert fates(asked) == {"later"}
    assert slowest(asked) < DEADLINE, "fifty who wait one after the other would take four minutes"
    before = transport.passed[REFRESH]
    assert (await ask(auth, cookie))[0] == "later"
    assert transport.passed[REFRESH] == before, "and nobody waits for Auth again"
    del transport.instead[REFRESH]

    async def back() -> bool:
        return (await ask(auth, cookie))[0] == "in"

    await until(back)
    assert await sessions_here(app_server, voice) == 1


@pytest.mark.parametrize(
    "failure",
    [
        cut,
        answers(500, {"code": "unexpected_failure", "message": "Database error"}),
        answers(503, {"code": "request_timeout", "message": "no"}),
        answers(502, text="<html>bad gateway</html>"),
        answers(500, text="<html>oops</html>"),
        answers(404, text="<html>another site is here now</html>"),
        answers(200, text="<html>maintenance</html>"),
        answers(200, {"maintenance": True}),
        answers(401, {"message": "Invalid API key"}),
        answers(409, {"code": "conflict", "message": "another refresh"}),
        answers(429, {"code": "over_request_rate_limit", "message": "slow down"}),
        answers(400, {"code": "validation_failed", "message": "what?"}),
        answers(400, {"code": "captcha_failed", "message": "are you human?"}),
    ],
    ids=lambda failure: failure.__qualname__.partition(".")[0],
)
async def test_a_refusal_that_is_not_about_the_session_ends_none(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth, failure: Instead
) -> None:
    cookie = await signed_in(auth, voice)
    transport.instead[REFRESH] = with_version(failure)
    await age(app_server, voice, "30 seconds")
    assert (await ask(auth, cookie))[0] == "in"
    await age(app_server, voice, "-1 second")
    assert (await ask(auth, cookie))[0] == "later"
    del transport.instead[REFRESH]
    sessions_of(auth).rested = 0
    assert (await ask(auth, cookie))[0] == "in"


def with_version(instead: Instead) -> Instead:
    """Codes count only in answers with the header of the version that has them."""

    async def answer(request: httpx.Request) -> httpx.Response:
        answered = await instead(request)
        answered.headers["X-Supabase-Api-Version"] = "2024-01-01"
        return answered

    return answer


@pytest.mark.parametrize(
    "body",
    [
        {"code": "refresh_token_not_found", "message": "Invalid Refresh Token: Refresh Token Not Found"},
        {"code": "refresh_token_already_used", "message": "Invalid Refresh Token: Already Used"},
        {"code": "session_expired", "message": "Invalid Refresh Token: Session Expired"},
        {"code": "user_banned", "message": "Invalid Refresh Token: User Banned"},
        {"error": "invalid_grant", "error_description": "Invalid Refresh Token"},
    ],
    ids=lambda body: str(next(iter(body.values()))),
)
async def test_a_session_that_is_over_at_the_auth_server_is_over_here(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth, body: dict[str, str]
) -> None:
    cookie = await signed_in(auth, voice)
    await age(app_server, voice, "30 seconds")
    transport.instead[REFRESH] = with_version(answers(400, body))
    assert fates(await asyncio.gather(*(ask(auth, cookie) for _ in range(10)))) == {"out"}
    assert await sessions_here(app_server, voice) == 0
    assert transport.passed[REFRESH] == 1


async def test_a_refresh_whose_answer_is_lost_is_made_again(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    cookie = await signed_in(auth, voice)

    async def lose(request: httpx.Request) -> httpx.Response:
        await transport.there(request)
        raise httpx.ReadError("the connection broke")

    transport.instead[REFRESH] = lose
    for _ in range(2):
        await age(app_server, voice, "30 seconds")
        assert (await ask(auth, cookie))[0] == "in"
        sessions_of(auth).rested = 0
    del transport.instead[REFRESH]
    await age(app_server, voice, "-1 second")
    assert (await ask(auth, cookie))[0] == "in"
    assert await sessions_there(app_server, voice) == 1


def sessions_of(auth: Auth) -> WebSessions:
    return auth.web_sessions


async def test_a_process_that_died_while_it_renewed_holds_nobody_up(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    cookie = await signed_in(auth, voice)
    await age(app_server, voice, "-1 second")
    frozen = Transport()
    frozen.instead[REFRESH] = hang
    async with auth_process(app_server, frozen) as other:
        dying = asyncio.create_task(other.viewer(cookie))
        await until(lambda: frozen.passed[REFRESH])
        fate, seconds = await ask(auth, cookie)
        assert (fate, seconds < DEADLINE) == ("in", True), "the lock is waited for, and not without end"
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)


async def test_a_person_who_is_in_stays_in_when_the_keys_cannot_be_fetched(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    cookie = await signed_in(auth, voice)
    unreached = Transport()
    unreached.instead[JWKS] = cut
    async with auth_process(app_server, unreached) as other:  # it has never fetched a key
        assert fates([await ask(other, cookie) for _ in range(5)]) == {"in"}
        before = await sessions_there(app_server, voice)
        with pytest.raises(Unavailable) as refused:
            await other.sign_in(voice.email, PASSWORD, HERE)
        assert refused.value.retry_after
        assert await sessions_there(app_server, voice) == before, "what nobody can use is not left behind"
        await age(app_server, voice, "30 seconds")
        assert (await ask(other, cookie))[0] == "in"
        await age(app_server, voice, "-1 second")
        assert (await ask(other, cookie))[0] == "later"
    assert (await ask(auth, cookie))[0] == "in"


async def spoil(app_server: AppServer, auth: Auth, person: Person) -> None:
    """Make a person's access tokens invalid."""
    async with app_server.database() as owner:
        await owner.execute(
            "update private.web_sessions set access_token = $2 where user_id = $1",
            person.id,
            SecretKeys(SECRET).seal("eyJ.of.yesterday"),
        )


async def test_a_token_that_is_good_no_more_is_renewed_and_nobody_is_sent_away(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    """As when a signing key is withdrawn, and with it all tokens but no session."""
    cookie = await signed_in(auth, voice)
    await spoil(app_server, auth, voice)
    assert fates(await asyncio.gather(*(ask(auth, cookie) for _ in range(20)))) == {"in"}
    assert transport.passed[REFRESH] == 1
    await spoil(app_server, auth, voice)
    transport.instead[REFRESH] = cut
    assert (await ask(auth, cookie))[0] == "later", "without a good token nobody is in"


async def test_another_secret_key_makes_everybody_nobody_and_ends_nothing(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    cookie = await signed_in(auth, voice)
    async with auth_process(app_server, transport) as other:
        other.web_sessions = WebSessions(
            other.db, other.supabase, sessions_of(other).verifier, SecretKeys(SECRET.upper())
        )
        assert (await ask(other, cookie))[0] == "out"
    assert (await ask(auth, cookie))[0] == "in"
    async with auth_process(app_server, transport) as other:
        other.web_sessions = WebSessions(
            other.db, other.supabase, sessions_of(other).verifier, SecretKeys(SECRET.upper())
        )
        await other.sign_out(cookie)
    assert (await ask(auth, cookie))[0] == "out"


@pytest.mark.parametrize(
    "failure",
    [
        cut,
        answers(500, text="oops"),
        answers(500, {"code": "unexpected_failure", "message": "Database error"}),
        answers(429, {"code": "over_request_rate_limit", "message": "slow down"}),
        answers(401, {"message": "Invalid API key"}),
    ],
)
async def test_signing_in_with_an_auth_server_that_fails_is_told_soon(
    voice: Person, transport: Transport, auth: Auth, failure: Instead
) -> None:
    transport.instead["POST /token password"] = with_version(failure)
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(Unavailable) as refused:
            await auth.sign_in(voice.email, PASSWORD, HERE)
    assert (refused.value.retry_after, "try again" in refused.value.detail) == (5, True)


async def test_signing_out_works_without_the_auth_server(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    cookies = [await signed_in(auth, voice) for _ in range(2)]
    transport.instead |= dict.fromkeys((REFRESH, "POST /logout local", "POST /logout global"), cut)
    async with asyncio.timeout(DEADLINE):
        await auth.sign_out(cookies[0])
        await age(app_server, voice, "-1 second")
        await auth.sign_out(cookies[1])
    assert await sessions_here(app_server, voice) == 0


async def test_signing_out_after_the_token_has_ended_ends_the_session_there_too(
    app_server: AppServer, voice: Person, auth: Auth
) -> None:
    cookie = await signed_in(auth, voice)
    await spoil(app_server, auth, voice)
    await age(app_server, voice, "-1 hour")
    await auth.sign_out(cookie)
    assert await sessions_there(app_server, voice) == 0


async def test_when_a_session_was_seen_is_right_to_the_minute_and_written_no_more_often(
    app_server: AppServer, voice: Person, auth: Auth
) -> None:
    cookie = await signed_in(auth, voice)

    async def seen() -> object:
        async with app_server.database() as database:
            return await database.fetchval(
                "select last_seen_at from private.web_sessions where user_id = $1", voice.id
            )

    first = await seen()
    assert fates([await ask(auth, cookie) for _ in range(5)]) == {"in"}
    assert await seen() == first
    async with app_server.database() as owner:
        await owner.execute(
            "update private.web_sessions set last_seen_at = now() - interval '61 seconds' where user_id = $1",
            voice.id,
        )
        assert fates(await asyncio.gather(*(ask(auth, cookie) for _ in range(20)))) == {"in"}
        assert await owner.fetchval(
            "select last_seen_at > now() - interval '10 seconds' from private.web_sessions where user_id = $1",
            voice.id,
        )
        await owner.execute(
            "update private.web_sessions set last_seen_at = now() - interval '1 hour' where user_id = $1",
            voice.id,
        )
        async with owner.transaction():  # as a renewal does while it waits for Auth
            await owner.execute("select from private.web_sessions where user_id = $1 for update", voice.id)
            # The wait for a lock is limited to five seconds.
            assert slowest([await ask(auth, cookie)]) < 4, "and nobody waits for it"


async def test_a_cookie_is_kept_as_a_hash_and_tokens_sealed(
    app_server: AppServer, voice: Person, auth: Auth
) -> None:
    cookie = await signed_in(auth, voice)
    async with app_server.database() as owner:
        row = await owner.fetchrow("select * from private.web_sessions where user_id = $1", voice.id)
    assert row is not None
    assert row["token_hash"] == digest(cookie)
    assert (row["address"], row["user_agent"]) == (HERE.address, HERE.user_agent)
    for column in ("access_token", "refresh_token"):
        assert b"eyJ" not in row[column]
        assert SecretKeys(SECRET).unseal(row[column])
