"""How `make test` gets a Chromium, on machines simulated by scripts: the commands it runs and what it prints."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser import chromium

SCRIPT = Path(chromium.__file__)
pytestmark = pytest.mark.skipif(
    any(path.exists() for path in chromium.APPLICATIONS), reason="a browser outside of PATH is found first"
)


@dataclass(frozen=True, slots=True)
class Machine:
    """A folder with all the commands of a machine; each writes down how it was called."""

    folder: Path

    @property
    def commands(self) -> Path:
        return self.folder / "bin"

    @property
    def downloads(self) -> Path:
        return self.folder / "downloads"

    def add(self, name: str, does: str) -> None:
        self.script(self.commands / name, f'echo "{name} $*" >> "{self.folder}/calls"\n{does}')

    def script(self, path: Path, does: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    def browser(self, path: Path, starts: str = "echo Chromium 1.0") -> str:
        """The line of a script that installs a browser at this path."""
        self.script(self.folder / "parts" / path.name, starts)
        there, parts = str(path.parent), self.folder / "parts" / path.name
        return f'/bin/mkdir -p "{there}" && /bin/cp "{parts}" "{path}"'

    def playwright(self, does: str) -> None:
        """Another `python -m playwright`, which runs a script."""
        self.add("playwright", does)
        package = self.folder / "packages" / "playwright"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        program = f"import os, sys\nos.execv({str(self.commands / 'playwright')!r}, sys.argv)\n"
        (package / "__main__.py").write_text(program)

    def set_up(self) -> str:
        """Run it; what it says to people."""
        environment = {
            "PATH": str(self.commands),
            "HOME": str(self.folder / "home"),
            "PLAYWRIGHT_BROWSERS_PATH": str(self.downloads),
            "PYTHONPATH": str(self.folder / "packages"),
        }
        done = subprocess.run(
            [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    @property
    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def packages(self) -> list[str]:
        """The calls of package commands."""
        return [call for call in self.calls if call.split()[0] in chromium.PACKAGES]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine of root's, with nothing but what every machine has; Playwright's download fails."""
    one = Machine(tmp_path)
    one.commands.mkdir()
    (one.commands / "env").symlink_to(shutil.which("env") or os.devnull)
    one.add("id", "echo 0")
    one.playwright("exit 1")
    return one


def test_what_is_there_and_starts_is_enough(machine: Machine) -> None:
    machine.script(machine.commands / "google-chrome", "echo Google Chrome 1.0")
    machine.add("apt-get", "")
    assert machine.set_up() == ""
    assert machine.calls == []


def test_a_download_that_works_is_enough(machine: Machine) -> None:
    machine.add("apt-get", "")
    machine.add("playwright", machine.browser(machine.downloads / "chromium-1" / "chrome-linux" / "chrome"))
    assert machine.set_up() == "Downloading Chromium …\n"
    assert machine.calls == ["playwright install chromium"]


@pytest.mark.parametrize(
    ("command", "call"),
    [
        ("apt-get", "install --yes --no-install-recommends chromium"),
        ("dnf", "install -y chromium"),
        ("apk", "add --update-cache chromium"),
    ],
)
@pytest.mark.parametrize("root", [True, False])
def test_the_systems_package_is_installed_by_an_account_that_may(
    machine: Machine, command: str, call: str, root: bool
) -> None:
    if not root:
        machine.add("id", "echo 1000")
        machine.add("sudo", '[ "$1" = -n ] && shift && exec "$@"')
        (machine.commands / "true").symlink_to(shutil.which("true") or os.devnull)
    install = machine.browser(machine.commands / "chromium")
    # What comes from the keyboard, or the wait for it, would show here: there is none.
    machine.add(command, f"read -r typed && exit 1\n{install}")
    said = machine.set_up().splitlines()
    assert [said[0], len(said)] == ["Downloading Chromium …", 2]
    assert said[1].startswith("Installing the system's Chromium for the browser tests with `")
    assert said[1].endswith(f"{call}` …")
    [made] = machine.packages()
    assert made.startswith(f"{command} ")
    assert made.endswith(call)
    assert any(call.startswith("sudo -n") for call in machine.calls) is not root
    assert ("`sudo -n " in said[1]) is not root
    assert chromium.ADVICE not in "".join(said)


def test_apt_get_asks_nothing_and_updates_its_lists_when_they_are_needed(machine: Machine) -> None:
    lists = machine.folder / "lists"
    install = machine.browser(machine.commands / "chromium")
    machine.add(
        "apt-get",
        f"""[ "$DEBIAN_FRONTEND" = noninteractive ] || exit 1
        case "$*" in
            *update) : > "{lists}";;
            *install*) [ -e "{lists}" ] || exit 100; {install};;
        esac""",
    )
    assert chromium.ADVICE not in machine.set_up()
    assert [call.split()[-1] for call in machine.packages()] == ["chromium", "update", "chromium"]


@pytest.mark.parametrize("status", [0, 100])
def test_where_chromium_is_no_package_it_is_chromium_browser(machine: Machine, status: int) -> None:
    stub = machine.browser(machine.commands / "chromium", "echo install the snap >&2; exit 1")
    works = machine.browser(machine.commands / "chromium-browser")
    machine.add(
        "apt-get",
        f'case "$*" in *-browser) {works};; *install*) [ {status} = 0 ] || exit {status}; {stub};; esac',
    )
    assert chromium.ADVICE not in machine.set_up()
    assert machine.packages()[-1].endswith(" chromium-browser")


def test_a_chromium_without_its_libraries_gets_the_package_that_brings_them(machine: Machine) -> None:
    machine.script(machine.downloads / "chromium-1" / "chrome-linux64" / "chrome", "exit 127")
    machine.add("playwright", "exit 0")  # there is nothing for it to download
    machine.add("apt-get", machine.browser(machine.commands / "chromium"))
    assert chromium.ADVICE not in machine.set_up()
    assert len(machine.packages()) == 1


def test_without_a_package_the_libraries_alone_are_installed(machine: Machine) -> None:
    libraries = machine.folder / "libraries"
    browser = machine.downloads / "chromium-1" / "chrome-linux" / "chrome"
    machine.script(browser, f'[ -e "{libraries}" ] || exit 127')
    machine.add("apt-get", "exit 100")
    machine.add("playwright", f'[ "$1" = install ] || : > "{libraries}"')
    assert chromium.ADVICE not in machine.set_up()
    assert machine.calls[-1] == "playwright install-deps chromium"


def test_a_sudo_that_would_ask_is_not_asked(machine: Machine) -> None:
    machine.add("id", "echo 1000")
    machine.add("sudo", "exit 1")
    machine.add("apt-get", machine.browser(machine.commands / "chromium"))
    assert machine.set_up().endswith(f"\nmake: {chromium.ADVICE}\n")
    assert machine.calls[-1] == "sudo -n true"
    assert machine.packages() == []


@pytest.mark.parametrize("command", ["apt-get", "dnf", "apk"])
@pytest.mark.parametrize("does", ["exit 100", "exit 0"])
def test_a_package_that_does_not_come_ends_with_the_advice(machine: Machine, command: str, does: str) -> None:
    machine.add(command, does)
    assert machine.set_up().endswith(f"\nmake: {chromium.ADVICE}\n")
    assert machine.packages()


def test_a_machine_that_has_nothing_of_all_this_gets_the_advice(machine: Machine) -> None:
    for path in (*machine.commands.iterdir(),):
        path.unlink()
    assert machine.set_up().endswith(f"\nmake: {chromium.ADVICE}\n")


def test_a_package_command_that_cannot_be_run_ends_with_the_advice(machine: Machine) -> None:
    broken = machine.commands / "dnf"
    broken.write_text("#!/nowhere/sh\n")
    broken.chmod(0o755)
    assert machine.set_up().endswith(f"\nmake: {chromium.ADVICE}\n")
