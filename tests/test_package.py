"""The built wheel has all of its files, and works in an empty folder without the checkout."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.app_server import DEADLINE
from tests.children import ending_with_us
from tests.conftest import ROOT, a_folder, free_port, until

KEPT = ("static", "supabase", "templates")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    """Built by the build backend that pyproject.toml names."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (made,) = (folder / "dist").iterdir()
    return made


def test_the_wheel_has_every_file_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "server", *KEPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wanted = {
        name if name.startswith("server/") else f"server/_files/{name}"
        for name in tracked.stdout.splitlines()
    }
    found = {name for name in names if not re.match(r"[^/]+\.dist-info/", name)}
    assert found == wanted
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.full
def test_a_server_of_the_wheel_starts_in_an_empty_folder(wheel: Path, folder: Path) -> None:
    """With the libraries of this environment."""
    place = folder / "unpacked"
    zipfile.ZipFile(wheel).extractall(place)
    _works([sys.executable, "-P", "-m", "server"], folder / "one", PYTHONPATH=str(place))


@pytest.mark.full
def test_it_installs_into_an_empty_environment(wheel: Path, folder: Path) -> None:
    uv, venv = str(Path(sys.executable).parent / "uv"), folder / "venv"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(venv)], check=True)
    python = str(venv / "bin" / "python")
    subprocess.run([uv, "pip", "install", "-q", "--python", python, str(wheel)], check=True)
    _works([str(venv / "bin" / "floorwalker")], folder / "two")
    version = subprocess.run(
        [str(venv / "bin" / "floorwalker"), "--version"], capture_output=True, text=True, check=True
    )
    assert version.stdout.strip().endswith(str(_project()["version"]))


def _works(program: list[str], place: Path, **more: str) -> None:
    """serve, doctor and migrate, in a folder with nothing in it."""
    place.mkdir()
    port = str(free_port())
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "PORT": port,
        "FLOORWALKER_HOME": str(place / "home"),
        **more,
    }
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [*program, "serve"],
            cwd=place,
            env=environment,
            stdout=log,
            stderr=log,
            preexec_fn=ending_with_us(signal.SIGINT),  # noqa: PLW1509
        )
        try:
            _wait(f"http://127.0.0.1:{port}", process, place / "log")
            page = httpx.get(f"http://127.0.0.1:{port}/docs")
            assert page.status_code == 200
            (sheet, *_) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
            assert httpx.get(f"http://127.0.0.1:{port}{sheet}").status_code == 200
            for command in ("migrate", "doctor"):
                ran = subprocess.run(
                    [*program, command],
                    cwd=place,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=DEADLINE,
                    check=False,
                )
                assert ran.returncode == 0, ran.stdout + ran.stderr
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(DEADLINE)


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{address}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    asyncio.run(until(ready, 3 * DEADLINE))


def _project() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def test_every_dependency_has_its_reason() -> None:
    listed = _project()["dependencies"]
    assert isinstance(listed, list)
    named = {re.split(r"[>\[;<]", one)[0] for one in listed}
    text = (ROOT / "server" / "README.md").read_text().partition("## Dependencies")[2]
    assert set(re.findall(r"(?m)^\| `([\w-]+)` \| \S", text)) == named
