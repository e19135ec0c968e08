"""Rules of the project that a machine can check: tree, sizes, names, templates."""

import ast
import hashlib
import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "server"
VENDOR = ROOT / "static" / "vendor"
TOP = {
    "server", "static", "templates", "supabase", "tests",
    "pyproject.toml", "Procfile", "README.md", "LICENSE", "Makefile", "uv.lock",
}  # fmt: skip
NOT_TABLES = {
    "first_admin",
    "interactions_csv",
    "making",
    "mcp_tools",
    "phone_numbers",
    "printed",
}  # modules whose names are no table
# Folders that are no areas.
NO_AREAS = {"kernel", "cli", "demo", "embedded", "docs"}
INNER = {
    "kernel/auth",
    "kernel/db",
    "kernel/http",
    "kernel/live",
    "kernel/providers",
    "cli/doctor",
    "cli/sdr",
}
FORBIDDEN = {"manager", "helper", "helpers", "util", "utils", "service", "services", "data", "info"}


def files(*patterns: str) -> list[Path]:
    folders = (SERVER, ROOT / "templates", ROOT / "static", ROOT / "supabase", ROOT / "tests", ROOT / ".ci")
    found = [path for folder in folders for pattern in patterns for path in folder.rglob(pattern)]
    return sorted(path for path in found if VENDOR not in path.parents)


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


MODULES = files("*.py")
TEMPLATES = files("*.html")
PARTIALS = [path for path in TEMPLATES if path.name.startswith("_")]
MIGRATIONS = sorted((ROOT / "supabase" / "migrations").glob("*"))
AREAS = [
    path for path in sorted(SERVER.iterdir()) if path.is_dir() and path.name not in NO_AREAS | {"__pycache__"}
]


def test_top_level_is_fixed() -> None:
    visible = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert visible - {"dist"} <= TOP


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        path: count
        for path in files("*.py", "*.html", "*.css", "*.js")
        if (count := len(path.read_text().splitlines())) > 400
    }
    assert not long, "split the area, not the layer"


def test_nothing_in_server_is_deeper_than_an_area() -> None:
    deeper = {path for path in SERVER.glob("*/*") if path.is_dir() and path.name != "__pycache__"}
    assert deeper == {SERVER / name for name in INNER}
    assert not [path for inner in deeper for path in inner.glob("*/*.py")]


def test_every_module_of_the_kernel_is_entered_by_its_package_or_named_as_open() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    behind = {name for one in settings if one["type"] == "protected" for name in one["protected_modules"]}
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (SERVER / "kernel").glob("*/*.py")
        if path.stem != "__init__"
    }
    for package in (SERVER / "kernel").glob("*/__init__.py"):
        said = ast.get_docstring(ast.parse(package.read_text())) or ""
        name = f"server.kernel.{package.parent.name}."
        assert {one for one in modules - behind if one.startswith(name)} == {
            f"{name}{word}"
            for word in re.findall(r"\w+", said.partition("and the module")[2])
            if f"{name}{word}" in modules
        }
    assert behind <= modules


def test_every_file_of_an_area_is_views_api_or_a_word_of_the_database() -> None:
    sql = "\n".join(path.read_text() for path in MIGRATIONS)
    created = (
        r"create\s+(?:or\s+replace\s+)?(?:table|view|function)\s+(?:if\s+not\s+exists\s+)?(?:\w+\.)?(\w+)"
    )
    words = {"__init__", "views", "api", "pages", "jobs", *NOT_TABLES, *re.findall(created, sql)}
    files = [path for area in AREAS for path in area.glob("*.py")]
    outsiders = [path for path in files if not {path.stem, path.stem.removesuffix("_views")} & words]
    assert not names(outsiders)


def test_every_module_opens_with_a_docstring() -> None:
    silent = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not names(silent)


@pytest.mark.parametrize(
    "path", [p for area in AREAS for p in area.glob("*.py") if p.stem in ("views", "api")], ids=str
)
def test_routes_hold_no_sql(path: Path) -> None:
    query = re.compile(
        r"\b(select\b.+\bfrom|insert\s+into|update\s+\w+\s+set|delete\s+from)\b", re.IGNORECASE | re.DOTALL
    )
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not [text for text in texts if text not in docs and query.search(text)]


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name; `service_role` is Supabase's, `data_received` asyncio's."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return set(re.sub(r"service_role|embedded_service|data_received", "", spaced).split("_"))


def named(path: Path) -> Iterator[str]:
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


@pytest.mark.parametrize("path", sorted(SERVER.rglob("*.py")), ids=lambda path: str(path.relative_to(SERVER)))
def test_names_say_what_a_thing_is(path: Path) -> None:
    forbidden = FORBIDDEN - ({"service"} if path.parent.name == "embedded" else set())
    assert not [name for name in named(path) if words(name) & forbidden]


def test_only_settings_reads_the_environment() -> None:
    reading = re.compile(r"\bos\.(environ|getenv|environb)\b|from os import .*\b(environ|getenv)\b")
    readers = [
        path
        for path in SERVER.rglob("*.py")
        if path.name != "settings.py" and reading.search(path.read_text())
    ]
    assert not names(readers)


class Page(HTMLParser):
    """What a template says once Jinja's own marks are taken out: its roots, and what a CSP would refuse."""

    VOID = frozenset(
        ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
    )

    def __init__(self, source: str) -> None:
        super().__init__()
        self.depth = 0
        self.roots: list[dict[str, str | None]] = []
        self.stray: list[str] = []
        self.refused: list[str] = []
        self.feed(
            re.sub(
                r"\{\{.*?\}\}",
                "x",
                re.sub(r"\{#.*?#\}|\{%.*?%\}", "", source, flags=re.DOTALL),
                flags=re.DOTALL,
            )
        )
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if self.depth == 0:
            self.roots.append(attributes)
        if tag == "style" or (tag == "script" and "src" not in attributes):
            self.refused.append(f"<{tag}>")
        self.refused += [name for name in attributes if name == "style" or name.startswith(("on", "hx-on"))]
        if tag not in self.VOID:
            self.depth += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.depth -= 1

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        if self.depth == 0 and data.strip():
            self.stray.append(data.strip())


@pytest.mark.parametrize("path", PARTIALS, ids=lambda path: str(path.relative_to(ROOT)))
def test_partial_has_one_root_with_an_id(path: Path) -> None:
    page = Page(path.read_text())
    assert [bool(root.get("id")) for root in page.roots] == [True]
    assert not page.stray
    assert page.depth == 0, "every element is closed"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_has_no_inline_script_or_style(path: Path) -> None:
    assert not Page(path.read_text()).refused


def test_page_reader_sees_what_it_must() -> None:
    page = Page(
        '{% if a %}<b id="x" hx-on:click="{{ b }}">{% endif %}<br><i style="c"/>t</b> stray <p onclick>'
    )
    assert (len(page.roots), page.stray, page.refused) == (2, ["stray"], ["hx-on:click", "style", "onclick"])


def test_vendored_files_are_what_they_were() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    wanted = {name: checksum for checksum, name in (line.split() for line in lines)}
    present = {path.name for path in VENDOR.iterdir()} - {"README.md", "SHA256SUMS"}
    assert wanted == {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in present}


def test_no_literal_of_a_script_has_several_lines() -> None:
    """Bundles leave out lines that look like a comment."""
    scripts = sorted((ROOT / "static/js").glob("*.js"))
    assert scripts
    for script in scripts:
        odd = [line for line in script.read_text().splitlines() if line.count("`") % 2]
        assert not odd, (script.name, odd)


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_migration_is_a_dated_topic_in_lower_case(path: Path) -> None:
    assert re.fullmatch(r"\d{14}_[a-z0-9_]+\.sql", path.name)
    code = re.sub(r"--.*|/\*.*?\*/|'(?:[^']|'')*'", "", path.read_text())
    assert not re.findall(
        r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|GRANT|REVOKE|FROM|WHERE|BEGIN|RETURN)\b", code
    )
