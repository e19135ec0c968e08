"""Style sheets and scripts as pages load them: one file for many, without comments, so that a first page is few requests.

A bundle is made at its first use and kept while the process runs. The files themselves stay as they are written.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache

from server import FILES

_SCRIPTS = {
    # On every page: before anything is painted, and after.
    "js/first.js": ("theme", "view"),
    "js/page.js": ("server_time", "typed", "clock", "copy", "later"),
    # On pages with a stream: first what the others use.
    "js/live.js": (
        "open_request",
        "connection",
        "replies",
        "dead_time",
        "dialog",
        "queue",
        "sight",
        "agents",
        "sounds",
        "push",
        "signals",
        "reasons",
        "attention",
        "alerts",
    ),
    # On the page of one request, which has no stream.
    "js/request.js": (
        "open_request",
        "replies",
        "dead_time",
        "dialog",
        "queue",
        "sight",
        "reasons",
        "attention",
    ),
    # On the account page.
    "js/choices.js": ("sounds", "push", "account"),
    # On the page of an interaction.
    "js/interaction.js": ("transcript", "drafts"),
}
_STYLES = "css/all.css"
# Minifiers would save 8 kB more, but those for Python know neither nested rules nor nested template literals, and change both.
_COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)
_COMMENT_LINE = re.compile(r"^[ \t]*(//.*|/\*.*\*/[ \t]*)\n", re.MULTILINE)
_INDENTED = re.compile(r"^[ \t]+|\n(?=\n)", re.MULTILINE)
_ADDRESS = re.compile(r'url\("?\.\./([\w./-]+)"?\)')


@dataclass(frozen=True, slots=True)
class Bundle:
    """The content of a bundle, the same compressed, and the hash of the content."""

    content: bytes
    packed: bytes
    mark: str


def address(path: str) -> str:
    """The address of a static file or bundle with the hash of its content, so that browsers may cache it permanently."""
    return f"/static/{path}?v={_mark(path)}"


@cache
def _mark(path: str) -> str:
    found = bundle(path)
    return found.mark if found else _hash((FILES / "static" / path).read_bytes())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def bundle(path: str) -> Bundle | None:
    """The bundle at this path; None for what is a file or nothing."""
    return _made(path) if path == _STYLES or path in _SCRIPTS else None


@cache
def _made(path: str) -> Bundle:
    text = _styles() if path == _STYLES else "\n".join(map(_script, _SCRIPTS[path]))
    content = text.encode()
    return Bundle(content, gzip.compress(content, mtime=0), _hash(content))


def _styles() -> str:
    """All style sheets; base.css is first, because it orders the layers."""
    folder = FILES / "static/css"
    others = sorted(path for path in folder.glob("*.css") if path.name not in ("base.css", "print.css"))
    files = (folder / "base.css", FILES / "static/vendor/uplot.min.css", *others)
    whole = _INDENTED.sub("", _COMMENT.sub("", "\n".join(path.read_text() for path in files)))
    return _ADDRESS.sub(lambda found: f'url("{address(found[1])}")', whole)


def _script(name: str) -> str:
    """One module: its names are its own, and an error in it does not stop the others."""
    text = (FILES / f"static/js/{name}.js").read_text()
    # No literal of our scripts has several lines (tests/test_structure.py), so a line that looks like a comment is one.
    bare = _INDENTED.sub("", _COMMENT_LINE.sub("", text))
    return f"try{{\n{bare}\n}}catch(error){{reportError(error)}}"
