"""The first day of an owner: the documentation of a hosted project, followed line by line on a new one."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.app_server import PASSWORD
from tests.conftest import a_folder, free_port, serving
from tests.docs.examples import example
from tests.new_project import NewProject, new_project
from tests.terminal import at_a_terminal
from tests.test_process import command

ADDRESS = "owner@example.org"


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


@pytest.fixture
def new(folder: Path) -> Iterator[NewProject]:
    with new_project(folder) as project:
        yield project


def test_line_by_line(new: NewProject, folder: Path) -> None:
    """In the page's order; before each line, `doctor` says what is still to be done."""
    lines = [shlex.split(line)[1:] for line in example("deploy.sh").splitlines()]
    assert [line[0] for line in lines] == ["migrate", "psql", "create-admin", "doctor", "serve"]
    migrate, psql, create_admin, doctor, serve = lines
    environment = new.environment

    early = command(*doctor, **environment)
    assert early.returncode == 1
    assert 'role "floorwalker_web" does not exist' in early.stdout
    assert "Traceback" not in early.stdout + early.stderr

    assert command(*migrate, **environment).returncode == 0
    with at_a_terminal(*psql, **environment) as terminal:
        for question in ("Enter new password", "Enter it again"):
            terminal.wait_for(question)
            terminal.type("another password")
        assert terminal.end() == 0, terminal.shown
    asyncio.run(has_password(new.postgres.url("supabase_admin")))

    assert "✗ there is no admin: run `floorwalker create-admin`" in command(*doctor, **environment).stdout
    with at_a_terminal(*create_admin, **environment) as terminal:
        for question, typed in (
            ("E-mail: ", ADDRESS), ("Name [owner]: ", ""), ("Password: ", PASSWORD), ("Repeat the password: ", PASSWORD),
        ):  # fmt: skip
            terminal.wait_for(question)
            terminal.type(typed)
        assert terminal.end() == 0, terminal.shown
    assert f"{ADDRESS} is an admin: sign in at https://floor.example.com" in terminal.shown

    assert command(*doctor, **environment).stdout.endswith("All is well.\n")
    assert serve == ["serve"]
    with serving(folder / "unused", free_port(), **environment) as running:
        form = {"email": ADDRESS, "password": PASSWORD}
        answer = httpx.post(f"{running.url}/login", data=form, headers={"Host": "floor.example.com"})
        assert answer.status_code == 303
        assert "__Host-floorwalker" in answer.cookies
    assert not (folder / "unused").exists()


async def has_password(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        kept = await connection.fetchval(
            "select rolpassword from pg_authid where rolname = 'floorwalker_web'"
        )
        assert kept.startswith("SCRAM-SHA-256")
    finally:
        await connection.close()


def test_the_links_of_the_templates_are_pages_of_ours(new: NewProject, folder: Path) -> None:
    """As a project fills them in; a token that nobody issued is told apart from a page that is not there."""
    assert command("migrate", **new.environment).returncode == 0
    with serving(folder / "unused", free_port(), **new.environment) as running:
        page = httpx.get(f"{running.url}/docs/deploy", headers={"Host": "floor.example.com"}).text
        links = re.findall(r"\{\{ \.SiteURL \}\}(/\w+)\?token_hash=\{\{ \.TokenHash \}\}", page)
        assert links == ["/recovery", "/invitation"]
        for path in links:
            answer = httpx.get(f"{running.url}{path}?token_hash=abc", headers={"Host": "floor.example.com"})
            assert answer.status_code == 200
            assert 'name="token_hash"' in answer.text
