"""Tools: their form, their secret, import and export; and what an agent meets that wants to use them."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from server.kernel.auth import SecretKeys
from tests.agents.conftest import row, said, tool_form
from tests.app_server import AppServer, Person, decision


async def add_tool(admin: httpx.AsyncClient, agent_id: UUID, **fields: str) -> None:
    answer = await admin.post(f"/agents/{agent_id}/tools", data=tool_form(**fields))
    assert said(answer) == "tool"


async def tool_of(app_server: AppServer, agent_id: UUID, name: str = "issue_voucher") -> dict[str, Any]:
    return await row(
        app_server, "select * from agent_tools where (agent_id, tool_name) = ($1, $2)", agent_id, name
    )


async def test_a_tool_is_added_changed_and_removed(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent_id = voice.agents[0].id
    await add_tool(
        admin, agent_id, field_description_0="In dollars", field_name_1="note", field_type_1="string", limit_argument="amount",
        asks_above="19,90", refuses_above="500", uses_per_interaction="2", undo_seconds="30", idempotent="yes",
        endpoint="https://example.com/vouchers", method="PUT", auth_type="bearer", timeout="20", retry_count="3", secret="s3cret",
    )  # fmt: skip
    tool = await tool_of(app_server, agent_id)
    assert tool["input_schema"] == {
        "type": "object",
        "properties": {"amount": {"type": "number", "description": "In dollars"}, "note": {"type": "string"}},
        "required": ["amount"],
    }
    assert tool["tool_config"] == {
        "endpoint": "https://example.com/vouchers", "method": "PUT", "auth_type": "bearer",
        "params": {"timeout": 20, "retry_count": 3},
    }  # fmt: skip
    assert [
        str(tool[name]) for name in ("asks_above", "refuses_above", "uses_per_interaction", "undo_seconds")
    ] == ["19.90", "500", "2", "30"]
    assert (tool["idempotent"], tool["requires_permission"], tool["mode"]) == (True, True, "asks")
    schema = json.dumps(tool["input_schema"] | {"properties": {"amount": {"type": "number", "minimum": 1}}})
    as_json = tool_form(edited="json", schema=schema, mode="shown")
    assert said(await admin.post(f"/agents/{agent_id}/tools/{tool['id']}", data=as_json)) == "tool"
    # Edited as fields again: the rule of which a row knows nothing stays.
    assert (
        said(
            await admin.post(
                f"/agents/{agent_id}/tools/{tool['id']}", data=tool_form(mode="refused", field_was_0="amount")
            )
        )
        == "tool"
    )
    tool = await tool_of(app_server, agent_id)
    assert tool["input_schema"]["properties"] == {"amount": {"type": "number", "minimum": 1}}
    assert (tool["mode"], tool["requires_permission"], tool["sealed_secret"] is not None) == (
        "refused",
        True,
        True,
    )
    assert said(await admin.post(f"/agents/{agent_id}/tools/{tool['id']}/removal")) == "removed"
    assert (await admin.post(f"/agents/{agent_id}/tools/{tool['id']}/removal")).status_code == 404
    assert (await admin.get(f"/agents/{agent_id}/tools/{uuid4()}")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"tool_name": ""}, "1 to 255 characters"),
        ({"tool_name": "issue_refund"}, "has a tool of this name already"),
        ({"mode": "sometimes"}, "Choose one."),
        ({"undo_seconds": "301"}, "A whole number, 0 to 300."),
        ({"uses_per_interaction": "0"}, "A whole number, 1 to 1000."),
        ({"asks_above": "5"}, "Which argument do the limits compare?"),
        ({"asks_above": "5", "refuses_above": "4", "limit_argument": "amount"}, "below the amount from which it asks"),
        ({"asks_above": "1e3", "limit_argument": "amount"}, "An amount such as 20"),
        ({"asks_above": "-1", "limit_argument": "amount"}, "An amount such as 20"),
        ({"endpoint": "file:///etc/passwd"}, "An address that begins with"),
        ({"endpoint": "https://a:b@example.com"}, "those belong into the secret"),
        ({"endpoint": "https://example.com:99999999"}, "An address that begins with"),
        ({"edited": "json", "schema": "{"}, "This is not JSON"),
        ({"edited": "json", "schema": "[]"}, "is an object with"),
        ({"edited": "json", "schema": '{"type": "string"}'}, "is an object with"),
        ({"edited": "json", "schema": '{"type": "object", "properties": {"a": {"type": "money"}}}'}, "properties.a.type"),
        ({"edited": "json", "schema": '{"a": NaN}'}, "NaN is no number of JSON"),
        ({"edited": "json", "schema": "[" * 3000}, "This is not JSON"),
        ({"field_name_1": "amount", "field_type_1": "string"}, "comes twice"),
        ({"secret": "x" * 4001}, "4000 characters at most"),
    ],
)  # fmt: skip
async def test_a_value_that_cannot_be_used_is_named(
    admin: httpx.AsyncClient, voice: Person, fields: dict[str, str], sentence: str
) -> None:
    answer = await admin.post(
        f"/agents/{voice.agents[0].id}/tools", data=tool_form(description="Typed text", **fields)
    )
    assert answer.status_code in (409, 422)
    assert sentence in answer.text.replace("&#34;", '"')
    assert "Typed text" in answer.text


async def test_a_secret_is_sealed_and_nobody_reads_it_back(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    secret = "s3cret-of-the-endpoint"
    await add_tool(admin, agent.id, secret=secret, endpoint="https://example.com")
    tool = await tool_of(app_server, agent.id)
    assert secret.encode() not in bytes(tool["sealed_secret"])
    pages = [
        f"/agents/{agent.id}",
        f"/agents/{agent.id}/tools/{tool['id']}",
        f"/agents/{agent.id}/tools.json",
        "/agents.csv",
    ]
    for path in pages:
        assert secret not in (await admin.get(path)).text, path
    async with app_server.api(agent) as api:
        assert secret not in (await api.get("/agent")).text
    everything = await row(
        app_server,
        """select (select string_agg(l::text, '') from audit_logs l) || (select string_agg(v::text, '') from agent_versions v)
          || (select string_agg(a::text, '') from agents a) as text""",
    )
    assert secret not in everything["text"]
    assert secret not in app_server.log.read_text()
    assert "Leave it empty to keep it" in (await admin.get(pages[1])).text
    await admin.post(pages[1], data=tool_form(endpoint="https://example.com"))
    assert (await tool_of(app_server, agent.id))["sealed_secret"] == tool["sealed_secret"]
    async with app_server.database() as owner:
        lost = SecretKeys("a key that this server never had").seal(secret)
        await owner.execute("update agent_tools set sealed_secret = $2 where id = $1", tool["id"], lost)
    assert "Enter it again" in (await admin.get(pages[1])).text
    await admin.post(pages[1], data=tool_form(forget_secret="yes"))
    assert (await tool_of(app_server, agent.id))["secret_set_at"] is None


async def test_letting_a_tool_run_that_was_denied_is_confirmed(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    async with app_server.browser_of(voice) as browser:
        await browser.post(
            f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied", reason="Too much")
        )
    tool = await tool_of(app_server, agent.id, "issue_refund")
    form = tool_form(tool_name="issue_refund", mode="runs")
    refused = await admin.post(f"/agents/{agent.id}/tools/{tool['id']}", data=form)
    assert refused.status_code == 422
    for words in ("denied this tool 1 time", voice.username, "Too much"):
        assert words in refused.text
    assert (await tool_of(app_server, agent.id, "issue_refund"))["mode"] == "asks"
    assert (
        said(await admin.post(f"/agents/{agent.id}/tools/{tool['id']}", data=form | {"confirmed": "yes"}))
        == "tool"
    )
    assert "1 denied" in (await admin.get(f"/agents/{agent.id}")).text


async def test_tools_are_exported_and_imported_as_the_specification_writes_them(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent_id = voice.agents[0].id
    tool = await tool_of(app_server, agent_id, "issue_refund")
    await admin.post(
        f"/agents/{agent_id}/tools/{tool['id']}",
        data=tool_form(
            tool_name="issue_refund", limit_argument="amount", asks_above="20", mode="asks", secret="s3cret"
        ),
    )
    answer = await admin.get(f"/agents/{agent_id}/tools.json")
    assert answer.headers["content-disposition"] == 'attachment; filename="tools.json"'
    exported = answer.json()
    assert [one["name"] for one in exported["tools"]] == ["check_order", "issue_refund"]
    assert (
        said(
            await admin.post(
                f"/agents/{agent_id}/tools/import", data={"tools": answer.text, "others": "remove"}
            )
        )
        == "imported"
    )
    assert (await admin.get(f"/agents/{agent_id}/tools.json")).json() == exported
    kept = await tool_of(app_server, agent_id, "issue_refund")
    assert (str(kept["asks_above"]), kept["sealed_secret"] is not None) == ("20", True), (
        "what the JSON does not know stays"
    )
    new = {
        "tools": [
            {
                "name": "look_up",
                "requires_permission": False,
                "config": {"endpoint": "https://example.com", "auth_type": "bearer"},
            }
        ]
    }
    assert (
        said(
            await admin.post(
                f"/agents/{agent_id}/tools/import", data={"tools": json.dumps(new), "others": "keep"}
            )
        )
        == "imported"
    )
    names = [one["name"] for one in (await admin.get(f"/agents/{agent_id}/tools.json")).json()["tools"]]
    assert names == ["check_order", "issue_refund", "look_up"]
    await admin.post(f"/agents/{agent_id}/tools/import", data={"tools": json.dumps(new), "others": "remove"})
    same = await row(
        app_server,
        """select a.mcp_tools, (select jsonb_agg(t.tool_name) from agent_tools t where t.agent_id = a.id) as names from agents a
        where a.id = $1""",
        agent_id,
    )
    assert same == {"mcp_tools": new, "names": ["look_up"]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "This is not JSON"),
        ('{"tools": 1}', "not a list of tools"),
        ("[1]", "Tool 1 is not an object"),
        ('[{"name": ""}]', "Tool 1 needs a name"),
        ('[{"name": "a"}, {"name": "a"}]', "Two tools have the name a"),
        ('[{"name": "a", "requires_permission": "yes"}]', "requires_permission of tool a must be true or false"),
        ('[{"name": "a", "permission": true}]', "which the tools of an agent do not have"),
        ('[{"name": "a", "config": {"api_key": "k"}}]', "a secret is kept sealed"),
        ('[{"name": "a", "config": {"headers": [{"Authorization": "Bearer x"}]}}]', "a secret is kept sealed"),
        ('[{"name": "a", "input_schema": {"type": "array"}}]', "input_schema of tool a"),
        (json.dumps([{"name": f"t{n}"} for n in range(201)]), "200 at most"),
    ],
)  # fmt: skip
async def test_what_is_not_a_list_of_tools_is_refused_whole(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person, text: str, sentence: str
) -> None:
    agent_id = voice.agents[0].id
    before = await row(app_server, "select mcp_tools from agents where id = $1", agent_id)
    answer = await admin.post(f"/agents/{agent_id}/tools/import", data={"tools": text, "others": "remove"})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert await row(app_server, "select mcp_tools from agents where id = $1", agent_id) == before


async def statuses(
    app_server: AppServer, person: Person, interaction: str, *amounts: Any, tool: str = "issue_voucher"
) -> list[str]:
    """The status of a request for each amount; None leaves the argument out."""
    found = []
    for amount in amounts:
        arguments = {} if amount is None else {"amount": amount}
        asked = await app_server.ask(person.agents[0], interaction, tool_name=tool, arguments=arguments)
        found.append(asked["status"])
        if asked["status"] == "denied":
            assert asked["reason"]
            assert asked["responded_by"] is None
        if asked["status"] == "pending":
            async with app_server.api(person.agents[0]) as api:
                await api.delete(f"/tool-permissions/{asked['id']}")
    return found


@pytest.mark.parametrize(
    ("mode", "found"), [("runs", "allowed"), ("shown", "allowed"), ("asks", "pending"), ("refused", "denied")]
)
async def test_the_mode_of_a_tool_decides_who_decides(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person, mode: str, found: str
) -> None:
    await add_tool(admin, voice.agents[0].id, mode=mode)
    interaction = await app_server.start(voice.agents[0])
    assert await statuses(app_server, voice, interaction, 5) == [found]
    async with app_server.browser_of(voice) as browser:
        floor = (await browser.get("/")).text
        assert ("runs, no permission needed" in floor) == (mode == "shown"), "a line on the floor"
        page = (await browser.get(f"/interactions/{interaction}")).text
    words = {
        "runs": "ran freely",
        "shown": "ran, shown",
        "refused": "by the rules of the tool",
        "asks": "cancelled",
    }
    assert words[mode] in page


async def test_amounts_are_asked_and_refused_above_their_limits(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    await add_tool(admin, voice.agents[0].id, limit_argument="amount", asks_above="20", refuses_above="500")
    interaction = await app_server.start(voice.agents[0])
    amounts = [0, 20, 20.01, 500, 500.5, 10**14, None, "10", -5, [1], True]
    assert await statuses(app_server, voice, interaction, *amounts) == [
        "allowed", "allowed", "pending", "pending", "denied", "denied", "pending", "pending", "pending", "pending", "pending",
    ]  # fmt: skip
    tool = await tool_of(app_server, voice.agents[0].id)
    await admin.post(
        f"/agents/{voice.agents[0].id}/tools/{tool['id']}",
        data=tool_form(mode="runs", limit_argument="amount", refuses_above="500"),
    )
    assert await statuses(app_server, voice, interaction, 499, 501, None) == ["allowed", "denied", "pending"]


async def test_a_tool_has_so_many_uses_in_an_interaction(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    await add_tool(admin, agent.id, mode="runs", uses_per_interaction="2", edited="json", schema="")
    first = await app_server.start(agent)
    assert await statuses(app_server, voice, first, 1, 1, 1) == ["allowed", "allowed", "denied"]
    async with app_server.api(agent) as api:
        await api.post(f"/interactions/{first}/end", json={"status": "completed"})
    tool = await tool_of(app_server, agent.id)
    await admin.post(
        f"/agents/{agent.id}/tools/{tool['id']}", data=tool_form(mode="asks", uses_per_interaction="2")
    )
    second = await app_server.start(agent)
    pending = [
        await app_server.ask(agent, second, tool_name="issue_voucher", arguments={"amount": n})
        for n in (1, 2, 3)
    ]
    assert [one["status"] for one in pending] == ["pending", "pending", "denied"], (
        "pending ones could still be allowed"
    )
    async with app_server.browser_of(voice) as browser:
        await browser.post(
            f"/tool-permissions/{pending[0]['id']}/decision", data=decision(pending[0], "denied")
        )
    assert await statuses(app_server, voice, second, 4) == ["pending"], "a denied one is no use"


async def test_a_standing_approval_does_not_pass_the_limits(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    await add_tool(admin, agent.id, limit_argument="amount", refuses_above="100", uses_per_interaction="3")
    interaction = await app_server.start(agent)
    asked = await app_server.ask(agent, interaction, tool_name="issue_voucher", arguments={"amount": 50})
    async with app_server.browser_of(voice) as browser:
        form = decision(asked, "allowed", scope="any", uses="9", minutes="30")
        await browser.post(f"/tool-permissions/{asked['id']}/standing-approval", data=form)
    assert await statuses(app_server, voice, interaction, 60, 101, 70, 80) == [
        "allowed",
        "denied",
        "allowed",
        "denied",
    ]
