"""Find a Chromium for the browser tests: an installed one, Playwright's own, or download that."""

import os
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
ADVICE = "no Chromium here, and none could be downloaded: install your system's chromium package."

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
    installed += [path for path in APPLICATIONS if path.exists()]
    for folder in DOWNLOADS:
        for pattern in DOWNLOADED if folder != Path() else ():
            installed += sorted(folder.glob(pattern), reverse=True)
    return installed


def starts(path: Path) -> bool:
    try:
        command = [str(path), "--version", *arguments()]
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def main() -> None:
    """Download one when there is none. Without, the browser tests fail with the same advice, and the others run."""
    if find():
        return
    print("Downloading Chromium …", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    find.cache_clear()
    if not find():
        print(f"make: {ADVICE}", file=sys.stderr)


if __name__ == "__main__":
    main()
