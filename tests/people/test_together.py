"""Two admins, or an admin and the Auth server's own dashboard, change the same person at once."""

from typing import Any

import httpx
import pytest

from tests.app_server import AppServer, Person
from tests.database.acting import as_owner, become, refused
from tests.people.test_views import admin, sign_in, whose
from tests.test_ends import administer

__all__ = ["admin"]


async def names(app_server: AppServer, person: Person) -> tuple[str, str]:
    async with app_server.database() as owner:
        row = await owner.fetchrow("select name, username from users where id = $1", person.id)
    assert row is not None
    return row["name"], row["username"]


async def test_a_form_changes_only_what_was_changed_in_it(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    shown = {"shown_name": voice.name, "shown_username": voice.username, "shown_kind": "voice"}
    word = f"renamed-{voice.id.hex[:8]}"
    first = {"name": "Somebody Else", "username": voice.username}
    later = {"name": voice.name, "username": word}  # of a page that was opened before
    assert whose(await admin.post(f"/people/{voice.id}", data=first | shown))[1] == "changed"
    assert whose(await admin.post(f"/people/{voice.id}", data=later | shown))[1] == "changed"
    assert await names(app_server, voice) == ("Somebody Else", word)


async def test_a_person_who_is_brought_back_stays_though_their_role_was_taken_away_at_the_auth_server(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    async with app_server.database() as owner:
        await owner.execute(
            "update auth.users set raw_app_meta_data = raw_app_meta_data - 'app_role' where id = $1", voice.id
        )
    assert await sign_in(app_server, voice.email) == 401
    assert (
        whose(await admin.post(f"/people/{voice.id}/deactivation", data={"deactivated": "no"}))[1] == "active"
    )
    async with app_server.browser_of(voice) as browser:
        assert (await browser.post("/account/name", data={"name": "Still Here"})).status_code == 303
        assert (await browser.get("/account")).status_code == 200


async def test_a_role_that_the_service_key_gave_is_seen_beside_an_admins_change(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    other = await app_server.hire("admin")
    await admin.post(f"/people/{other.id}", data={"name": "Known Change"})
    fields = {"app_role": "supervisor", "supervisor_type": "voice", "username": f"was-{other.id.hex[:8]}"}
    await administer(app_server, other, app_metadata=fields)
    done = (await admin.get(f"/people/{other.id}")).text.partition("Activity")[2]
    assert "the sign-in service" in done.partition("Known Change")[0]


@pytest.mark.parametrize("changes", [{"name": 1}, {"name": ["a"]}, ["a"], None, {"name": None}])
async def test_a_note_that_no_page_could_show_is_refused(
    app_server: AppServer, voice: Person, changes: Any
) -> None:
    boss = await app_server.hire("admin")
    async with as_owner(app_server) as owner:
        await become(owner, boss)
        async with refused(owner, "FW422"):
            await owner.fetchval("select note_person($1, 'users.change', $2)", voice.id, changes)
