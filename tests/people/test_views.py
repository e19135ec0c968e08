"""The admins' pages of people over real HTTP: create, change, deactivate and reactivate; and the audit."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from secrets import token_hex
from uuid import UUID, uuid4

import httpx
import pytest

from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.conftest import until
from tests.outbox import emails, path_in

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def admin(app_server: AppServer) -> AsyncIterator[httpx.AsyncClient]:
    async with app_server.browser_of(await app_server.hire("admin")) as browser:
        yield browser


def draft(**fields: str) -> dict[str, str]:
    word = token_hex(5)
    somebody = {
        "kind": "chat",
        "email": f"{word}@example.com",
        "name": f"New {word}",
        "username": f"new-{word}",
    }
    return somebody | {"how": "password", "password": PASSWORD} | fields


def whose(answer: httpx.Response) -> tuple[str, str]:
    """The id and the word of what was done, of a redirect to somebody's page."""
    assert answer.status_code == 303, answer.text
    found = re.fullmatch(r"/people/([0-9a-f-]{36})\?said=([a-z-]+)", answer.headers["location"])
    assert found is not None, answer.headers["location"]
    return found[1], found[2]


async def audited(app_server: AppServer, person: str) -> list[tuple[str, bool]]:
    """What was written down of somebody, and whether by a person, the newest first."""
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select action, actor_id is not null as by from audit_logs where row_id = $1 order by id desc",
            person,
        )
    return [(row["action"], row["by"]) for row in rows]


async def sign_in(app_server: AppServer, email: str, password: str = PASSWORD) -> int:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        return (await client.post("/login", data={"email": email, "password": password})).status_code


@pytest.mark.parametrize("kind", ["voice", "chat", "admin"])
async def test_somebody_with_a_password_signs_in_at_once(
    app_server: AppServer, admin: httpx.AsyncClient, kind: str
) -> None:
    form = draft(kind=kind)
    person, said = whose(await admin.post("/people", data=form))
    assert said == "created"
    page = (await admin.get(f"/people/{person}?said=created")).text
    assert "The person can sign in now." in page
    assert form["name"] in page
    assert await sign_in(app_server, form["email"]) == 303
    async with app_server.database() as owner:
        row = await owner.fetchrow(
            "select role, supervisor_type, username from users where id = $1", UUID(person)
        )
    assert row is not None
    role, username = ("admin", None) if kind == "admin" else ("supervisor", form["username"])
    assert tuple(row) == (role, None if kind == "admin" else kind, username)
    assert ("users.create", True) in await audited(app_server, person)


async def test_an_invitation_is_accepted_by_the_link_of_the_email(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    form = draft(how="invite", password="")
    person, said = whose(await admin.post("/people", data=form))
    assert said == "invited"
    assert "not accepted yet" in (await admin.get(f"/people/{person}")).text
    assert await sign_in(app_server, form["email"], "anything") == 401
    (message,) = emails(app_server, form["email"])
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        path = path_in(message)
        assert path.startswith("/invitation?token_hash=")
        assert "Welcome." in (await browser.get(path)).text
        answer = await browser.post(
            "/invitation", data={"token_hash": path.partition("=")[2], "password": PASSWORD}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert form["name"] in (await browser.get("/")).text
    assert await sign_in(app_server, form["email"]) == 303
    assert "accepted" in (await admin.get(f"/people/{person}")).text
    assert ("users.invite", True) in await audited(app_server, person)


async def test_an_invitation_can_be_sent_again(app_server: AppServer, admin: httpx.AsyncClient) -> None:
    form = draft(how="invite")
    person, _ = whose(await admin.post("/people", data=form))
    first = path_in(emails(app_server, form["email"])[0])

    async def sent_again() -> (
        bool
    ):  # the Auth server lets a minute pass between two emails to somebody, or does not
        answer = await admin.post(f"/people/{person}/email")
        assert answer.status_code in (303, 429)
        return answer.status_code == 303

    await until(sent_again, 2 * DEADLINE)
    second = path_in(emails(app_server, form["email"])[-1])
    assert second != first
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        for path, status in ((first, 404), (second, 303)):
            form = {"token_hash": path.partition("=")[2], "password": PASSWORD}
            assert (await browser.post("/invitation", data=form)).status_code == status


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": "no address"}, "This is not an e-mail address."),
        ({"email": "ümlaut@example.com"}, "This is not an e-mail address."),
        ({"name": ""}, "A name has 1 to 255 characters."),
        ({"name": "a\x00b"}, "A name has 1 to 255 characters."),
        ({"username": "UPPER CASE"}, "small letters"),
        ({"username": ""}, "small letters"),
        ({"kind": "owner"}, "A person is a voice supervisor"),
        ({"password": "short"}, "A password has at least 6 characters."),
        ({"password": "x" * 73}, "at most 72"),
    ],
)
async def test_bad_input_comes_back_with_a_sentence_and_makes_nobody(
    app_server: AppServer, admin: httpx.AsyncClient, fields: dict[str, str], sentence: str
) -> None:
    form = draft(**fields)
    page = await admin.post("/people", data=form)
    fragment = await admin.post("/people", data=form, headers={"HX-Request": "true"})
    for answer in (page, fragment):
        assert answer.status_code == 422
        assert sentence in answer.text
        assert PASSWORD not in answer.text
    assert fragment.text.lstrip().startswith('<form id="draft"')
    async with app_server.database() as owner:
        assert not await owner.fetchval(
            "select count(*) from auth.users where email = lower($1)", form["email"]
        )


async def test_an_address_or_username_that_is_taken_is_refused_in_any_case(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    for fields, sentence in (
        ({"email": voice.email.upper()}, "There is already a person with this e-mail address."),
        ({"username": voice.username.upper()}, "This username is taken."),
    ):
        answer = await admin.post("/people", data=draft(**fields))
        assert (answer.status_code, sentence in answer.text) == (422, True)


async def test_a_double_click_makes_one_person(app_server: AppServer, admin: httpx.AsyncClient) -> None:
    form = draft()
    answers = await asyncio.gather(*(admin.post("/people", data=form) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [303, 422, 422, 422]


async def test_a_changed_name_and_username_show_at_once_and_who_did_it(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    word = f"renamed-{token_hex(4)}"
    said = whose(await admin.post(f"/people/{voice.id}", data={"name": "Re Named", "username": word.upper()}))
    assert said == (str(voice.id), "changed")
    page = (await admin.get(f"/people/{voice.id}")).text
    assert f"username <s>{voice.username}</s> <b>{word}</b>" in page
    assert "the sign-in service</td>" not in page.partition("changed")[0].rpartition("<tbody>")[2]
    async with app_server.browser_of(voice) as browser:
        assert word in (await browser.get("/leaderboard.csv?type=voice")).text
    assert (
        whose(await admin.post(f"/people/{voice.id}", data={"name": "Re Named", "username": word}))[1]
        == "unchanged"
    )
    assert (await audited(app_server, str(voice.id))).count(("users.change", True)) == 1


async def test_anothers_username_is_refused_and_changes_nothing(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person, chat: Person
) -> None:
    answer = await admin.post(f"/people/{voice.id}", data={"name": "X", "username": chat.username})
    assert (answer.status_code, "This username is taken." in answer.text) == (422, True)
    fragment = await admin.post(
        f"/people/{voice.id}", data={"name": "", "username": "fine"}, headers={"HX-Request": "true"}
    )
    assert (fragment.status_code, fragment.text.lstrip()[:16]) == (422, '<div id="person"')
    async with app_server.database() as owner:
        assert await owner.fetchval("select name from users where id = $1", voice.id) == voice.name


async def test_the_type_changes_only_without_agents(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    free = await app_server.hire("voice", agents=0)
    form = {"name": free.name, "username": free.username, "kind": "chat"}
    assert whose(await admin.post(f"/people/{free.id}", data=form))[1] == "changed"
    async with app_server.database() as owner:
        kept = await owner.fetchrow(
            "select u.supervisor_type, a.raw_app_meta_data ->> 'supervisor_type' from users u join auth.users a using (id) where id = $1",
            free.id,
        )
        assert kept is not None
        assert tuple(kept) == ("chat", "chat")
    form = {"name": voice.name, "username": voice.username, "kind": "chat"}
    answer = await admin.post(f"/people/{voice.id}", data=form)
    assert (answer.status_code, "keeps their type" in answer.text) == (409, True)
    answer = await admin.post(f"/people/{voice.id}", data=form | {"kind": "admin"})
    assert answer.status_code == 422


async def test_a_person_who_is_deactivated_is_out_everywhere_and_comes_back(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    async with app_server.browser_of(voice) as browser:
        assert (await browser.get("/")).status_code == 200
        assert (
            whose(await admin.post(f"/people/{voice.id}/deactivation", data={"deactivated": "yes"}))[1]
            == "deactivated"
        )
        assert (await browser.get("/")).status_code == 303
    assert await sign_in(app_server, voice.email) == 401
    async with app_server.database() as owner:
        banned = await owner.fetchval(
            "select banned_until > now() + interval '50 years' from auth.users where id = $1", voice.id
        )
        assert banned is True
    page = (await admin.get(f"/people/{voice.id}")).text
    assert "Reactivate" in page
    assert "Send e-mail" not in page
    assert (await admin.post(f"/people/{voice.id}/email")).status_code == 409
    assert (
        whose(await admin.post(f"/people/{voice.id}/deactivation", data={"deactivated": "no"}))[1] == "active"
    )
    assert await sign_in(app_server, voice.email) == 303
    done = (await admin.get(f"/people/{voice.id}")).text.partition("Activity")[2]
    assert done.index("reactivated") < done.index("deactivated")


async def test_an_auth_server_that_was_not_told_is_told_later(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    async with app_server.database() as owner:
        await owner.execute("update users set deactivated_at = now() where id = $1", voice.id)
    assert "Tell the Auth server" in (await admin.get(f"/people/{voice.id}")).text
    await admin.post(f"/people/{voice.id}/deactivation", data={"deactivated": "yes"})
    assert "Tell the Auth server" not in (await admin.get(f"/people/{voice.id}")).text
    async with app_server.database() as owner:
        assert await owner.fetchval("select banned_until is not null from auth.users where id = $1", voice.id)


async def test_what_it_does_is_said_before(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    page = (await admin.get(f"/people/{voice.id}")).text
    before = page.partition('name="deactivated"')[0]
    assert "is signed out everywhere within seconds" in before
    assert f"{len(voice.agents)} agent" in before


async def test_an_admin_always_remains(app_server: AppServer) -> None:
    one, other = await app_server.hire("admin"), await app_server.hire("admin")
    async with app_server.browser_of(one) as first, app_server.browser_of(other) as second:
        answer = await first.post(f"/people/{one.id}/deactivation", data={"deactivated": "yes"})
        assert answer.status_code == 409
        assert f'action="/people/{one.id}/deactivation"' not in (await first.get(f"/people/{one.id}")).text
        answers = await asyncio.gather(
            first.post(f"/people/{other.id}/deactivation", data={"deactivated": "yes"}),
            second.post(f"/people/{one.id}/deactivation", data={"deactivated": "yes"}),
        )
    async with app_server.database() as owner:
        left = await owner.fetchval(
            "select count(*) from users where id = any ($1) and deactivated_at is null", [one.id, other.id]
        )
    assert left == 1, [answer.status_code for answer in answers]


async def test_an_email_for_a_new_password_goes_to_them(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    assert whose(await admin.post(f"/people/{voice.id}/email"))[1] == "recovery"
    assert path_in(emails(app_server, voice.email)[-1]).startswith("/recovery?token_hash=")
    assert (await admin.post(f"/people/{voice.id}/email")).status_code == 429
    assert (await audited(app_server, str(voice.id))).count(("users.recovery", True)) == 1


async def test_a_person_leads_to_their_agents(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    page = (await admin.get(f"/people/{voice.id}")).text
    assert f'href="/agents/{voice.agents[0].id}"' in page
    assert f'href="/agents/new?supervisor={voice.id}"' in page
    three = await app_server.hire("voice", agents=3)
    assert "/agents/new" not in (await admin.get(f"/people/{three.id}")).text


async def test_the_set_up_goes_on_with_the_agent_of_the_new_supervisor(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    assert 'name="kind" value="admin"' not in (await admin.get("/people/new?then=setup")).text
    wrong = await admin.post("/people", data=draft(then="setup", username=""))
    assert (wrong.status_code, 'name="then" value="setup"' in wrong.text) == (422, True)
    person = draft(then="setup")
    answer = await admin.post("/people", data=person)
    assert answer.status_code == 303
    found = re.fullmatch(r"/agents/new\?supervisor=([0-9a-f-]{36})&then=setup", answer.headers["location"])
    assert found is not None
    async with app_server.database() as owner:
        name = await owner.fetchval("select username from users where id = $1", UUID(found[1]))
    assert name == person["username"]


async def test_the_list_is_searched_filtered_and_exported(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    await admin.post(f"/people/{voice.id}/deactivation", data={"deactivated": "yes"})
    for query, there in (
        (f"q={voice.username.upper()}", True),
        (f"q={voice.email}&kind=voice&state=deactivated", True),
        (f"q={voice.email}&kind=chat", False),
        (f"q={voice.email}&state=active", False),
        ("q=%25", False),
    ):
        page, table = await admin.get(f"/people?{query}"), await admin.get(f"/people.csv?{query}")
        assert (f'href="/people/{voice.id}"' in page.text) == there, query
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert (voice.email in [row["email"] for row in rows]) == there, query
    for wrong in ("kind=owner", "state=maybe", "q=%00"):
        assert (await admin.get(f"/people?{wrong}")).status_code == 422


ROUTES = [
    ("GET", "/people"),
    ("GET", "/people.csv"),
    ("GET", "/people/new"),
    ("POST", "/people"),
    ("GET", "/people/{id}"),
    ("POST", "/people/{id}"),
    ("POST", "/people/{id}/deactivation"),
    ("POST", "/people/{id}/email"),
    ("POST", "/agents/{agent}/move"),
    ("POST", "/agents/{agent}/retirement"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_only_admins_come_in(
    app_server: AppServer, voice: Person, chat: Person, method: str, path: str
) -> None:
    place = path.format(id=chat.id, agent=chat.agents[0].id)
    form = draft(deactivated="yes", supervisor_id=str(voice.id)) if method == "POST" else None
    async with (
        app_server.browser_of(voice) as supervisor,
        httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as outsider,
    ):
        assert (await supervisor.request(method, place, data=form)).status_code == 403
        assert (await outsider.request(method, place, data=form)).headers["location"].startswith("/login")


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if "{" in route[1]])
@pytest.mark.parametrize("who", [NOBODY, "nobody", "1", "%00"])
async def test_unknown_and_malformed_ids_are_nobody(
    app_server: AppServer, admin: httpx.AsyncClient, method: str, path: str, who: str
) -> None:
    form = {"deactivated": "yes", "supervisor_id": str(uuid4()), "name": "X", "username": "xx"}
    answer = await admin.request(
        method, path.format(id=who, agent=who), data=form if method == "POST" else None
    )
    assert answer.status_code == 404


async def test_what_was_typed_is_shown_and_never_run(app_server: AppServer, admin: httpx.AsyncClient) -> None:
    form = draft(name="<img src=x onerror=alert(1)>")
    person, _ = whose(await admin.post("/people", data=form))
    for path in ("/people?q=img", f"/people/{person}"):
        page = (await admin.get(path)).text
        assert "<img" not in page
        assert "&lt;img" in page
