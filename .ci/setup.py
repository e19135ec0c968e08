"""Make `.venv` from the lock file, on a machine that has nothing but Python 3.11 and make.

`setup.py run` installs what the server needs, `setup.py test` the developers' tools as well. Every package
comes from `uv.lock` with its hash, uv itself included: pip fetches that one, uv all others. A stamp named by
the hash of the lock makes the second run a matter of milliseconds; a file lock lets two runs take turns.
An old Python must be able to read this file, to get as far as the sentence that says it is too old.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
SYNC = {"run": ["--no-dev", "--inexact"], "test": []}  # inexact: `make run` leaves the tools of `make test`


def main() -> None:
    kind = sys.argv[1] if len(sys.argv) > 1 else "test"
    if kind not in SYNC:
        raise SystemExit("setup: say `run` or `test`.")
    if ready(kind):
        return
    newer_python()
    # The lock is this file itself: it is always there, and nothing has to be cleaned up.
    with Path(__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready(kind):
            make(kind)


def stamp(kind: str) -> Path:
    """The file that says this lock is installed; a moved checkout counts as a new one."""
    key = hashlib.sha256(str(ROOT).encode())
    for name in ("uv.lock", "pyproject.toml"):
        key.update((ROOT / name).read_bytes())
    return VENV / f".{kind}-{key.hexdigest()[:16]}"


def ready(kind: str) -> bool:
    made = stamp("test").exists() or stamp(kind).exists()
    return made and PYTHON.exists()  # follows the link: an uninstalled Python is not ready


def newer_python() -> None:
    """Start again with a newer Python when `python3` is an old one and a newer one stands beside it."""
    if sys.hexversion >= 0x030B0000:  # not version_info: linters know that it is always true
        return
    for name in ("python3.14", "python3.13", "python3.12", "python3.11"):
        if shutil.which(name):
            os.execlp(name, name, *sys.argv)
    version = ".".join(map(str, sys.version_info[:2]))
    raise SystemExit(f"Floorwalker needs Python 3.11 or newer, and python3 here is {version}: install one.")


def make(kind: str) -> None:
    name, pins = uv_pins()
    if not usable():
        say("Making .venv")
        create()
    if not has_uv(name):
        say(f"Installing {name}")
        install_uv(pins)
    for old in [*VENV.glob(".run-*"), *VENV.glob(".test-*")]:
        if not old.name.endswith(stamp(kind).name[-16:]):
            old.unlink()  # or going back to that lock would find its stamp, and other packages
    say("Installing the locked packages")
    outside = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")}
    here = {"UV_PROJECT_ENVIRONMENT": str(VENV), "UV_PYTHON": str(PYTHON), "UV_PYTHON_DOWNLOADS": "never"}
    run([str(UV), "sync", "--frozen", "--quiet", *SYNC[kind]], outside | here)
    stamp(kind).touch()


def usable() -> bool:
    """Whether `.venv` runs a new enough Python and was made in this very folder."""
    activate = VENV / "bin" / "activate"
    if not PYTHON.exists() or not activate.exists() or str(VENV) not in activate.read_text():
        return False
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([PYTHON, "-c", check], check=False).returncode == 0


def create() -> None:
    try:
        import ensurepip
        import venv
    except ImportError:
        raise SystemExit(
            "This Python has no venv module: install it (Debian and Ubuntu: apt install python3-venv) and run again."
        ) from None
    del ensurepip, venv
    run([sys.executable, "-m", "venv", "--clear", str(VENV)])


def uv_pins() -> "tuple[str, str]":
    """`uv==VERSION`, and the same as a line for pip with the hash of each wheel, from the lock file."""
    import tomllib

    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    uv = next(package for package in packages if package["name"] == "uv")
    name = f"uv=={uv['version']}"
    return name, " ".join([name, *(f"--hash={wheel['hash']}" for wheel in uv["wheels"])])


def has_uv(name: str) -> bool:
    if not UV.exists():
        return False
    answer = subprocess.run([UV, "--version"], capture_output=True, text=True, check=False).stdout
    return answer.split()[1:2] == [name.partition("==")[2]]


def install_uv(pins: str) -> None:
    if subprocess.run([PYTHON, "-c", "import pip"], capture_output=True, check=False).returncode:
        create()  # made by another tool, without pip
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(pins + "\n")
        wanted.flush()
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement", wanted.name])


def run(command: "list[str]", environment: "dict[str, str] | None" = None) -> None:
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        raise SystemExit(f"setup: {Path(command[0]).name} could not finish; what it said stands above.")


def say(text: str) -> None:
    print(f"{text} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
