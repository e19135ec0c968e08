"""Links that set a password, and their e-mails."""

import asyncio
import json
import time
from uuid import uuid4

import httpx
import pytest

from server.errors import Invalid, NotFound, TooMany, Unauthorized, Unavailable
from server.kernel.auth import Auth, PasswordRefused, PasswordSet, Visitor
from server.kernel.auth.supabase import REFUSED
from tests.app_server import PASSWORD, AppServer, Person
from tests.auth_process import (
    HERE,
    NEW,
    RECOVER,
    SIGN_IN,
    THERE,
    UPDATE,
    VERIFY,
    Transport,
    answers,
    auth_process,
    cut,
    is_out,
    refusal,
    sessions_here,
    sessions_there,
    signed_in,
    tries,
    viewer_of,
)
from tests.conftest import until
from tests.outbox import emails


async def test_a_link_sets_the_password_and_opens_the_only_session(
    app_server: AppServer, voice: Person, auth: Auth
) -> None:
    old = await signed_in(auth, voice)
    token = await app_server.link(voice)
    cookie, email = await auth.accept_link(token, "recovery", NEW, HERE)
    assert ((await viewer_of(auth, cookie)).id, email) == (voice.id, voice.email)
    assert await is_out(auth, old)
    assert (await sessions_here(app_server, voice), await sessions_there(app_server, voice)) == (1, 1)
    assert await auth.sign_in(voice.email, NEW, HERE)
    for again in (token, "made up", "", "gAAAA" + "A" * 95):
        error = await refusal(auth.accept_link(again, "recovery", NEW, HERE))
        assert isinstance(error, NotFound)
        assert "used before or has expired" in error.detail


async def test_a_link_is_good_for_what_it_was_sent_for(
    app_server: AppServer, voice: Person, auth: Auth
) -> None:
    token = await app_server.link(voice)
    assert isinstance(await refusal(auth.accept_link(token, "invite", NEW, HERE)), NotFound)
    assert await auth.accept_link(token, "recovery", NEW, HERE)


@pytest.mark.parametrize("password", ["", "short", "x" * 73])
async def test_a_password_against_the_rules_uses_up_no_link(
    app_server: AppServer, voice: Person, auth: Auth, transport: Transport, password: str
) -> None:
    token = await app_server.link(voice)
    error = await refusal(auth.accept_link(token, "recovery", password, HERE))
    assert type(error) is Invalid
    assert transport.passed[VERIFY] == 0
    assert await auth.accept_link(token, "recovery", NEW, HERE)


@pytest.mark.parametrize("trouble", ["the same password", "a rule of the project", "no answer"])
async def test_a_password_that_is_refused_after_the_link_was_used_may_be_tried_again(
    app_server: AppServer, voice: Person, auth: Auth, transport: Transport, trouble: str
) -> None:
    old, token = await signed_in(auth, voice), await app_server.link(voice)
    weak = {"error_code": "weak_password", "msg": "Too weak", "weak_password": {"reasons": ["pwned"]}}
    if trouble != "the same password":
        transport.instead[UPDATE] = cut if trouble == "no answer" else answers(422, weak)
    for _ in range(2):
        error = await refusal(auth.accept_link(token, "recovery", PASSWORD, HERE))
        assert isinstance(error, PasswordRefused)
        assert ("It is not known" if trouble == "no answer" else "not set yet") in error.detail
        token = error.token
    transport.instead.pop(UPDATE, None)
    assert await auth.viewer(old), "nothing has changed so far"
    cookie, _ = await auth.accept_link(token, "recovery", NEW, HERE)
    assert (await viewer_of(auth, cookie)).id == voice.id
    assert await is_out(auth, old)
    assert transport.passed[VERIFY] == 1
    assert isinstance(await refusal(auth.accept_link(token, "recovery", "and once more", HERE)), NotFound)
    assert await auth.sign_in(voice.email, NEW, HERE)


async def test_a_password_whose_answer_was_lost_is_set_and_can_be_given_again(
    voice: Person, auth: Auth, transport: Transport, app_server: AppServer
) -> None:
    async def lost(request: httpx.Request) -> httpx.Response:
        await transport.there(request)
        return await cut(request)

    old, transport.instead[UPDATE] = await signed_in(auth, voice), lost
    error = await refusal(auth.accept_link(await app_server.link(voice), "recovery", NEW, HERE))
    assert isinstance(error, PasswordRefused)
    del transport.instead[UPDATE]
    cookie, _ = await auth.accept_link(error.token, "recovery", NEW, HERE)
    assert (await viewer_of(auth, cookie)).id == voice.id
    assert await is_out(auth, old)


async def test_a_password_that_is_set_ends_all_sessions_though_none_can_be_opened(
    app_server: AppServer, voice: Person, auth: Auth, transport: Transport
) -> None:
    old, token, transport.instead[SIGN_IN] = await signed_in(auth, voice), await app_server.link(voice), cut
    error = await refusal(auth.accept_link(token, "recovery", NEW, HERE))
    assert isinstance(error, PasswordSet)
    del transport.instead[SIGN_IN]
    assert await is_out(auth, old)
    assert (await sessions_here(app_server, voice), await sessions_there(app_server, voice)) == (0, 0)
    assert await auth.sign_in(voice.email, NEW, HERE)


async def test_a_link_of_somebody_without_rights_opens_nothing(
    app_server: AppServer, voice: Person, auth: Auth
) -> None:
    async with app_server.database() as owner:
        await owner.execute("update users set deactivated_at = now() where id = $1", voice.id)
    error = await refusal(auth.accept_link(await app_server.link(voice), "recovery", NEW, HERE))
    assert (type(error), error.detail) == (Unauthorized, REFUSED)
    assert (await sessions_here(app_server, voice), await sessions_there(app_server, voice)) == (0, 0)


async def test_made_up_links_are_limited_by_address(app_server: AppServer, transport: Transport) -> None:
    async with auth_process(app_server, transport, limit=3) as auth:
        found = await tries(lambda: auth.accept_link(uuid4().hex, "recovery", NEW, HERE), 5)
    assert found == [NotFound] * 3 + [TooMany] * 2
    assert transport.passed[VERIFY] == 3


async def test_asking_for_a_link_takes_as_long_and_says_the_same_for_everybody(
    app_server: AppServer, voice: Person, auth: Auth, transport: Transport
) -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        """A mail server that is slow, and then fails."""
        if json.loads(request.content)["email"] != voice.email:
            return await transport.there(request)
        await tired.wait()
        await transport.there(request)
        return httpx.Response(500, json={"error_code": "unexpected_failure", "msg": "Error sending email"})

    tired = asyncio.Event()
    transport.instead[RECOVER] = slow
    for email in ("nobody@example.com", voice.email):
        began = time.monotonic()
        await auth.request_recovery(email, HERE)
        assert time.monotonic() - began >= 1.0
    assert not emails(app_server, voice.email), "the mail server is still at it, and nobody waited for it"
    tired.set()
    await until(lambda: len(emails(app_server, voice.email)) == 1)


async def test_emails_are_limited_by_account_and_by_address(
    app_server: AppServer, transport: Transport
) -> None:
    async with auth_process(app_server, transport, limit=7) as auth:
        person = "somebody@example.com"
        asked = [auth.request_recovery(person, Visitor(f"192.0.2.{n}", "")) for n in range(8)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in found].count(TooMany) == 3
        refused = next(one for one in found if isinstance(one, TooMany))
        assert "60 minutes" in refused.detail
        flood = [auth.request_recovery(f"{n}@example.com", THERE) for n in range(8)]
        found = await asyncio.gather(*flood, return_exceptions=True)
        assert [type(one) for one in found].count(TooMany) == 1
        assert transport.passed[RECOVER] == 12


async def test_an_auth_server_that_is_away_sends_no_email_and_says_so(
    auth: Auth, transport: Transport
) -> None:
    transport.instead[RECOVER] = cut
    assert isinstance(await refusal(auth.request_recovery("a@example.com", HERE)), Unavailable)
    transport.instead[RECOVER] = answers(429, {"error_code": "over_email_send_rate_limit", "msg": "wait"})
    await auth.request_recovery("a@example.com", HERE)  # the answer for accounts that exist
