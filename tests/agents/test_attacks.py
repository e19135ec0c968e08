"""What was found by attacking the pages of agents: each as the smallest request that showed it."""

import asyncio
import html
import json
import re
import time
from typing import Any
from uuid import UUID

import httpx
import pytest

from server.agents import agent_versions
from tests.agents.conftest import agent_form, edited, make_agent, new_key, row, said, tool_form
from tests.app_server import AppServer, Person, decision


async def tool_of(app_server: AppServer, agent_id: UUID, name: str = "issue_refund") -> dict[str, Any]:
    return await row(
        app_server, "select * from agent_tools where (agent_id, tool_name) = ($1, $2)", agent_id, name
    )


async def test_a_tool_that_becomes_refused_refuses_what_is_open_held_or_allowed(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    tool = await tool_of(app_server, agent.id)
    interaction = await app_server.start(agent)
    path = f"/agents/{agent.id}/tools/{tool['id']}"
    asks = tool_form(tool_name="issue_refund", undo_seconds="60")
    await admin.post(path, data=asks | {"undo_seconds": "0"})
    allowed, pending = [await app_server.ask(agent, interaction, arguments={"amount": n}) for n in (1, 2)]
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        await browser.post(f"/tool-permissions/{allowed['id']}/decision", data=decision(allowed, "allowed"))
        await admin.post(path, data=asks)
        held = await app_server.ask(agent, interaction, arguments={"amount": 3})
        await browser.post(f"/tool-permissions/{held['id']}/decision", data=decision(held, "allowed"))
        assert said(await admin.post(path, data=asks | {"mode": "refused"})) == "tool"
        for one in (pending, held):
            found = (await api.get(f"/tool-permissions/{one['id']}")).json()
            assert (found["status"], found["responded_by"]) == ("denied", None)
            assert "refused while the request was open" in found["reason"]
        claim = await api.post(
            f"/tool-permissions/{allowed['id']}/execution",
            json={"arguments_digest": allowed["arguments_digest"]},
        )
        assert (claim.status_code, claim.json()["detail"]) == (
            409,
            "the tool is refused now, do not run the tool",
        )
        await admin.post(path, data=asks | {"limit_argument": "amount", "refuses_above": "100"})
        small, large = [await app_server.ask(agent, interaction, arguments={"amount": n}) for n in (50, 90)]
        await admin.post(path, data=asks | {"limit_argument": "amount", "refuses_above": "60"})
        states = [
            (await api.get(f"/tool-permissions/{one['id']}")).json()["status"] for one in (small, large)
        ]
        assert states == ["pending", "denied"]


async def test_a_change_of_the_specifications_json_loosens_nothing_by_leaving_out(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent_id = voice.agents[0].id
    async with app_server.database() as owner:
        await owner.execute(
            "update agent_tools set mode = 'refused' where agent_id = $1 and tool_name = 'issue_refund'",
            agent_id,
        )
        await owner.execute(
            """update agents set mcp_tools = '{"tools": [{"name": "issue_refund"}, {"name": "new_one"}]}' where id = $1""",
            agent_id,
        )
        modes = {
            one["tool_name"]: one["mode"]
            for one in await owner.fetch(
                "select tool_name, mode from agent_tools where agent_id = $1", agent_id
            )
        }
    assert modes == {"issue_refund": "refused", "new_one": "runs"}
    for given in ({}, {"requires_permission": None}):
        text = json.dumps([{"name": "issue_refund"} | given])
        assert said(await admin.post(f"/agents/{agent_id}/tools/import", data={"tools": text})) == "imported"
        assert (await tool_of(app_server, agent_id))["mode"] == "refused"
    loose = {"tools": '[{"name": "issue_refund", "requires_permission": false}]'}
    answer = await admin.post(f"/agents/{agent_id}/tools/import", data=loose)
    assert (answer.status_code, "would run without asking" in answer.text) == (422, True)
    assert (
        said(await admin.post(f"/agents/{agent_id}/tools/import", data=loose | {"confirmed": "yes"}))
        == "imported"
    )
    assert (await tool_of(app_server, agent_id))["mode"] == "runs"


async def test_the_sums_are_counted_again_without_tests(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    person = await app_server.hire("voice", agents=0)
    agent_id = await make_agent(admin, person.id)
    await admin.post(f"/agents/{agent_id}/first-call", data={"waiting": "yes"})
    headers = {"Authorization": f"Bearer {await new_key(admin, agent_id)}"}
    async with httpx.AsyncClient(base_url=f"{app_server.url}/api/v1", headers=headers) as api:
        one = (await api.post("/interactions", json={"interaction_type": "voice"})).json()["id"]
        end = {"status": "completed", "archive": {"summary": "x", "csat_score": 1}}
        await api.post(f"/interactions/{one}/end", json=end)
    async with app_server.database() as owner, owner.transaction():
        await owner.execute("select private.recount_performance()")
        assert (
            await owner.fetchval(
                "select total_interactions from agent_performance where agent_id = $1", agent_id
            )
            == 0
        )


async def test_a_rule_is_no_decision_and_a_retired_agent_waits_no_more(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    person = await app_server.hire("voice", agents=0)
    agent_id = await make_agent(admin, person.id)
    await admin.post(f"/agents/{agent_id}/tools", data=tool_form(mode="runs"))
    await admin.post(f"/agents/{agent_id}/first-call", data={"waiting": "yes"})
    headers = {"Authorization": f"Bearer {await new_key(admin, agent_id)}"}
    async with httpx.AsyncClient(base_url=f"{app_server.url}/api/v1", headers=headers) as api:
        one = (await api.post("/interactions", json={"interaction_type": "voice"})).json()["id"]
        asked = await api.post(
            f"/interactions/{one}/tool-permissions",
            json={"tool_name": "issue_voucher", "arguments": {"amount": 1}},
        )
        assert asked.json()["status"] == "allowed"
        await api.post(f"/interactions/{one}/end", json={"status": "completed"})
    waiting = "select setup_ended_at is null as waits from agents where id = $1"
    assert (await row(app_server, waiting, agent_id))["waits"]
    await admin.post(f"/agents/{agent_id}/retirement")
    assert not (await row(app_server, waiting, agent_id))["waits"]
    page = (await admin.get(f"/agents/{agent_id}")).text
    assert "It waits for the first call" not in page
    for path in ("edit", "tools/new", "setup/tools"):
        assert (await admin.get(f"/agents/{agent_id}/{path}")).status_code == 409


@pytest.mark.parametrize("text", ["\nfoo", "\n\n foo\n", "</textarea><b>", "a\tb  ", "\u2028x"])
async def test_a_prompt_stays_as_it_is_when_its_form_is_sent_unchanged(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person, text: str
) -> None:
    agent = voice.agents[0]
    await edited(admin, agent.id, 1, name=agent.name, system_prompt=text)
    page = (await admin.get(f"/agents/{agent.id}/edit")).text
    area = re.search(r'<textarea id="system_prompt"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    assert area is not None
    sent = html.unescape(area[1])  # a browser drops the first line end after the tag, and so does the pattern
    assert sent == text
    assert (
        said(await edited(admin, agent.id, 2, name=agent.name, system_prompt=sent.replace("\n", "\r\n")))
        == "unchanged"
    )


async def test_a_prompt_may_have_a_hundred_thousand_letters_of_any_script(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    form = agent_form(version="1", name=agent.name, system_prompt="é😀" * 50_000)
    files = {name: (None, value) for name, value in form.items()}
    assert said(await admin.post(f"/agents/{agent.id}/edit", files=files)) == "saved"
    stored = await row(app_server, "select length(system_prompt) as n from agents where id = $1", agent.id)
    assert stored["n"] == 100_000


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x\n\n" * 990, "y\n\n" * 990),
        ("a\n" * 50_000, "b\n" * 49_999),
        ("x " * 50_000, "y " * 50_000),
        ("\n" * 90_000, "x" * 90_000),
    ],
)
def test_no_two_texts_take_long_to_compare(before: str, after: str) -> None:
    began = time.process_time()
    (change,) = agent_versions.differences({"system_prompt": before}, {"system_prompt": after})
    assert change.groups
    assert time.process_time() - began < 20, "the square of the lines took minutes"


@pytest.mark.parametrize(
    ("before", "after"), [("p", "p\n"), ("a\nb", "a\nB"), ("", "x"), ("a\nb\nc", "a\nc"), ("a", "a\u2028b")]
)
def test_what_differs_is_seen_and_both_texts_can_be_put_together_again(before: str, after: str) -> None:
    (change,) = agent_versions.differences({"system_prompt": before}, {"system_prompt": after})
    lines = [line for _, group in change.groups for line in group]
    for text, kinds in ((before, ("same", "gone")), (after, ("same", "new"))):
        assert (
            "\n".join("".join(words for words, _ in line.parts) for line in lines if line.kind in kinds)
            == text
        )
    assert {line.kind for line in lines} - {"same"}


async def test_a_stale_form_of_a_tool_and_of_a_configuration_says_what_it_would_undo(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    tool = await tool_of(app_server, agent.id)
    path = f"/agents/{agent.id}/tools/{tool['id']}"
    stale = (await admin.get(path)).text.partition('name="seen" value="')[2][:16]
    await admin.post(path, data=tool_form(tool_name="issue_refund", mode="refused"))
    late = await admin.post(path, data=tool_form(tool_name="issue_refund", seen=stale))
    assert (late.status_code, "Somebody has changed this tool" in late.text) == (409, True)
    assert (await tool_of(app_server, agent.id))["mode"] == "refused"
    fresh = late.text.partition('name="seen" value="')[2][:16]
    assert fresh != stale
    assert said(await admin.post(path, data=tool_form(tool_name="issue_refund", seen=fresh))) == "tool"
    version = (
        await row(app_server, "select max(version) as n from agent_versions where agent_id = $1", agent.id)
    )["n"]
    await edited(admin, agent.id, version, name=agent.name, max_call_duration="600")
    late = await edited(admin, agent.id, version, name=agent.name, system_prompt="Be warm.")
    assert late.status_code == 409
    assert "<del>600 s</del>" in late.text


async def test_a_secret_stays_with_its_endpoint_when_a_version_is_restored(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    form = tool_form(tool_name="crm", endpoint="https://old.example.com", auth_type="bearer", secret="first")
    await admin.post(f"/agents/{agent.id}/tools", data=form)
    tool = await tool_of(app_server, agent.id, "crm")
    await admin.post(
        f"/agents/{agent.id}/tools/{tool['id']}",
        data=form | {"endpoint": "https://new.example.com", "secret": "second"},
    )
    assert (
        said(await admin.post(f"/agents/{agent.id}/versions", data={"version": "2", "newest": "3"}))
        == "restored"
    )
    tool = await tool_of(app_server, agent.id, "crm")
    assert (tool["tool_config"]["endpoint"], tool["sealed_secret"]) == ("https://old.example.com", None)
    assert "secret missing" in (await admin.get(f"/agents/{agent.id}")).text


async def test_two_changes_at_once_by_sql_are_two_versions(app_server: AppServer, voice: Person) -> None:
    agent_id = voice.agents[0].id

    async def set_key(key: str) -> None:
        async with app_server.database() as owner, owner.transaction():
            await owner.execute(
                "insert into agent_config (agent_id, config_key, config_value) values ($1, $2, '1')",
                agent_id,
                key,
            )
            await asyncio.sleep(0.2)

    await asyncio.gather(*(set_key(f"key_{number}") for number in range(4)))
    found = await row(
        app_server,
        "select max(version) as n, count(*) as all from agent_versions where agent_id = $1",
        agent_id,
    )
    assert found == {"n": 5, "all": 5}


@pytest.mark.parametrize(
    ("path", "form", "sentence"),
    [
        ("tools", tool_form(limit_argument="amount", asks_above="1,000"), "An amount such as 20"),
        ("tools", tool_form(**{f"field_{part}_{n}": value for n in range(45) for part, value in (("name", f"f{n}"), ("type", "string"))}), "40 fields at most"),
        ("tools", tool_form(field_description_3="Without a name", field_type_3="string"), "A field has no name"),
        ("tools/import", {"tools": '[{"name": "x", "config": {"a": %s}}]' % ("[" * 600 + "]" * 600)}, "nested too deeply"),
        ("tools/import", {"tools": '[{"name": "x", "description": "\\ud800"}]'}, "surrogate"),
        ("tools/import", {"tools": '[{"name": "x", "description": "\\u0000"}]'}, "NUL"),
        ("tools/import", {"tools": '[{"name": "x", "config": {"n": 1e400}}]'}, "can be stored"),
        ("tools/import", {"tools": '[{"name": "x", "config": {"endpoint": "https://u:p@h/x"}}]'}, "belong into the secret"),
        ("tools/import", {"tools": '[{"name": "x", "config": {"headers": {"X-Api-Key": ["abc"]}}}]'}, "kept sealed"),
        ("tools/import", {"tools": '[{"name": "x", "config": {"method": 5}}]'}, "must be a text"),
        ("edit", agent_form(version="1", custom_metadata='{"a": NaN}'), "NaN is no number"),
        ("edit", agent_form(version="1", other='{"password": "hunter2"}'), "the name of a secret"),
        ("edit", agent_form(version="1", name="\u200b"), "letters that people can see"),
        ("clone", agent_form("00000000-0000-4000-8000-000000000000"), "There is no such supervisor"),
    ],
)  # fmt: skip
async def test_bad_input_is_a_sentence(
    admin: httpx.AsyncClient, voice: Person, path: str, form: dict[str, str], sentence: str
) -> None:
    answer = await admin.post(f"/agents/{voice.agents[0].id}/{path}", data=form)
    assert answer.status_code in (404, 409, 422), answer.status_code
    assert sentence in answer.text


async def test_a_schema_with_a_huge_bound_has_an_example(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    schema = (
        '{"type": "object", "properties": {"a": {"type": "number", "minimum": %s}}, "required": ["a"]}'
        % ("9" * 300)
    )
    await admin.post(
        f"/agents/{agent.id}/tools", data=tool_form(tool_name="aa", edited="json", schema=schema)
    )
    await admin.post(f"/agents/{agent.id}/first-call", data={"waiting": "yes"})
    assert (await admin.get(f"/agents/{agent.id}/first-call")).status_code == 200


async def test_versions_that_do_not_exist_are_not_found(admin: httpx.AsyncClient, voice: Person) -> None:
    page = f"/agents/{voice.agents[0].id}"
    for query in ("with=0", "version=0", "version=9"):
        assert (await admin.get(f"{page}?{query}")).status_code == 404
    assert "what changed" not in (await admin.get(f"{page}?version=1&with=1")).text
