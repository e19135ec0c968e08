"""`floorwalker doctor` as a command: all checks, its exit status, and secrets that it never prints."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.auth_process import SECRET
from tests.cli.doctor.conftest import Cloud, one
from tests.conftest import free_port, serving
from tests.faulty_auth import faulty_auth
from tests.test_process import command


def lines(answer: "subprocess.CompletedProcess[str]") -> list[str]:
    assert "Traceback" not in answer.stdout + answer.stderr
    assert not answer.stderr
    return answer.stdout.splitlines()


def test_an_embedded_home_that_is_served_and_one_that_is_not(folder: Path) -> None:
    home, port = folder / "embedded", free_port()
    environment = {"FLOORWALKER_HOME": str(home), "PORT": str(port)}
    with serving(home, port):
        served = command("doctor", **environment)
    stopped = command("doctor", **environment)
    for answer, word in ((served, "this home's Floorwalker serves"), (stopped, "is free")):
        findings = lines(answer)
        assert (answer.returncode, findings[-1]) == (0, "All is well.")
        assert {finding[0] for finding in findings[:-1]} == {"✓"}
        one(findings, word)
        one(findings, "notifications arrive")
        one(findings, "there is one admin")
    assert "\x1b" not in served.stdout


def test_looking_makes_no_home(folder: Path) -> None:
    answer = command("doctor", FLOORWALKER_HOME=str(folder / "none"), PORT=str(free_port()))
    findings = lines(answer)
    one(findings, "! there is no home in", "floorwalker serve")
    assert (answer.returncode, findings[-1]) == (0, "It works; 1 thing is worth a look.")
    assert not (folder / "none").exists()


def test_a_home_that_cannot_be_opened_hides_nothing_else(folder: Path) -> None:
    home = folder / "spoiled"
    home.mkdir()
    (home / "auth-keys.json").write_text("{}")
    (home / "owner.lock").mkdir()
    answer = command("doctor", FLOORWALKER_HOME=str(home), PORT=str(free_port()))
    findings = lines(answer)
    one(findings, "✗ FLOORWALKER_HOME", "cannot be used")
    one(findings, "GB are free")
    one(findings, "port", "is free")
    assert (answer.returncode, findings[-1]) == (1, "1 thing is wrong.")


def test_a_hosted_project(cloud: Cloud) -> None:
    answer = command("doctor", **cloud.environment())
    assert (answer.returncode, lines(answer)[-1]) == (0, "All is well.")


def test_everything_is_dead_and_each_is_a_sentence(cloud: Cloud) -> None:
    port = free_port()
    database = f"postgresql://floorwalker_web:hidden-1@127.0.0.1:{port}/postgres"
    answer = command(
        "doctor",
        **cloud.environment(
            SUPABASE_URL=f"http://127.0.0.1:{port}",
            SUPABASE_SECRET_KEY="sb_secret_hidden-2",
            DATABASE_URL=database,
            DATABASE_OWNER_URL=database.replace("floorwalker_web", "postgres"),
            DATABASE_LISTEN_URL=database,
            FANOUT_URL=f"nats://me:hidden-3@127.0.0.1:{port}",
        ),
    )
    findings = lines(answer)
    for setting in (
        "SUPABASE_URL",
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "DATABASE_LISTEN_URL",
        "FANOUT_URL",
    ):
        one(findings, f"✗ {setting}")
    assert (answer.returncode, findings[-1]) == (1, "5 things are wrong.")
    assert "hidden" not in answer.stdout
    assert SECRET not in answer.stdout


def test_one_address_for_everything_is_dead_once(cloud: Cloud) -> None:
    dead = f"postgresql://floorwalker_web@127.0.0.1:{free_port()}/postgres"
    answer = command("doctor", **cloud.environment(DATABASE_URL=dead, DATABASE_OWNER_URL=""))
    findings = lines(answer)
    one(findings, "✗ DATABASE_URL")
    assert (answer.returncode, findings[-1]) == (1, "1 thing is wrong.")


def test_what_a_service_repeats_of_a_secret_is_not_shown(cloud: Cloud) -> None:
    def blab(path: str, said: Any) -> Any:
        return (
            {"message": f"sb_secret_hidden and {SECRET} are no good"} if path.startswith("/admin") else said
        )

    with faulty_auth(cloud.app_server.url, blab) as url:
        answer = command(
            "doctor", **cloud.environment(SUPABASE_URL=url, SUPABASE_SECRET_KEY="sb_secret_hidden")
        )
    one(lines(answer), "✗ SUPABASE_SECRET_KEY is refused (status 401, … and … are no good)")


def test_half_a_project_is_looked_at_as_far_as_it_goes(cloud: Cloud) -> None:
    environment = cloud.environment(SUPABASE_URL="", SECRET_KEY="short")
    answer = command("doctor", **environment)
    findings = lines(answer)
    one(findings, "✗ SECRET_KEY", "needs 32 or more")
    one(findings, "✓ without a viewer, every table is refused")
    one(findings, "✓ the schema is up to date")
    one(findings, "✓ notifications arrive")
    assert answer.returncode == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_where_there_are_no_such_characters_it_is_said_without(cloud: Cloud, encoding: str) -> None:
    answer = command("doctor", **cloud.environment(PUBLIC_URL=""), PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    findings = lines(answer)
    one(findings, "ok sign-up is closed")
    one(findings, "!! PUBLIC_URL")
    assert answer.returncode == 0


def test_hosted_no_embedded_part_is_imported(cloud: Cloud) -> None:
    script = (
        "import sys, server.__main__; from server.cli.doctor import examination; print(examination.run()); "
        "assert not [name for name in sys.modules if name.startswith('server.embedded')]"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], env=cloud.environment(), capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout.splitlines()[-1]) == (0, "0"), answer.stderr
