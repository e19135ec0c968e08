"""Live pages as they are declared: SQL, record, templates and regions agree."""

import importlib
import json
import re
import types
from collections.abc import Iterator
from typing import Any, TypedDict, get_args, get_origin, get_type_hints, is_typeddict
from uuid import UUID, uuid4

import pytest
from jinja2 import nodes

from server.app import PAGES
from server.kernel.http import Partials, Template, rendering
from server.kernel.live import Page
from server.kernel.live.regions import whole
from tests import templates
from tests.app_server import Agent, AppServer, Person, decision
from tests.database.acting import as_person
from tests.permissions.test_changed_arguments import fields, reviewed

# The template of a page in the browser, and the pages whose regions stand in it.
STANDING = {
    "floor/floor.html": ["floor"],
    "floor/wallboard.html": ["wallboard", "waiting"],
    "interactions/interaction.html": ["interaction"],
    "agents/first_call.html": ["setup"],
    "live.html": ["alerts"],  # beside the others, on every page with a stream
}
MODULES = [
    "server.agents.pages",
    "server.floor.pages",
    "server.floor.wallboard",
    "server.interactions.pages",
    "server.kernel.live.alert_cards",
    "server.kernel.live.permission_cards",
]
TEMPLATES = {
    template.path: template
    for module in map(importlib.import_module, MODULES)
    for template in vars(module).values()
    if isinstance(template, Template)
}


class Seen(dict[str, set[bool]]):
    """Path of what may be missing or empty → whether it was there."""

    def __missing__(self, path: str) -> set[bool]:
        return self.setdefault(path, set())


def faults(value: Any, kind: Any, path: str, seen: Seen) -> Iterator[str]:
    """Where a value of JSON is not what its type says."""
    if kind is Any:
        return
    if get_origin(kind) is types.UnionType:
        seen[path].add(value is not None)
        if value is not None:
            (inner,) = templates.options(kind)
            yield from faults(value, inner, path, seen)
    elif is_typeddict(kind):
        if type(value) is not dict:
            yield f"{path} is {value!r}"
            return
        hints = get_type_hints(kind)
        yield from (f"{path}.{name} is not declared" for name in value.keys() - hints.keys())
        yield from (f"{path}.{name} is missing" for name in kind.__required_keys__ - value.keys())
        for name in value.keys() & hints.keys():
            yield from faults(value[name], hints[name], f"{path}.{name}", seen)
    elif get_origin(kind) in (list, dict):
        seen[path].add(bool(value))
        if type(value) is not get_origin(kind):
            yield f"{path} is {value!r}"
            return
        for one in value.values() if isinstance(value, dict) else value:
            yield from faults(one, get_args(kind)[-1], f"{path}[]", seen)
    elif get_origin(kind) is tuple:
        for place, (one, inner) in enumerate(zip(value, get_args(kind), strict=True)):
            yield from faults(one, inner, f"{path}[{place}]", seen)
    elif type(value) is not kind and not (kind is float and type(value) is int):
        yield f"{path} is {value!r}, not {kind.__name__}"


ARCHIVE = {
    "summary": "They asked again.",
    "issues": [{"issue": "Late", "status": "resolved"}],
    "tags": {"topics": ["delivery"], "issues": [{"tag": "late", "status": "resolved"}]},
    "csat_score": 88.5,
    "resolution_time_seconds": 60,
}


@pytest.fixture(scope="module")
async def filled(app_server: AppServer) -> dict[str, Any]:
    """What each page shows its viewer, where everything that can happen has."""
    admin, person = await app_server.hire("admin"), await app_server.hire("voice", 3)
    talking, idle, third = person.agents
    earlier = await ended(app_server, idle)
    forgotten = await decided_and_forgotten(app_server, third, person)
    await ended(app_server, idle)  # with the same issue: the first one resolved nothing
    live = await busy(app_server, talking, person)
    heard = (await app_server.hire("chat")).agents[0]  # for the average, in which a silent one does not count
    async with app_server.api(heard) as api:
        await api.post(
            f"/interactions/{await app_server.start(heard)}/metrics", json={"satisfaction_score": 50}
        )
    waiting = await app_server.hire("voice", 2)
    await first_call(app_server, waiting)
    await called(app_server, person, live)
    async with app_server.database() as owner:
        await owner.execute("update agents set paused_at = now() where id = $1", idle.id)
    questions: dict[str, tuple[Person, list[dict[str, Any]]]] = {
        "floor": (person, [{"supervisor_id": str(person.id)}]),
        "wallboard": (admin, [{"supervisor": person.username}]),
        "waiting": (admin, [{"supervisor": person.username}]),
        "interaction": (
            person,
            [{"interaction_id": one, "supervisor_id": str(person.id)} for one in (live, earlier, forgotten)],
        ),
        "alerts": (person, [{"supervisor_id": str(person.id)}]),
        "setup": (admin, [{"agent_id": str(agent.id)} for agent in waiting.agents]),
    }
    found: dict[str, Any] = {}
    for page in PAGES:
        viewer, asked = questions[page.name]
        async with as_person(app_server, viewer) as connection:
            found[page.name] = [
                json.loads(await connection.fetchval(f"select private.{page.function}($1)::text", one))
                for one in asked
            ]
    return found


async def called(app_server: AppServer, person: Person, live: str) -> None:
    """An alert of an interaction, and one of a share within an hour."""
    async with app_server.database() as owner:
        for condition, minutes, interaction in (("silence", None, UUID(live)), ("expired", 60, None)):
            rule = await owner.fetchval(
                """insert into alert_rules (name, condition, amount, minutes, calls, changed_by, changed_by_name)
                values ('A rule', $1, 60, $2, 'both', $3, 'x') returning id""",
                condition,
                minutes,
                person.id,
            )
            await owner.execute(
                """insert into alerts (rule_id, rule_name, condition, amount, minutes, supervisor_id, interaction_id, subject_id,
                  measured, calls_supervisor, calls_admins, opened_at, calm_since)
                values ($1, 'A rule', $2, 60, $3, $4::uuid, $5::uuid, coalesce($5::uuid, $4::uuid), 70, true, true, now(), 'infinity')""",
                rule,
                condition,
                minutes,
                person.id,
                interaction,
            )


async def first_call(app_server: AppServer, person: Person) -> None:
    """Two agents that waited for the first call: one got it, and one was refused."""
    done, refused = person.agents
    async with app_server.database() as owner:
        await owner.execute("update agents set setup_began_at = now() where supervisor_id = $1", person.id)
    live = await app_server.start(done, phone_number="+14155550123 ext. 7")
    async with app_server.api(done) as api, app_server.browser_of(person) as browser:
        await api.post(f"/interactions/{live}/metrics", json={"satisfaction_score": 71.5})
        asked = await app_server.ask(done, live)
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed"))
        await api.get(f"/tool-permissions/{asked['id']}")
    async with app_server.api(refused) as api:
        assert (await api.post("/interactions", json={})).status_code == 422


async def busy(app_server: AppServer, agent: Agent, person: Person) -> str:
    """An interaction with a request of each kind, a standing approval, and metrics."""
    live = await app_server.start(agent, phone_number="+14155550123 ext. 7")
    metric = {"sentiment": "good", "satisfaction_score": 71.5, "feed_text": "Asks for the money."}
    async with app_server.api(agent) as api:
        assert (await api.post(f"/interactions/{live}/metrics", json=metric)).status_code == 202
        turn = {"speaker": "customer", "text": "Hello?"}
        assert (await api.post(f"/interactions/{live}/turns", json=turn)).is_success
    described = {"tool_description": "Pays it back", "tool_name": "issue_refund"}
    asked = [
        await app_server.ask(agent, live, **described, arguments={"amount": n}, accepts_changes=True)
        for n in range(4)
    ]
    async with app_server.database() as owner:
        await owner.execute("update agent_tools set undo_seconds = 60 where agent_id = $1", agent.id)
        await owner.execute(
            "insert into agent_tools (agent_id, tool_name, mode) values ($1, 'look_up', 'shown')", agent.id
        )
    await app_server.ask(agent, live, tool_name="look_up")
    async with app_server.browser_of(person) as browser:
        step = await reviewed(browser, asked[0], **{"value-0": "0.5", "reason": "Because."})
        path = f"/tool-permissions/{asked[0]['id']}/answer"
        assert (await browser.post(path, data=fields(step.text) | {"do": "allowed"})).status_code == 303
        denied = decision(asked[1], "denied", reason="Because.")
        await browser.post(f"/tool-permissions/{asked[1]['id']}/decision", data=denied)
        approval = {
            "scope": "exact",
            "uses": "3",
            "minutes": "30",
            "arguments_digest": asked[2]["arguments_digest"],
        }
        await browser.post(f"/tool-permissions/{asked[2]['id']}/standing-approval", data=approval)
    # Its card says what differs from the one that was allowed, and what is usual.
    asked_now = await app_server.ask(agent, live, **described, arguments={"amount": 9})
    async with app_server.database() as owner:
        await owner.execute(
            "update tool_permissions set usual_amount = 1.5 where id = $1", UUID(asked_now["id"])
        )
    async with app_server.api(agent) as api:
        claimed = await api.post(
            f"/tool-permissions/{asked[2]['id']}/execution",
            json={"arguments_digest": asked[2]["arguments_digest"]},
        )
        assert claimed.is_success, claimed.text
    async with app_server.database() as owner:
        await owner.execute(
            """update interaction_pulse set silent_since = last_seen_at, silent_until = now(), critical_until = 'infinity', critical_since = now(),
              low_until = now() where interaction_id = $1""",
            live,
        )
    return live


async def decided_and_forgotten(app_server: AppServer, agent: Agent, person: Person) -> str:
    """An interaction with a request that was allowed with changes and ran, and one under a standing approval; then forgotten."""
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live, arguments={"amount": 5}, accepts_changes=True)
    async with app_server.browser_of(person) as browser:
        step = await reviewed(browser, asked, **{"value-0": "4"})
        path = f"/tool-permissions/{asked['id']}/answer"
        assert (await browser.post(path, data=fields(step.text) | {"do": "allowed"})).status_code == 303
        first = await app_server.ask(agent, live, arguments={"amount": 1})
        approval = {
            "scope": "exact",
            "uses": "3",
            "minutes": "30",
            "arguments_digest": first["arguments_digest"],
        }
        await browser.post(f"/tool-permissions/{first['id']}/standing-approval", data=approval)
    assert (await app_server.ask(agent, live, arguments={"amount": 1}))["status"] == "allowed"
    async with app_server.api(agent) as api:
        path = f"/tool-permissions/{first['id']}/execution"
        claimed = (await api.post(path, json={"arguments_digest": first["arguments_digest"]})).json()
        assert (await api.patch(path, json={**claimed, "succeeded": True})).is_success
        assert (await api.post(f"/interactions/{live}/end", json={"status": "completed"})).is_success
    async with app_server.database() as owner:
        await owner.execute("select private.forget(array[$1::uuid])", UUID(live))
    return live


async def ended(app_server: AppServer, agent: Agent) -> str:
    live = await app_server.start(
        agent,
        phone_number="+14155550177 ext. 7",
        called_number="+14155550100",
        livekit_room_id="room",
        external_id=f"call-{uuid4()}",
    )
    metrics = [{"satisfaction_score": score, "sentiment": "good"} for score in (60, 70)]
    async with app_server.api(agent) as api:
        for metric in metrics:
            assert (await api.post(f"/interactions/{live}/metrics", json=metric)).is_success
        done = {"status": "completed", "end_reason": "handed_over", "archive": ARCHIVE}
        assert (await api.post(f"/interactions/{live}/end", json=done)).is_success
    return live


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_a_page_shows_what_its_record_says(page: Page[Any], filled: dict[str, Any]) -> None:
    seen = Seen()
    found: list[str] = []
    for shown in filled[page.name]:
        found += faults(shown, page.shows, page.name, seen)
    assert not found
    assert not [path for path, there in seen.items() if True not in there], "the database was not filled"


async def test_the_database_reads_pages_by_the_functions_that_they_declare(app_server: AppServer) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch("select name, function from private.pages")
    assert {row["name"]: row["function"] for row in rows} == {page.name: page.function for page in PAGES}


@pytest.mark.parametrize("path", TEMPLATES)
def test_a_template_uses_what_its_record_has(path: str) -> None:
    assert not templates.unknown_names(path, get_type_hints(TEMPLATES[path].shows))


class _Inner(TypedDict):
    text: str


class _Outer(TypedDict):
    lines: list[_Inner] | None
    one: _Inner | None


@pytest.mark.parametrize(
    ("source", "unknown"),
    [
        ("{{ shown.one.text }}{{ shown.lines }}{{ shown.one.text|upper }}", []),
        ("{{ shown.two }}", ["shown.two"]),
        ("{{ other }}", ["other"]),
        ("{% for line in shown.lines %}{{ line.text }}{{ line.words }}{% else %}{{ line }}{% endfor %}", ["line", "line.words"]),
        ("{% set one = shown.one %}{{ one.text if one else one.none }}", ["one.none"]),
        ("{% with one = shown.one %}{% if one.x %}{% endif %}{% endwith %}", ["one.x"]),
        ("{% for line in shown.lines[:2] %}{{ line.words|upper }}{% endfor %}", ["line.words"]),
        ('<p class="{{ (shown.one or shown.two).text }}">', ["shown.two"]),
    ],
)  # fmt: skip
def test_names_that_a_record_has_not_are_found(
    source: str, unknown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = rendering.environment().parse(source)
    monkeypatch.setattr(templates, "tree", lambda _template: parsed)
    assert templates.unknown_names("any", {"shown": _Outer}) == unknown


@pytest.mark.parametrize("template", STANDING)
def test_regions_stand_in_the_template_of_their_page(template: str, filled: dict[str, Any]) -> None:
    pages = {page.name: page for page in PAGES}
    rendered = {
        name: whole(region)
        for page in STANDING[template]
        for name, region in pages[page].regions(filled[page][0], Partials()).items()
    }
    for name, html in rendered.items():
        assert re.match(rf'<\w+ data-region id="{name}"', html), name
    has_title = any(pages[page].title for page in STANDING[template])
    others = {"title"} if has_title else {"connection"} if template == "live.html" else set()
    assert {*rendered, *others} == set(placed(template))


def placed(template: str) -> list[str]:
    """The regions that stand in a template itself."""
    found = [
        item.arg.value
        for item in templates.tree(template).find_all(nodes.Getitem)
        if isinstance(item.node, nodes.Name)
        and item.node.name == "regions"
        and isinstance(item.arg, nodes.Const)
    ]
    assert len(found) == len(set(found)), "a region stands in one place"
    return found


def test_every_page_has_a_stream_of_its_own_or_stands_beside_one() -> None:
    first, beside = zip(*((names[0], names[1:]) for names in STANDING.values()), strict=True)
    assert {page.name for page in PAGES if page.watch} == set(first)
    assert {page.name for page in PAGES if not page.watch} == {name for names in beside for name in names}
