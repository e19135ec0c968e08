"""`floorwalker create-admin`: beside a server and without one, embedded and hosted; when it refuses, nothing was made."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from secrets import token_hex

import asyncpg
import httpx
import pytest

from server.embedded.keys import Keys
from tests.app_server import DEADLINE, PASSWORD, AppServer, Person
from tests.auth_process import hosted
from tests.conftest import ROOT, a_folder, free_port, serving
from tests.faulty_auth import faulty_auth
from tests.outbox import emails, path_in
from tests.terminal import at_a_terminal
from tests.test_process import command, sentence


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


@pytest.fixture
def address() -> str:
    """Of somebody new."""
    return f"boss-{token_hex(5)}@example.org"


def piped(text: bytes | str, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`floorwalker create-admin …` with this on standard input."""
    answer = subprocess.run(
        [sys.executable, "-m", "server", "create-admin", *words],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        input=text if isinstance(text, bytes) else text.encode(),
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    return subprocess.CompletedProcess(
        answer.args, answer.returncode, answer.stdout.decode(), answer.stderr.decode()
    )


def embedded(app_server: AppServer) -> dict[str, str]:
    return {"FLOORWALKER_HOME": str(app_server.home), "PORT": app_server.url.rpartition(":")[2]}


def project(app_server: AppServer, **changes: str) -> dict[str, str]:
    """The same home as a hosted project."""
    whole = hosted(app_server) | {
        "DATABASE_OWNER_URL": app_server.database_url(),
        "SUPABASE_SECRET_KEY": Keys.load_or_create(app_server.home).secret,
    }
    return {name: value for name, value in (whole | changes).items() if value}


async def signs_in(app_server: AppServer, address: str, password: str) -> bool:
    """Whether they can sign in and see a page of admins."""
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        answer = await browser.post("/login", data={"email": address, "password": password})
        return answer.status_code == 303 and (await browser.get("/system")).status_code == 200


@pytest.fixture
async def unchanged(app_server: AppServer) -> AsyncIterator[None]:
    """The same people exist as before."""

    async def logins() -> list[str]:
        async with app_server.database() as owner:
            return [row[0] for row in await owner.fetch("select email from auth.users order by 1")]

    before = await logins()
    yield
    assert await logins() == before


@pytest.mark.parametrize("mode", [embedded, project], ids=["embedded", "hosted"])
async def test_an_admin_with_a_password_signs_in(
    app_server: AppServer, address: str, mode: Callable[[AppServer], dict[str, str]]
) -> None:
    words = ["--email", address.upper(), "--name", "Ada King", "--password-stdin"]
    made = await asyncio.to_thread(piped, PASSWORD + "\n", *words, **mode(app_server))
    assert (made.returncode, made.stderr) == (0, "")
    assert "is an admin: sign in at http://127.0.0.1:" in made.stdout
    assert PASSWORD not in made.stdout
    assert await signs_in(app_server, address, PASSWORD)
    async with app_server.database() as owner:
        row = await owner.fetchrow(
            """select u.name, u.role, a.role as postgres_role, a.raw_app_meta_data ->> 'app_role' as app_role
            from public.users u join auth.users a using (id) where u.email = $1""",
            address,
        )
    assert row is not None
    assert tuple(row) == ("Ada King", "admin", "authenticated", "admin")


@pytest.mark.full
def test_without_a_server_nor_a_port(folder: Path, address: str) -> None:
    home, port = folder / "home", free_port()
    environment = {"FLOORWALKER_HOME": str(home), "PORT": str(port)}
    words = ["--email", address, "--name", "Ada", "--password-stdin"]
    sentence(piped(PASSWORD, *words, **environment), "no schema yet", "floorwalker migrate")
    assert command("migrate", **environment).returncode == 0
    made = piped(PASSWORD, *words, **environment)
    assert made.returncode == 0, made.stderr
    with serving(home, port) as app_server:
        assert asyncio.run(signs_in(app_server, address, PASSWORD))


async def test_an_invited_admin_chooses_a_password(app_server: AppServer, address: str) -> None:
    invited = await asyncio.to_thread(
        command, "create-admin", "--email", address, "--name", "Ada", "--invite", **embedded(app_server)
    )
    assert (invited.returncode, invited.stderr) == (0, "")
    (message,) = emails(app_server, address)
    path = path_in(message)
    assert f"{app_server.url}{path}\n" in invited.stdout
    assert str(message) in invited.stdout
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser:
        token = path.partition("token_hash=")[2]
        answer = await browser.post("/invitation", data={"token_hash": token, "password": PASSWORD})
        assert answer.status_code == 303
        assert (await browser.get("/system")).status_code == 200


async def test_hosted_an_invitation_is_the_projects_to_send(app_server: AppServer, address: str) -> None:
    invited = await asyncio.to_thread(
        command, "create-admin", "--email", address, "--name", "Ada", "--invite", **project(app_server)
    )
    assert invited.returncode == 0, invited.stderr
    assert "SMTP" in invited.stdout
    assert "token_hash" not in invited.stdout
    async with app_server.database() as owner:
        assert await owner.fetchval("select role from public.users where email = $1", address) == "admin"


def test_at_a_terminal_it_asks(app_server: AppServer, address: str) -> None:
    with at_a_terminal("create-admin", **embedded(app_server)) as terminal:
        terminal.wait_for("E-mail: ")
        terminal.type(address)
        terminal.wait_for(f"Name [{address.partition('@')[0]}]: ")
        terminal.type("Ada King")
        terminal.wait_for("Password: ")
        terminal.type(PASSWORD)
        terminal.wait_for("Repeat the password: ")
        terminal.type("something else")
        terminal.wait_for("do not match")
        terminal.wait_for("Password: ")
        terminal.type(PASSWORD)
        terminal.wait_for("Repeat the password: ")
        terminal.type(PASSWORD)
        assert terminal.end() == 0, terminal.shown
    assert "Ada King" in terminal.shown
    assert PASSWORD not in terminal.shown
    assert terminal.shown.endswith(f"{address} is an admin: sign in at {app_server.url}\n")
    assert asyncio.run(signs_in(app_server, address, PASSWORD))


def test_at_a_terminal_only_what_no_option_says_is_asked(app_server: AppServer, address: str) -> None:
    with at_a_terminal(
        "create-admin", "--email", address, "--name", "Ada", "--invite", **embedded(app_server)
    ) as terminal:
        assert terminal.end() == 0, terminal.shown
    assert ": " not in terminal.shown.partition("is invited")[0]


async def test_a_known_address_is_refused_before_more_is_asked(app_server: AppServer, voice: Person) -> None:
    with at_a_terminal("create-admin", **embedded(app_server)) as terminal:
        terminal.wait_for("E-mail: ")
        terminal.type(voice.email)
        assert terminal.end() == 1
    assert voice.username in terminal.shown
    assert "Name" not in terminal.shown


@pytest.mark.usefixtures("unchanged")
def test_a_person_who_thinks_better_of_it_makes_nobody(app_server: AppServer, address: str) -> None:
    with at_a_terminal(
        "create-admin", "--email", address, "--name", "Ada", **embedded(app_server)
    ) as terminal:
        terminal.wait_for("Password: ")
        terminal.interrupt()
        assert terminal.end() == 1
    assert "Traceback" not in terminal.shown
    with at_a_terminal("create-admin", "--password-stdin", **embedded(app_server)) as terminal:
        assert terminal.end() == 1
    assert "--password-stdin reads a pipe" in terminal.shown


def test_without_a_terminal_the_sentence_names_the_options(folder: Path) -> None:
    home = {"FLOORWALKER_HOME": str(folder / "home")}
    sentence(piped("", **home), "no terminal", "--email, --name, --password-stdin or --invite")
    sentence(piped("", "--email", "a@b.org", "--invite", **home), "no terminal", "give --name")
    sentence(piped(PASSWORD, "--password-stdin", **home), "--email, --name")
    both = ["--email", "a@b.org", "--name", "A", "--invite", "--password-stdin"]
    sentence(piped(PASSWORD, *both, **home), "take one of the two")
    assert not (folder / "home").exists()


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["one line of standard input", "none"]),
        ("\n", ["one line of standard input"]),
        ("two\nlines\n", ["one line of standard input", "it has 2"]),
        (b"\xff\xfe", ["UTF-8"]),
        ("short\n", ["Password should be at least 6 characters"]),
        ("x" * 73, ["72 characters"]),
    ],
)
def test_a_password_that_is_none(
    app_server: AppServer, address: str, text: str | bytes, words: list[str]
) -> None:
    refused = piped(text, "--email", address, "--name", "Ada", "--password-stdin", **embedded(app_server))
    sentence(refused, *words)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("address", "name", "words"),
    [
        ("nobody", "Ada", ["not an e-mail address"]),
        ("a@b", "Ada", ["not an e-mail address"]),
        ("two@at@example.org", "Ada", ["not an e-mail address"]),
        ("a@b..org", "Ada", ["validate email address"]),  # what the Auth server alone sees
        ("a@example.org", "x" * 256, ["1 to 255 characters"]),
        ("a@example.org", "Ada\x1b[2J", ["1 to 255 characters"]),
    ],
)
def test_an_address_or_a_name_that_is_none(
    app_server: AppServer, address: str, name: str, words: list[str]
) -> None:
    refused = piped(PASSWORD, "--email", address, "--name", name, "--password-stdin", **embedded(app_server))
    sentence(refused, *words)


async def refusal(app_server: AppServer, address: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    words = ["--email", address, "--name", "Ada", "--password-stdin"]
    return await asyncio.to_thread(piped, PASSWORD, *words, **project(app_server, **changes))


@pytest.mark.full
async def test_a_person_who_is_there_already_is_named(app_server: AppServer) -> None:
    admin, supervisor, gone = [await app_server.hire(kind) for kind in ("admin", "voice", "admin")]
    outsider, half = f"s-{token_hex(5)}@example.org", f"h-{token_hex(5)}@example.org"
    async with app_server.database() as owner:
        await owner.execute("update public.users set deactivated_at = now() where id = $1", gone.id)
        for email, metadata in ((outsider, {}), (half, {"app_role": "supervisor"})):
            await owner.execute(
                """insert into auth.users (id, aud, role, email, raw_app_meta_data)
                values (gen_random_uuid(), 'authenticated', 'authenticated', $1, $2)""",
                email,
                metadata,
            )
        sentence(
            await refusal(app_server, admin.email),
            admin.name,
            "is an admin already",
            "nothing was changed",
            "/recovery",
        )
        sentence(await refusal(app_server, admin.email.upper()), "is an admin already")
        sentence(
            await refusal(app_server, supervisor.email),
            supervisor.username,
            "voice supervisor",
            "another address",
        )
        sentence(await refusal(app_server, gone.email), gone.name, "deactivated", "another admin")
        refused = await refusal(app_server, outsider)
        sentence(refused, outsider, "without a role here", "floorwalker psql")
        sentence(await refusal(app_server, half), "users_supervisor_fields", "floorwalker psql")
        statement = refused.stderr.partition('psql -c "')[2].rpartition('"`')[0].replace('\\"', '"')
        await owner.execute(statement)
        assert await owner.fetchval("select role from public.users where email = $1", outsider) == "admin"


@pytest.mark.usefixtures("unchanged")
async def test_what_is_not_there_or_not_theirs_is_one_sentence(app_server: AppServer, address: str) -> None:
    dead = free_port()
    nowhere = f"postgresql://postgres:hidden@127.0.0.1:{dead}/postgres"
    for words, changes in (
        (["SUPABASE_SECRET_KEY is not set"], {"SUPABASE_SECRET_KEY": ""}),
        (["does not take SUPABASE_SECRET_KEY"], {"SUPABASE_SECRET_KEY": "sb_secret_hidden"}),
        (
            ["does not take SUPABASE_SECRET_KEY"],
            {"SUPABASE_SECRET_KEY": project(app_server)["SUPABASE_PUBLISHABLE_KEY"]},
        ),
        (
            [f"Auth server at http://127.0.0.1:{dead} does not answer"],
            {"SUPABASE_URL": f"http://127.0.0.1:{dead}"},
        ),
        (["does not answer, or not as Supabase Auth does"], {"SUPABASE_URL": app_server.url + "/nowhere"}),
        (["DATABASE_OWNER_URL", "cannot be used"], {"DATABASE_OWNER_URL": nowhere}),
        (["DATABASE_URL signs in as a role that may not read people"], {"DATABASE_OWNER_URL": ""}),
    ):
        sentence(await refusal(app_server, address, **changes), *words)


@pytest.mark.parametrize("how", ["--password-stdin", "--invite"])
async def test_a_login_that_becomes_nobody_is_taken_back(
    app_server: AppServer, voice: Person, unchanged: None, address: str, how: str
) -> None:
    """Another row has the address already, as if written without the triggers."""
    async with app_server.database() as owner:
        await owner.execute("update public.users set email = $2 where id = $1", voice.id, address)
    words = ["--email", address, "--name", "Ada", how]
    refused = await asyncio.to_thread(piped, PASSWORD, *words, **embedded(app_server))
    sentence(refused, address, "could not become an admin", "users_email")


@pytest.mark.usefixtures("unchanged")
async def test_while_the_trigger_is_off_nobody_is_made(app_server: AppServer, address: str) -> None:
    switch = "alter table auth.users {} trigger floorwalker_20_profile_update"
    async with app_server.database("supabase_auth_admin") as auth:
        await auth.execute(switch.format("disable"))
        try:
            refused = await refusal(app_server, address)
        finally:
            await auth.execute(switch.format("enable"))
    sentence(refused, "no schema yet, or not all of it")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("how", ["--password-stdin", "--invite"])
async def test_half_way_through_it_goes_back(app_server: AppServer, address: str, how: str) -> None:
    """The Auth server makes the login, and fails when it should give it the rights."""
    with faulty_auth(app_server.url, refused=frozenset({"PUT"})) as url:
        words = ["--email", address, "--name", "Ada", how]
        refused = await asyncio.to_thread(piped, PASSWORD, *words, **project(app_server, SUPABASE_URL=url))
    sentence(refused, "the Auth server failed (Out of order)")


async def test_what_cannot_be_taken_back_is_said(app_server: AppServer, address: str) -> None:
    with faulty_auth(app_server.url, refused=frozenset({"PUT", "DELETE"})) as url:
        sentence(
            await refusal(app_server, address, SUPABASE_URL=url),
            address,
            "could not be deleted again",
            "dashboard",
        )
    sentence(await refusal(app_server, address), address, "a login without a role here")
    assert not await signs_in(app_server, address, PASSWORD)


@pytest.mark.full
async def test_the_database_of_another_project_is_found_out(
    app_server: AppServer, folder: Path, address: str
) -> None:
    with serving(folder / "other", free_port()) as other:
        for how in ("--password-stdin", "--invite"):
            words = ["--email", address, "--name", "Ada", how]
            environment = project(app_server, DATABASE_OWNER_URL=other.database_url())
            refused = await asyncio.to_thread(piped, PASSWORD, *words, **environment)
            sentence(refused, "are of two projects", "floorwalker doctor")
        for home in (app_server, other):
            connection = await asyncpg.connect(home.database_url())
            assert not await connection.fetchval("select count(*) from auth.users where email = $1", address)
            await connection.close()
