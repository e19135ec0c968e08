"""The output of `people export` is accepted by another Auth service, and the passwords work there."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.embedded.keys import Keys
from server.embedded.postgres import Postgres
from server.kernel.db.migrations import migrate
from tests.app_server import DEADLINE, PASSWORD, AppServer
from tests.conftest import a_folder
from tests.embedded.conftest import Mounted, mounting
from tests.test_process import HOSTED, command, sentence


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


@pytest.fixture
async def elsewhere(folder: Path) -> AsyncIterator[Mounted]:
    """A fresh service that has seen nobody yet, with the schema of Floorwalker."""
    home = folder / "elsewhere"
    postgres = Postgres(home, settings={"fsync": "off"})
    postgres.start()
    await migrate(postgres.url("postgres"))
    async with mounting(postgres, home) as mounted:
        yield mounted
    postgres.stop()


async def asking(app_server: AppServer, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    secret = Keys.load_or_create(app_server.home).secret
    headers = {"apikey": secret, "Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(timeout=DEADLINE) as http:
        answer = await http.request(method, f"{app_server.url}/auth/v1{path}", json=body, headers=headers)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def exported(text: str) -> dict[str, dict[str, Any]]:
    people = [json.loads(line) for line in text.splitlines()]
    assert all("id" in person for person in people)
    return {person["email"]: person for person in people}


async def test_people_move_to_another_auth_service(
    app_server: AppServer, folder: Path, elsewhere: Mounted
) -> None:
    person, banned, gone, nameless = [
        await app_server.hire(kind) for kind in ("voice", "chat", "chat", "voice")
    ]
    await asking(app_server, "PUT", f"/admin/users/{banned.id}", {"ban_duration": "48h"})
    await asking(app_server, "PUT", f"/admin/users/{gone.id}", {"app_metadata": {"app_role": None}})
    await asking(app_server, "DELETE", f"/admin/users/{nameless.id}", {"should_soft_delete": True})
    body = {"type": "invite", "email": f"invited-{person.username}@example.com", "data": {"name": "Éva “Ev”"}}
    invited = await asking(app_server, "POST", "/admin/generate_link", body)

    file = folder / "people.jsonl"
    done = await asyncio.to_thread(
        command, "people", "export", str(file), FLOORWALKER_HOME=str(app_server.home)
    )
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    people = exported(file.read_text())
    assert f"{len(people)} people" in done.stderr
    assert "supervisor1@example.com" in done.stderr, "its password is known to everybody"
    assert person.email not in done.stderr
    assert str(nameless.id) not in file.read_text()
    assert people[person.email].keys() == {
        "id", "email", "email_confirm", "app_metadata", "user_metadata", "password_hash",
    }  # fmt: skip
    assert 47 * 3600 < int(people[banned.email]["ban_duration"].removesuffix("s")) <= 48 * 3600
    assert int(people[gone.email]["ban_duration"].removesuffix("s")) > 99 * 365 * 86400
    assert "password_hash" not in people[invited["email"]]

    for email in (person.email, banned.email, gone.email, invited["email"], "supervisor1@example.com"):
        reply = await elsewhere.post("/admin/users", people[email], secret=True)
        assert reply.status_code == 200, reply.text
        assert reply.json()["id"] == people[email]["id"]
    again = await elsewhere.post("/admin/users", people[person.email], secret=True)
    assert (again.status_code, again.json()["error_code"]) == (422, "email_exists")

    async def sign_in(email: str, password: str) -> str:
        attempt = {"email": email, "password": password}
        reply = (await elsewhere.post("/token?grant_type=password", attempt)).json()
        return str(reply["user"]["id"] if "user" in reply else reply["error_code"])

    assert await sign_in(person.email, PASSWORD) == str(person.id)
    assert await sign_in("supervisor1@example.com", "floorwalker") == people["supervisor1@example.com"]["id"]
    assert await sign_in(person.email, "not-this-one") == "invalid_credentials"
    assert await sign_in(banned.email, PASSWORD) == await sign_in(gone.email, PASSWORD) == "user_banned"
    assert await sign_in(invited["email"], PASSWORD) == "invalid_credentials"
    async with elsewhere.owner() as owner:
        row = await owner.fetchrow("select * from public.users where id = $1", person.id)
        assert row is not None
        assert (row["username"], row["name"]) == (person.username, person.name)
        name = "select raw_user_meta_data ->> 'name' from auth.users where id = $1"
        assert await owner.fetchval(name, invited["id"]) == "Éva “Ev”"


async def test_without_a_file_people_come_on_standard_output(app_server: AppServer) -> None:
    person = await app_server.hire("chat")
    done = await asyncio.to_thread(command, "people", "export", FLOORWALKER_HOME=str(app_server.home))
    assert exported(done.stdout)[person.email]["id"] == str(person.id)
    assert "people" in done.stderr


def test_what_cannot_be_exported_is_one_sentence(app_server: AppServer, folder: Path) -> None:
    home = {"FLOORWALKER_HOME": str(app_server.home)}
    file = folder / "people.jsonl"
    file.write_text("somebody's")
    sentence(command("people", "export", str(file), **home), "people.jsonl exists already")
    assert file.read_text() == "somebody's"
    sentence(command("people", "export", str(folder / "no" / "such.jsonl"), **home), "cannot be written")
    sentence(command("people", "export", FLOORWALKER_HOME=str(folder / "new")), "no schema yet")
    hosted = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none", **HOSTED}
    sentence(command("people", "export", **hosted), "embedded")
