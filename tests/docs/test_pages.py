"""The pages of the documentation: who reads them, that their links lead somewhere, and that nothing is missing."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import click
import httpx
import pytest
from starlette.routing import Mount, Route

from server.app import create_app
from server.cli.commands import main
from server.docs.views import CHAPTERS, documented
from server.kernel import observability
from server.settings import Settings
from tests.app_server import DEADLINE, AppServer
from tests.conftest import ROOT
from tests.docs.examples import FOLDER

ADDRESSES = ["/docs", *(f"/docs/{chapter.name}" for chapter in CHAPTERS[1:]), "/api"]


class Page(HTMLParser):
    """Links, ids, the title, the names of code blocks, and the content of <code> outside of those."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.examples: list[str] = []
        self.calls: list[str] = []
        self.codes: list[str] = []
        self.title = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name, kept in (("id", self.ids), ("data-example", self.examples), ("data-call", self.calls)):
            if value := given.get(name):
                kept.append(value)
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag == "code" and "pre" not in self._open:
            self.codes.append("")
        if tag in {"code", "pre", "title"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open == ["code"]:
            self.codes[-1] += data
        elif self._open[-1:] == ["title"]:
            self.title += data


@pytest.fixture(scope="module")
def pages(app_server: AppServer) -> dict[str, Page]:
    """As anybody sees them."""
    with httpx.Client(base_url=app_server.url, timeout=DEADLINE) as browser:
        answers = {address: browser.get(address) for address in ADDRESSES}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {address: Page(answer.text) for address, answer in answers.items()}


def codes(page: Page) -> set[str]:
    return {text.strip() for text in page.codes}


def test_each_page_has_its_own_title_and_no_id_twice(pages: dict[str, Page]) -> None:
    assert len({page.title for page in pages.values()}) == len(ADDRESSES)
    for page in pages.values():
        assert len(page.ids) == len(set(page.ids))


def test_every_link_leads_to_a_page_and_a_place_on_it(pages: dict[str, Page], app_server: AppServer) -> None:
    with httpx.Client(base_url=app_server.url, timeout=DEADLINE, follow_redirects=True) as browser:
        for address, page in pages.items():
            assert page.links
            for link in page.links:
                path, _, fragment = link.partition("#")
                if path and path not in pages:
                    assert browser.get(path).status_code == 200, (address, link)
                if fragment:
                    assert fragment in pages[path or address].ids, (address, link)


def test_no_page_where_there_is_none(app_server: AppServer) -> None:
    for path in ("/docs/nothing", "/docs/layout", "/docs/examples/key.sh", "/docs/../nothing"):
        assert httpx.get(app_server.url + path).status_code == 404


def test_every_example_is_shown_once_and_run_by_a_test(pages: dict[str, Page]) -> None:
    shown = [name for page in pages.values() for name in page.examples]
    assert sorted(shown) == sorted(path.name for path in FOLDER.iterdir() if path.is_file())
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert set(shown) == set(re.findall(r'\bexample\("([\w.-]+)"\)', tests))


def test_every_setting_is_explained(pages: dict[str, Page]) -> None:
    shown = codes(pages["/docs/settings"])
    assert {one.name for one in documented()} <= shown
    assert {name for one in documented() for name in one.older_names} <= shown
    assert all(one.description for one in documented())
    assert len(documented()) == len(Settings.model_fields)


def commands(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from commands(inner, f"{name} {word}")
    else:
        yield name


def test_every_command_is_explained(pages: dict[str, Page]) -> None:
    shown = codes(pages["/docs/commands"])
    assert {name for name in shown if name.startswith("floorwalker ")} == set(commands(main, "floorwalker"))


def addresses() -> Iterator[str]:
    settings = Settings(_env_file=None)
    for route in create_app(settings)[0].routes:
        if isinstance(route, Mount) or (
            isinstance(route, Route) and not route.path.startswith(("/api/v1", "/first-admin"))
        ):
            yield route.path


def test_every_address_is_explained(pages: dict[str, Page]) -> None:
    shown = codes(pages["/docs/operations"])
    assert set(addresses()) <= shown
    assert {word for word in shown if word.startswith("/")} <= {*addresses(), "/auth/v1", "/first-admin"}


def events() -> Iterator[str]:
    for path in (ROOT / "server").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
            ):
                first = node.args[0]
                assert isinstance(first, ast.Constant), "an event is a constant, so that it can be found"
                yield str(first.value)


def test_every_event_of_the_log_and_every_metric_is_explained(pages: dict[str, Page]) -> None:
    shown = codes(pages["/docs/operations"])
    metrics = set(re.findall(r"(?m)^# TYPE (\w+) ", observability.exposition().decode()))
    metrics = {name for name in metrics if not name.endswith("_created")}
    assert len(metrics) == 5
    assert metrics <= shown
    words = {word for word in shown if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", word)}
    fields = {"database", "listener", "notifications", "event", "level", "timestamp"}
    assert words - metrics - fields == set(events())
