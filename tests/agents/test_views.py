"""Agents as people make them, over real HTTP: list, form, versions, clones, pause, move, retire; and who may what."""

import csv
import io
import json
from secrets import token_hex
from uuid import uuid4

import httpx
import pytest

from tests.agents.conftest import agent_form, edited, made, make_agent, new_key, row, said
from tests.app_server import AppServer, Person
from tests.conftest import until


async def test_an_admin_makes_an_agent_with_all_its_fields(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    owner = await app_server.hire("voice", agents=0)
    agent_id = await make_agent(
        admin, owner.id, name="Étoile", description="Parcels", first_message="Bonjour!", voice_provider="elevenlabs",
        voice_id="v1", voice_name="Léa", model_provider="openai", model_name="gpt", language="pt-BR", interrupt_enabled="no",
        silence_threshold_seconds="1,25", max_call_duration="600", enable_recording="yes",
        callback_url="https://example.com/done?a=1", custom_metadata='{"campaign": "spring"}', other='{"region": "eu"}',
    )  # fmt: skip
    async with app_server.database() as connection:
        rows = await connection.fetch(
            "select config_key, config_value from agent_config where agent_id = $1", agent_id
        )
    config = {one["config_key"]: one["config_value"] for one in rows}
    assert config == {
        "max_call_duration": 600, "enable_recording": True, "callback_url": "https://example.com/done?a=1",
        "custom_metadata": {"campaign": "spring"}, "region": "eu",
    }  # fmt: skip
    key = await new_key(admin, agent_id)
    async with httpx.AsyncClient(base_url=f"{app_server.url}/api/v1") as client:
        seen = (await client.get("/agent", headers={"Authorization": f"Bearer {key}"})).json()
    assert seen["config"] == config
    wanted = {
        "name": "Étoile", "description": "Parcels", "first_message": "Bonjour!", "voice_provider": "elevenlabs", "voice_id": "v1",
        "voice_name": "Léa", "model_provider": "openai", "model_name": "gpt", "language": "pt-BR", "interrupt_enabled": False,
        "silence_threshold_seconds": 1.25, "system_prompt": "Be kind.", "agent_type": "voice",
    }  # fmt: skip
    assert {name: seen[name] for name in wanted} == wanted
    page = (await admin.get(f"/agents/{agent_id}")).text
    for words in ("Étoile", "Parcels", "Léa", "slot 1 of 3", owner.username, "10:00", "spring", "Version 1"):
        assert words in page
    versions = await row(
        app_server,
        "select count(*) as n, max(actor) as actor from agent_versions where agent_id = $1",
        agent_id,
    )
    assert versions["n"] == 1, "an agent with its configuration is one version"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "This is needed."),
        ("name", "x" * 256, "255 characters at most"),
        ("name", "a\x00b", "cannot be stored"),
        ("language", "English", "A code such as en"),
        ("silence_threshold_seconds", "0", "more than 0"),
        ("silence_threshold_seconds", "1e1", "more than 0"),
        ("supervisor_id", "nobody", "Whose agent is it?"),
        ("max_call_duration", "-1", "A whole number of seconds"),
        ("max_call_duration", "999999999999999999999", "A whole number of seconds"),
        ("callback_url", "javascript:alert(1)", "begins with https://"),
        ("callback_url", "https://user:secret@example.com", "without a password"),
        ("custom_metadata", "[1]", "A JSON object"),
        ("other", '{"max_call_duration": 5}', "has a field of its own"),
        ("other", '{"Not a key": 5}', "a key has 1 to 100 small letters"),
    ],
)  # fmt: skip
async def test_a_value_that_cannot_be_used_is_named_and_nothing_typed_is_lost(
    app_server: AppServer, admin: httpx.AsyncClient, field: str, value: str, sentence: str
) -> None:
    owner = await app_server.hire("voice", agents=0)
    words = token_hex(8)
    answer = await admin.post(
        "/agents", data=agent_form(owner.id) | {"system_prompt": f"Typed {words}."} | {field: value}
    )
    assert answer.status_code == 422
    assert sentence.casefold() in answer.text.casefold()
    assert f"Typed {words}." in answer.text
    count = await row(app_server, "select count(*) as n from agents where supervisor_id = $1", owner.id)
    assert count["n"] == 0


async def test_a_fourth_agent_is_refused_with_the_form(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    owner = await app_server.hire("voice", agents=3)
    answer = await admin.post("/agents", data=agent_form(owner.id))
    assert answer.status_code == 409
    assert "at most three agents" in answer.text
    assert "Parcel agent" in answer.text


async def test_a_list_is_searched_filtered_and_exported(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    owner = await app_server.hire("voice", agents=2)
    first, second = owner.agents
    await admin.post(f"/agents/{second.id}/pause", data={"paused": "yes"})
    for query, there in (
        (f"q={owner.username}", [True, True]),
        (f"q={first.name.upper()}", [True, False]),
        (f"supervisor={owner.username}&state=paused", [False, True]),
        (f"supervisor={owner.username}&state=working", [True, False]),
        (f"supervisor={owner.username}&kind=chat", [False, False]),
        (f"supervisor={owner.username}&state=retired", [False, False]),
    ):
        page = (await admin.get(f"/agents?{query}")).text
        assert [f'href="/agents/{one.id}"' in page for one in (first, second)] == there, query
    table = list(csv.DictReader(io.StringIO((await admin.get(f"/agents.csv?q={owner.username}")).text)))
    assert [(one["name"], one["slot"], one["supervisor"]) for one in table] == [
        (first.name, "1", owner.username),
        (second.name, "2", owner.username),
    ]
    for query in ("kind=fax", "state=happy", "q=%00"):
        assert (await admin.get(f"/agents?{query}")).status_code == 422
    assert "No matches" in (await admin.get("/agents?q=nobody-has-this-name")).text


async def test_a_version_that_somebody_else_published_is_not_overwritten_unseen(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    form = {"system_prompt": "Be brief.", "version": "1", "note": "Shorter"}
    async with app_server.browser_of(voice) as browser:
        assert said(await browser.post(f"/agents/{agent.id}/edit", data=form)) == "saved"
    late = await edited(admin, agent.id, 1, name=agent.name, system_prompt="Be warm and kind.")
    assert late.status_code == 409
    assert f"Version 2 was published by {voice.username} since you opened version 1." in late.text
    assert "Be warm and kind." in late.text
    assert 'name="version" value="2"' in late.text, "the next press publishes over what was shown"
    prompt = await row(app_server, "select system_prompt from agents where id = $1", agent.id)
    assert prompt["system_prompt"] == "Be brief."
    assert said(await edited(admin, agent.id, 2, name=agent.name, system_prompt="Be warm.")) == "saved"
    assert said(await edited(admin, agent.id, 3, name=agent.name, system_prompt="Be warm.")) == "unchanged"
    page = (await admin.get(f"/agents/{agent.id}")).text
    for words in ("<del>brief</del>", "<ins>warm</ins>", "Shorter", voice.username):
        assert words in page
    assert (await admin.get(f"/agents/{agent.id}?version=3&with=1")).status_code == 200
    for query in ("version=99", "version=0", "version=x", "version=1&with=-2", "version=" + "9" * 40):
        assert (await admin.get(f"/agents/{agent.id}?{query}")).status_code in (200, 404)
    assert (await admin.get(f"/agents/{agent.id}?version=99")).status_code == 404


async def test_an_earlier_version_is_restored_whole_as_a_new_one(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    owner = await app_server.hire("voice", agents=0)
    agent_id = await make_agent(admin, owner.id, max_call_duration="600")
    await admin.post(
        f"/agents/{agent_id}/tools", data={"tool_name": "look_up", "mode": "shown", "edited": "fields"}
    )
    await edited(admin, agent_id, 2, name="Another", voice_id="v9", max_call_duration="", language="fr")
    tool = await row(app_server, "select id from agent_tools where agent_id = $1", agent_id)
    await admin.post(f"/agents/{agent_id}/tools/{tool['id']}/removal")
    stale = await admin.post(f"/agents/{agent_id}/versions", data={"version": "2", "newest": "3"})
    assert stale.status_code == 409
    restored = await admin.post(f"/agents/{agent_id}/versions", data={"version": "2", "newest": "4"})
    assert said(restored) == "restored"
    again = await admin.post(f"/agents/{agent_id}/versions", data={"version": "2", "newest": "5"})
    assert said(again) == "unchanged"
    versions = await row(
        app_server,
        """select (select whole from agent_versions where agent_id = $1 and version = 2) =
          (select whole from agent_versions where agent_id = $1 and version = 5) as same,
          (select note from agent_versions where agent_id = $1 and version = 5) as note,
          (select mode from agent_tools where agent_id = $1) as mode,
          (select config_value::text from agent_config where agent_id = $1) as duration""",
        agent_id,
    )
    assert versions == {"same": True, "note": "Restored version 2", "mode": "shown", "duration": "600"}
    for form in ({}, {"version": "x", "newest": "5"}, {"version": "77", "newest": "5"}):
        assert (await admin.post(f"/agents/{agent_id}/versions", data=form)).status_code in (404, 422)


async def test_a_supervisor_changes_the_prompt_and_the_pause_alone(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person, chat: Person
) -> None:
    agent = voice.agents[0]
    await edited(admin, agent.id, 1, name=agent.name, system_prompt="First.", voice_id="v2")
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get(f"/agents/{agent.id}")).text
        for words in ("New key", "/clone", "/move", "Retire", "Add tool"):
            assert words not in page
        form = agent_form(version="2", name="Mine", system_prompt="Second.", voice_id="v3")
        assert said(await browser.post(f"/agents/{agent.id}/edit", data=form)) == "saved"
        assert (
            said(await browser.post(f"/agents/{agent.id}/versions", data={"version": "1", "newest": "3"}))
            == "restored"
        )
        assert (
            await browser.post(f"/agents/{agent.id}/pause", data={"paused": "yes", "from": "agent"})
        ).status_code == 303
        for path in ("", "/edit"):
            assert (await browser.get(f"/agents/{chat.agents[0].id}{path}")).status_code == 404
    found = await row(
        app_server,
        "select name, system_prompt, voice_id, paused_at is not null as paused from agents where id = $1",
        agent.id,
    )
    assert found == {"name": agent.name, "system_prompt": "Be kind.", "voice_id": "v2", "paused": True}


ADMINS_ONLY = [
    ("GET", "/agents/new"), ("POST", "/agents"), ("GET", "/agents/{id}/clone"), ("POST", "/agents/{id}/clone"),
    ("GET", "/agents/{id}/move"), ("POST", "/agents/{id}/move"), ("POST", "/agents/{id}/retirement"),
    ("POST", "/agents/{id}/keys"), ("POST", "/agents/{id}/keys/{id}/revocation"), ("GET", "/agents/{id}/tools/new"),
    ("POST", "/agents/{id}/tools"), ("GET", "/agents/{id}/tools/import"), ("POST", "/agents/{id}/tools/import"),
    ("GET", "/agents/{id}/tools/{id}"), ("POST", "/agents/{id}/tools/{id}"), ("POST", "/agents/{id}/tools/{id}/removal"),
    ("GET", "/setup"), ("GET", "/agents/{id}/setup/tools"), ("GET", "/agents/{id}/first-call"), ("POST", "/agents/{id}/first-call"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ADMINS_ONLY)
async def test_what_admins_do_is_refused_to_others(
    app_server: AppServer, voice: Person, method: str, path: str
) -> None:
    place = path.format(id=voice.agents[0].id)
    async with app_server.browser_of(voice) as supervisor, app_server.browser_of(None) as nobody:
        form = agent_form(voice.id) if method == "POST" else None
        assert (await supervisor.request(method, place, data=form)).status_code == 403
        assert (await nobody.request(method, place, data=form)).headers["location"].startswith("/login")


async def test_an_agent_that_nobody_has_is_not_found(admin: httpx.AsyncClient) -> None:
    for agent in (uuid4(), "x", "%00"):
        for path in ("", "/edit", "/clone", "/move", "/tools.json", "/tools/new", "/first-call"):
            assert (await admin.get(f"/agents/{agent}{path}")).status_code == 404, (agent, path)
        for path, form in (
            ("edit", agent_form(version="1")), ("pause", {"paused": "yes"}), ("first-call", {"waiting": "yes"}),
            ("keys", {"key_id": str(uuid4())}), ("tools", {"tool_name": "a", "mode": "asks"}),
        ):  # fmt: skip
            assert (await admin.post(f"/agents/{agent}/{path}", data=form)).status_code in (404, 409, 422)


async def test_a_clone_has_everything_but_keys_and_marks_what_differs(
    app_server: AppServer, admin: httpx.AsyncClient, voice: Person
) -> None:
    agent = voice.agents[0]
    await admin.post(
        f"/agents/{agent.id}/tools",
        data={
            "tool_name": "pay",
            "mode": "asks",
            "edited": "fields",
            "endpoint": "https://example.com",
            "secret": "s3cret",
        },
    )
    form = agent_form(voice.id, name="Clone", system_prompt="Be kind.", voice_id="another-voice")
    clone = made(await admin.post(f"/agents/{agent.id}/clone", data=form))
    page = (await admin.get(f"/agents/{clone}")).text
    assert "What differs from" in page
    assert "another-voice</ins>" in page
    assert f'href="/agents/{clone}"' in (await admin.get(f"/agents/{agent.id}")).text
    found = await row(
        app_server,
        """select template_parent_id, (select count(*) from agent_keys k where k.agent_id = a.id) as keys,
          (select count(*) from agent_tools t where t.agent_id = a.id) as tools,
          (select t.sealed_secret = s.sealed_secret from agent_tools t, agent_tools s where t.agent_id = a.id
            and s.agent_id = a.template_parent_id and (t.tool_name, s.tool_name) = ('pay', 'pay')) as same_secret
        from agents a where a.id = $1""",
        clone,
    )
    assert found == {"template_parent_id": agent.id, "keys": 0, "tools": 3, "same_secret": True}
    template = made(
        await admin.post(f"/agents/{agent.id}/clone", data=form | {"template": "yes", "name": "Model"})
    )
    page = (await admin.get("/agents?state=template")).text
    assert f'href="/agents/{template}"' in page
    answer = await admin.post(f"/agents/{template}/keys", data={"key_id": str(uuid4())})
    assert (answer.status_code, "A template has no keys" in answer.text) == (422, True)
    async with app_server.browser_of(voice) as browser:
        assert (await browser.get(f"/agents/{template}")).status_code == 404
    assert said(await admin.post(f"/agents/{template}/retirement")) == "retired"
    grandchild = await row(app_server, "select template_parent_id from agents where id = $1", template)
    assert grandchild["template_parent_id"] == agent.id


async def test_an_agent_moves_after_a_choice_and_a_confirmation(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    giver, taker = await app_server.hire("voice", agents=2), await app_server.hire("voice", agents=0)
    moved, retired = giver.agents
    choice = (await admin.get(f"/agents/{moved.id}/move")).text
    assert f'value="{taker.id}"' in choice
    assert "selected" not in choice, "nothing is chosen before"
    asked = (await admin.get(f"/agents/{moved.id}/move?supervisor_id={taker.id}")).text
    assert f"Move to {taker.username}" in asked
    assert (
        said(await admin.post(f"/agents/{moved.id}/move", data={"supervisor_id": str(taker.id)})) == "moved"
    )
    assert moved.name in (await admin.get(f"/people/{taker.id}")).text
    assert moved.name not in (await admin.get(f"/people/{giver.id}")).text
    other = await app_server.hire("chat")
    answer = await admin.post(f"/agents/{moved.id}/move", data={"supervisor_id": str(other.id)})
    assert (answer.status_code, "cannot move to a chat supervisor" in answer.text) == (422, True)
    interaction = await app_server.start(retired)
    assert (await admin.post(f"/agents/{retired.id}/retirement")).status_code == 409
    async with app_server.api(retired) as api:
        await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
        assert said(await admin.post(f"/agents/{retired.id}/retirement")) == "retired"

        async def is_refused() -> bool:  # once the server has heard of it
            return (await api.get("/agent")).status_code == 401

        await until(is_refused)
    assert (await admin.get(f"/interactions/{interaction}")).status_code == 200
    assert (await admin.get(f"/agents/{retired.id}/move")).status_code == 409
    assert (await edited(admin, retired.id, 1)).status_code == 409


async def test_who_did_what_is_in_the_audit(app_server: AppServer, admin: httpx.AsyncClient) -> None:
    owner = await app_server.hire("voice", agents=0)
    agent_id = await make_agent(admin, owner.id)
    await edited(admin, agent_id, 1, system_prompt="Another.", note="Why not")
    await new_key(admin, agent_id, "Laptop")
    async with app_server.database() as connection:
        rows = await connection.fetch(
            "select action, actor_id, changes from audit_logs where supervisor_id = $1 order by id", owner.id
        )
    by_people = [(one["action"], one["changes"]) for one in rows if one["actor_id"] is not None]
    actions = [action for action, _ in by_people]
    assert {"agents.insert", "agent_versions.insert", "agent_keys.insert"} <= {*actions}
    assert {"version": [None, 2], "note": [None, "Why not"]} in [changes for _, changes in by_people]
    page = (await admin.get(f"/agents/{agent_id}")).text
    for words in ("made the agent", "made the key Laptop"):
        assert words in page
    assert "Another." not in json.dumps([changes for _, changes in by_people]), "texts are in the versions"
