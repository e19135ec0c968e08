"""Find a Chromium for the browser tests; where none starts, download Playwright's or install the system's package.

A Chromium that was downloaded may lack libraries of the system, and then does not start. The package brings them.
"""

import os
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = (
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)
DOWNLOADS = (
    Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "")),
    Path("~/.cache/ms-playwright").expanduser(),
    Path("~/Library/Caches/ms-playwright").expanduser(),
)
DOWNLOADED = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)
ADVICE = (
    "no Chromium here, and none could be downloaded or installed: install your system's chromium package."
)

# How each package command installs Chromium: one command after the other, until a Chromium starts. apt-get may know no
# packages yet, or old addresses of them, so it updates its lists when it fails. On Ubuntu `chromium` is no package, and
# `chromium-browser` brings a snap.
APT_GET = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--option=DPkg::Lock::Timeout=120"]
APT_INSTALL = [*APT_GET, "install", "--yes", "--no-install-recommends"]
PACKAGES = {
    "apt-get": [
        [*APT_INSTALL, "chromium"],
        [*APT_GET, "update"],
        [*APT_INSTALL, "chromium"],
        [*APT_INSTALL, "chromium-browser"],
    ],
    "dnf": [["dnf", "install", "-y", "chromium"]],
    "apk": [["apk", "add", "--update-cache", "chromium"]],
}
PLAYWRIGHT = [sys.executable, "-m", "playwright"]
LONGEST = 1200  # seconds for one command: hundreds of megabytes may come over a slow line

# Quiet and the same everywhere: no first-run page, no talking to its maker in the background.
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def arguments() -> list[str]:
    """Command-line arguments; root gets no sandbox, since Chromium refuses to make one for it."""
    return [*(["--no-sandbox"] if os.geteuid() == 0 else []), *ARGUMENTS]


@cache
def find() -> Path | None:
    """The first Chromium that starts: a distribution's stub for a package that is not there does not."""
    return next((path for path in candidates() if starts(path)), None)


def candidates() -> list[Path]:
    installed = [Path(path) for name in NAMES if (path := shutil.which(name))]
    return [*installed, *(path for path in APPLICATIONS if path.exists()), *downloaded()]


def downloaded() -> list[Path]:
    found: list[Path] = []
    for folder in DOWNLOADS:
        for pattern in DOWNLOADED if folder != Path() else ():
            found += sorted(folder.glob(pattern), reverse=True)
    return found


def starts(path: Path) -> bool:
    try:
        command = [str(path), "--version", *arguments()]
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def installations() -> list[list[str]]:
    """Commands that install the system's package; none where there is no package command, or no right to run it."""
    name = next((name for name in PACKAGES if shutil.which(name)), None)
    if name is None or (privilege := root_privilege()) is None:
        return []
    commands = PACKAGES[name]
    if name == "apt-get" and downloaded():
        # Last, for an Ubuntu without snaps: only the libraries that Playwright's own Chromium lacks.
        commands = [*commands, [*PLAYWRIGHT, "install-deps", "chromium"]]
    return [[*privilege, *command] for command in commands]


def root_privilege() -> list[str] | None:
    """What stands before a command that needs root: nothing, or sudo. None where sudo would ask for a password."""
    if answer(["id", "-u"]) == "0":
        return []
    return ["sudo", "-n"] if answer(["sudo", "-n", "true"]) is not None else None


def answer(command: list[str]) -> str | None:
    """What a command prints; None when it fails or does not exist."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def helped(command: list[str]) -> bool:
    """Whether a Chromium starts after this command. Its own exit code does not count: a broken package source is one."""
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=LONGEST, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        say(str(error))
    find.cache_clear()
    return find() is not None


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Get a Chromium when there is none. Without, the browser tests fail with the advice, and the others run."""
    if find():
        return
    say("Downloading Chromium …")
    if helped([*PLAYWRIGHT, "install", "chromium"]):
        return
    for command in installations():
        say(f"Installing the system's Chromium for the browser tests with `{shlex.join(command)}` …")
        if helped(command):
            return
    say(f"make: {ADVICE}")


if __name__ == "__main__":
    main()
