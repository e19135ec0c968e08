"""People and their own account: sessions, names, passwords; and the notifications of changes."""

import asyncio
import time
from uuid import UUID, uuid4

import pytest

from server.errors import Invalid, NotFound, Unauthorized, Unavailable
from server.kernel.auth import Auth, PasswordSet
from server.kernel.live import Hub
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.auth_process import (
    HERE,
    NEW,
    THERE,
    UPDATE,
    Transport,
    age,
    answers,
    cut,
    is_out,
    refusal,
    sessions_here,
    sessions_there,
    signed_in,
    viewer_of,
)
from tests.conftest import until


async def test_a_person_sees_where_they_are_signed_in(
    app_server: AppServer, voice: Person, chat: Person, auth: Auth
) -> None:
    mine = await signed_in(auth, voice)
    await auth.sign_in(voice.email, PASSWORD, THERE)
    await signed_in(auth, chat)
    found = await auth.sessions(await viewer_of(auth, mine))
    assert {(one.address, one.user_agent, one.here) for one in found} == {
        (HERE.address, HERE.user_agent, True),
        (THERE.address, THERE.user_agent, False),
    }
    assert all(time.time() - one.created_at.timestamp() < 60 for one in found)


async def test_a_session_that_is_closed_from_another_browser_is_over_there_too(
    app_server: AppServer, voice: Person, auth: Auth
) -> None:
    mine, other = await signed_in(auth, voice), await auth.sign_in(voice.email, PASSWORD, THERE)
    viewer = await viewer_of(auth, mine)
    [its] = [one.id for one in await auth.sessions(viewer) if not one.here]
    await auth.close_session(viewer, its)
    assert await is_out(auth, other)
    assert (await sessions_here(app_server, voice), await sessions_there(app_server, voice)) == (1, 1)
    assert await auth.viewer(mine)
    with pytest.raises(NotFound):
        await auth.close_session(viewer, its)


async def test_nobody_closes_the_session_of_another(voice: Person, chat: Person, auth: Auth) -> None:
    mine, theirs = await signed_in(auth, voice), await signed_in(auth, chat)
    their_id = (await viewer_of(auth, theirs)).session_id
    for session_id in (their_id, uuid4(), UUID(int=0)):
        with pytest.raises(NotFound):
            await auth.close_session(await viewer_of(auth, mine), session_id)
    assert await auth.viewer(theirs)


@pytest.mark.parametrize("left", ["1 hour", "-1 hour"])
async def test_signing_out_everywhere_leaves_no_session_anywhere(
    app_server: AppServer, voice: Person, chat: Person, auth: Auth, left: str
) -> None:
    cookies = [await signed_in(auth, voice) for _ in range(3)]
    stays = await signed_in(auth, chat)
    await age(app_server, voice, left)
    await auth.sign_out_everywhere(cookies[0])
    assert await is_out(auth, *cookies)
    assert (await sessions_here(app_server, voice), await sessions_there(app_server, voice)) == (0, 0)
    assert await auth.viewer(stays)
    for cookie in (*cookies, "made up", "", None):
        with pytest.raises(Unauthorized):
            await auth.sign_out_everywhere(cookie)


async def test_signing_out_everywhere_holds_here_when_the_auth_server_is_away(
    app_server: AppServer, voice: Person, transport: Transport, auth: Auth
) -> None:
    cookies = [await signed_in(auth, voice) for _ in range(2)]
    transport.instead["POST /logout global"] = cut
    await auth.sign_out_everywhere(cookies[0])
    assert await is_out(auth, *cookies)


async def test_an_open_stream_is_seen_as_well(app_server: AppServer, voice: Person, auth: Auth) -> None:
    viewer = await auth.viewer(await signed_in(auth, voice))
    assert viewer is not None
    async with app_server.database() as owner:
        await owner.execute(
            "update private.web_sessions set last_seen_at = now() - interval '1 hour' where user_id = $1",
            voice.id,
        )
    async with app_server.database("floorwalker_web") as web:
        rows = await web.fetch("select id from private.live_web_sessions($1) as id", [viewer.session_id])
    assert [row["id"] for row in rows] == [viewer.session_id]
    assert (await auth.sessions(viewer))[0].last_seen_at.timestamp() > time.time() - 10


async def test_a_person_who_may_not_come_in_leaves_no_session_behind(
    app_server: AppServer, voice: Person, auth: Auth
) -> None:
    async with app_server.database() as owner:
        await owner.execute("update users set deactivated_at = now() where id = $1", voice.id)
    with pytest.raises(Unauthorized):
        await signed_in(auth, voice)
    assert (await sessions_here(app_server, voice), await sessions_there(app_server, voice)) == (0, 0)


@pytest.mark.parametrize("given", ["Ana Lúcia", "  Ana \n Lúcia ", "علی‌رضا", "N" * 255])
async def test_a_person_gives_themselves_another_name(voice: Person, auth: Auth, given: str) -> None:
    cookie = await signed_in(auth, voice)
    await auth.rename(cookie, given)
    viewer = await viewer_of(auth, cookie)
    assert viewer.name == " ".join(given.split())
    assert (viewer.role, viewer.username) == ("supervisor", voice.username)


@pytest.mark.parametrize("given", ["", "   ", "N" * 256, "A\x00b", "A\x1b[31m"])
async def test_what_is_no_name_is_refused(voice: Person, auth: Auth, given: str) -> None:
    cookie = await signed_in(auth, voice)
    assert isinstance(await refusal(auth.rename(cookie, given)), Invalid)
    assert (await viewer_of(auth, cookie)).name == voice.name
    with pytest.raises(Unauthorized):
        await auth.rename("made up", "Somebody")


async def test_a_new_password_ends_every_session_and_this_browser_has_a_new_one(
    app_server: AppServer, voice: Person, chat: Person, auth: Auth
) -> None:
    mine, stolen, other = (
        await signed_in(auth, voice),
        await signed_in(auth, voice),
        await auth.sign_in(voice.email, PASSWORD, THERE),
    )
    bystander = await signed_in(auth, chat)
    fresh = await auth.change_password(mine, PASSWORD, NEW, HERE)
    assert fresh not in (mine, stolen, other)
    assert await is_out(auth, mine, stolen, other)
    assert (await viewer_of(auth, fresh)).id == voice.id
    assert (await sessions_here(app_server, voice), await sessions_there(app_server, voice)) == (1, 1)
    assert await auth.viewer(bystander)
    assert isinstance(await refusal(auth.sign_in(voice.email, PASSWORD, HERE)), Unauthorized)
    assert await auth.sign_in(voice.email, NEW, HERE)
    await age(app_server, voice, "10 seconds")
    assert await auth.viewer(fresh), "and it can be renewed"


@pytest.mark.parametrize(
    ("current", "new", "words"),
    [
        ("wrong", NEW, "current password is wrong"),
        (PASSWORD, PASSWORD, "different from the old password"),
        (PASSWORD, "short", "at least 6 characters"),
        (PASSWORD, "x" * 73, "at most 72"),
        (PASSWORD, "é" * 37, "at most 72"),
        (PASSWORD, "a\x00bcdefgh", "at most 72"),
    ],
)
async def test_a_password_that_is_refused_changes_nothing(
    app_server: AppServer, voice: Person, auth: Auth, current: str, new: str, words: str
) -> None:
    mine, other = await signed_in(auth, voice), await signed_in(auth, voice)
    error = await refusal(auth.change_password(mine, current, new, HERE))
    assert isinstance(error, Invalid)
    assert words in error.detail
    assert await auth.viewer(mine)
    assert await auth.viewer(other)
    assert await sessions_there(app_server, voice) == 2, "and the sign-in that proved the current one is gone"
    assert await auth.sign_in(voice.email, PASSWORD, HERE)


async def test_the_auth_servers_own_rules_are_told_in_its_words(
    voice: Person, transport: Transport, auth: Auth
) -> None:
    mine = await signed_in(auth, voice)
    weak = "Password should contain at least one character of each: abcdef, 0123456789."
    transport.instead[UPDATE] = answers(
        422, {"error_code": "weak_password", "msg": weak, "weak_password": {"reasons": ["characters"]}}
    )
    error = await refusal(auth.change_password(mine, PASSWORD, NEW, HERE))
    assert (type(error), error.detail) == (Invalid, weak)
    transport.instead[UPDATE] = cut
    assert isinstance(await refusal(auth.change_password(mine, PASSWORD, NEW, HERE)), Unavailable)
    assert await auth.viewer(mine)


async def test_a_new_password_ends_all_sessions_though_none_can_be_opened(
    app_server: AppServer, voice: Person, auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> str:
        raise Unavailable("nobody can say whether this token is good")

    mine, stolen = await signed_in(auth, voice), await signed_in(auth, voice)
    with monkeypatch.context() as later:
        later.setattr(auth.web_sessions, "open", away)
        assert isinstance(await refusal(auth.change_password(mine, PASSWORD, NEW, HERE)), PasswordSet)
    assert await is_out(auth, mine, stolen)
    assert await auth.sign_in(voice.email, NEW, HERE)


async def test_without_a_session_no_password_is_changed(voice: Person, auth: Auth) -> None:
    for cookie in (None, "", "made up"):
        assert isinstance(await refusal(auth.change_password(cookie, PASSWORD, NEW, HERE)), Unauthorized)


@pytest.mark.parametrize(
    "operation", ["sign_out", "sign_out_everywhere", "close_session", "change_password", "accept_link"]
)
async def test_whatever_ends_a_session_rings_it(
    app_server: AppServer, voice: Person, auth: Auth, operation: str
) -> None:
    mine, other = await signed_in(auth, voice), await signed_in(auth, voice)
    viewer = await viewer_of(auth, other)
    hub = Hub(app_server.database_url("floorwalker_web"))
    listening = asyncio.create_task(hub.listen())
    await until(lambda: hub.state.connected)
    with hub.topics.listening(f"web_sessions:{viewer.session_id}") as bell:
        match operation:
            case "sign_out":
                await auth.sign_out(other)
            case "sign_out_everywhere":
                await auth.sign_out_everywhere(mine)
            case "close_session":
                await auth.close_session(await viewer_of(auth, mine), viewer.session_id)
            case "change_password":
                await auth.change_password(mine, PASSWORD, NEW, HERE)
            case "accept_link":
                await auth.accept_link(await app_server.link(voice), "recovery", NEW, HERE)
        assert await bell.wait(DEADLINE)
    assert await is_out(auth, other)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
