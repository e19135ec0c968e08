"""The guided set-up: what arrives and what is refused while an agent waits for the first call, and that tests count nowhere."""

import asyncio
import html
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from tests.agents.conftest import agent_form, made, make_agent, new_key, row, said, tool_form
from tests.app_server import DEADLINE, AppServer, Person, decision
from tests.conftest import until
from tests.database.acting import as_person

STEPS = ["key_accepted", "interaction_opened", "first_metric", "permission_requested", "decision_delivered"]


async def steps_of(app_server: AppServer, agent_id: UUID) -> list[str]:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select step from setup_steps where agent_id = $1 and step <> 'refused' order by at, id", agent_id
        )
    return [one["step"] for one in rows]


async def begin(admin: httpx.AsyncClient, agent_id: UUID) -> None:
    answer = await admin.post(f"/agents/{agent_id}/first-call", data={"waiting": "yes"})
    assert answer.headers["location"] == f"/agents/{agent_id}/first-call"


async def waits(app_server: AppServer, agent_id: UUID) -> bool:
    found = await row(
        app_server, "select setup_ended_at is null as waiting from agents where id = $1", agent_id
    )
    return bool(found["waiting"])


def waiting_client(app_server: AppServer, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{app_server.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=2 * DEADLINE
    )


async def test_each_step_is_noted_and_the_delivered_decision_ends_the_wait(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    owner = await app_server.hire("voice", agents=0)
    agent_id = await make_agent(admin, owner.id)
    await admin.post(f"/agents/{agent_id}/tools", data=tool_form())
    await begin(admin, agent_id)
    key = await new_key(admin, agent_id)
    async with waiting_client(app_server, key) as api, app_server.browser_of(owner) as supervisor:
        assert await steps_of(app_server, agent_id) == []
        interaction = (await api.post("/interactions", json={"interaction_type": "voice"})).json()["id"]
        assert await steps_of(app_server, agent_id) == STEPS[:2]
        await api.post(f"/interactions/{interaction}/metrics", json={"satisfaction_score": 70})
        path = f"/interactions/{interaction}/tool-permissions"
        asked = (await api.post(path, json={"tool_name": "issue_voucher", "arguments": {"amount": 5}})).json()
        assert await steps_of(app_server, agent_id) == STEPS[:4]
        await supervisor.post(
            f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied", reason="No")
        )
        assert await waits(app_server, agent_id), "decided, and the agent has not heard of it yet"
        assert "Test</span>" in (await supervisor.get("/")).text
        await api.get(f"/tool-permissions/{asked['id']}")
        assert await steps_of(app_server, agent_id) == STEPS
        assert not await waits(app_server, agent_id)
        page = (await admin.get(f"/agents/{agent_id}/first-call")).text
        for words in ("is on the floor", "denied by", "70%", f"/interactions/{interaction}"):
            assert words in page
        await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
        real = (await api.post("/interactions", json={"interaction_type": "voice"})).json()["id"]
    tests = await row(
        app_server,
        "select array_agg(is_test order by started_at) as tests from interactions where id = any ($1)",
        [UUID(interaction), UUID(real)],
    )
    assert tests["tests"] == [True, False]


async def test_a_refused_request_is_told_in_words(app_server: AppServer, admin: httpx.AsyncClient) -> None:
    owner = await app_server.hire("voice", agents=0)
    agent_id = await make_agent(admin, owner.id)
    page = f"/agents/{agent_id}/first-call"
    assert (await admin.get(page)).status_code == 409, "it does not wait yet"
    await begin(admin, agent_id)
    async with waiting_client(app_server, "fw_your_key_here_please") as api:
        assert (await api.get("/agent")).status_code == 401

        async def is_told() -> bool:  # at most one a second is noted, and other tests make some
            await api.get("/agent")
            return "It began with fw_your_k: replace it" in (await admin.get(page)).text

        await until(is_told)
        assert "fw_your_ke" not in (await admin.get(page)).text, "nine characters at most"
    key = await new_key(admin, agent_id)
    async with waiting_client(app_server, key) as api:
        await api.post("/interactions", json={"interaction_type": "chat"})
        assert "a voice agent takes no chat interaction" in (await admin.get(page)).text
        await api.post("/interactions", json={"interaction_type": "voice", "phone": 1})
        told = (await admin.get(page)).text
        assert "422" in told
        assert "phone" in told
    assert await steps_of(app_server, agent_id) == ["key_accepted"]
    other = await row(
        app_server, "select count(*) as n from setup_steps where detail like '%' || $1 || '%'", key
    )
    assert other["n"] == 0


async def test_a_wait_can_be_finished_and_begun_again(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    owner = await app_server.hire("chat", agents=0)
    agent_id = await make_agent(admin, owner.id)
    await begin(admin, agent_id)
    key = await new_key(admin, agent_id)
    async with waiting_client(app_server, key) as api:
        await api.get("/agent")
        assert await steps_of(app_server, agent_id) == ["key_accepted"]
        for _ in range(2):  # a double click
            assert (
                said(await admin.post(f"/agents/{agent_id}/first-call", data={"waiting": "no"})) == "finished"
            )

        async def counts() -> bool:  # once the server has heard of it
            started = (await api.post("/interactions", json={"interaction_type": "chat"})).json()
            await api.post(f"/interactions/{started['id']}/end", json={"status": "completed"})
            found = await row(
                app_server, "select is_test from interactions where id = $1", UUID(started["id"])
            )
            return not found["is_test"]

        assert await counts()
        await begin(admin, agent_id)
        assert await steps_of(app_server, agent_id) == []
        assert not await counts()
    assert (
        await admin.post(f"/agents/{agent_id}/first-call", data={"waiting": "perhaps"})
    ).status_code == 422


async def test_a_test_is_in_no_number(app_server: AppServer, admin: httpx.AsyncClient) -> None:
    owner = await app_server.hire("voice", agents=0)
    agent_id = await make_agent(admin, owner.id)
    await begin(admin, agent_id)
    key = await new_key(admin, agent_id)
    archive = {
        "summary": "x",
        "csat_score": 10,
        "tags": {"issues": [{"tag": "parcel", "status": "resolved"}]},
    }
    start = {"interaction_type": "voice", "phone_number": "+18505550177"}

    async def one(api: httpx.AsyncClient, **body: object) -> str:
        found = str((await api.post("/interactions", json=start)).json()["id"])
        await api.post(
            f"/interactions/{found}/metrics", json={"sentiment": "critical", "satisfaction_score": 3}
        )
        return found

    async def numbers() -> dict[str, object]:
        return await row(
            app_server,
            """select p.total_interactions, p.avg_csat::integer as csat, s.total_interactions as of_supervisor,
              s.active_interactions as active, (select count(*) from private.performance_changes c where c.supervisor_id = $2) as changes
            from agent_performance p join supervisor_performance s on s.supervisor_id = $2 where p.agent_id = $1""",
            agent_id,
            owner.id,
        )

    nothing = {"total_interactions": 0, "csat": None, "of_supervisor": 0, "active": 0, "changes": 0}
    async with waiting_client(app_server, key) as api, app_server.browser_of(owner) as supervisor:
        test = await one(api)
        assert await numbers() == nothing
        await api.post(f"/interactions/{test}/tool-permissions", json={"tool_name": "send", "arguments": {}})
        async with as_person(app_server, owner) as viewer:
            wall = await viewer.fetchval(
                "select private.wallboard('{\"sentiment\": \"critical\"}') -> 'numbers'"
            )
        assert wall == {
            "active": 0, "critical": 0, "satisfaction": None, "pending": 0, "oldest_pending": None, "pending_tests": 1, "silent": 0,
            "agents": {"idle": 1, "in_call": 0},
        }  # fmt: skip
        floor = (await supervisor.get("/")).text
        for words in (
            '<span id="pending-count" data-waiting="1">0</span> <small>and 1 test</small>',
            "active interactions</dt><dd>0</dd>",
            "critical</dt><dd>0</dd>",
            "satisfaction now</dt><dd>\u2013</dd>",
        ):
            assert words in floor
        await api.post(f"/interactions/{test}/end", json={"status": "completed", "archive": archive})
        assert await numbers() == nothing
        fcr = await row(
            app_server, "select fcr_status from interaction_archives where interaction_id = $1", UUID(test)
        )
        assert fcr["fcr_status"] is None
        await admin.post(f"/agents/{agent_id}/first-call", data={"waiting": "no"})
        real = await one(api)
        await api.post(
            f"/interactions/{real}/end", json={"status": "completed", "archive": archive | {"csat_score": 90}}
        )
        await begin(admin, agent_id)
        await until(partial(waits, app_server, agent_id))
        again = await one(api)  # the customer did not come back: it is a test
        await api.post(f"/interactions/{again}/end", json={"status": "completed", "archive": archive})
        fcr = await row(
            app_server, "select fcr_status from interaction_archives where interaction_id = $1", UUID(real)
        )
        assert fcr["fcr_status"] is True

        async def folded() -> bool:
            found = await numbers()
            return (found["total_interactions"], found["csat"], found["of_supervisor"]) == (1, 90, 1)

        await until(folded)
        page = (await admin.get(f"/agents/{agent_id}")).text
        assert page.count('<span class="tag">Test</span>') == 2


@pytest.mark.parametrize("language", ["sh", "py"])
async def test_the_code_of_the_page_makes_the_first_call(
    app_server: AppServer, admin: httpx.AsyncClient, tmp_path: Path, language: str
) -> None:
    owner = await app_server.hire("voice", agents=0)
    agent_id = await make_agent(admin, owner.id, name="It's <b>new</b>")
    await admin.post(
        f"/agents/{agent_id}/tools",
        data=tool_form(
            tool_name="send_it's", field_name_1="it's", field_type_1="string", field_required_1="yes"
        ),
    )
    await begin(admin, agent_id)
    answer = await admin.post(
        f"/agents/{agent_id}/keys", data={"then": "setup", "key_id": str(uuid4()), "name": "First key"}
    )
    snippet = re.search(
        rf'<pre id="snippet-{"curl" if language == "sh" else "python"}"[^>]*>(.*?)</pre>',
        answer.text,
        re.DOTALL,
    )
    assert snippet is not None
    code = tmp_path / f"first.{language}"
    code.write_text(html.unescape(snippet[1]))
    command = ["bash", str(code)] if language == "sh" else [sys.executable, str(code)]
    running = asyncio.create_task(
        asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=2 * DEADLINE)
    )
    async with app_server.browser_of(owner) as supervisor:

        async def is_asked() -> bool:
            return (await steps_of(app_server, agent_id))[3:4] == STEPS[3:4]

        await until(is_asked)
        asked = await row(
            app_server,
            "select id, arguments_digest, arguments from tool_permissions where agent_id = $1",
            agent_id,
        )
        assert asked["arguments"] == {"amount": 12.5, "it's": "A-1001"}
        await supervisor.post(
            f"/tool-permissions/{asked['id']}/decision",
            data={"status": "allowed", "arguments_digest": asked["arguments_digest"]},
        )
    done = await running
    assert done.returncode == 0, done.stderr
    assert "allowed" in done.stdout
    assert await steps_of(app_server, agent_id) == STEPS
    ended = await row(app_server, "select status from interactions where agent_id = $1", agent_id)
    assert ended["status"] == "completed"


async def test_the_set_up_leads_from_a_person_to_the_wait(
    app_server: AppServer, admin: httpx.AsyncClient
) -> None:
    owner = await app_server.hire("voice", agents=0)
    assert f'value="{owner.id}"' in (await admin.get("/setup")).text
    form = (await admin.get(f"/agents/new?supervisor={owner.id}&then=setup")).text
    assert f'value="{owner.id}" selected' in form
    answer = await admin.post("/agents", data=agent_form(owner.id, then="setup"))
    agent_id = made(answer)
    assert answer.headers["location"] == f"/agents/{agent_id}/setup/tools"
    answer = await admin.post(f"/agents/{agent_id}/tools", data=tool_form(then="setup"))
    assert answer.headers["location"] == f"/agents/{agent_id}/setup/tools"
    assert "issue_voucher" in (await admin.get(answer.headers["location"])).text
    answer = await admin.post(
        f"/agents/{agent_id}/tools/import", data={"tools": '[{"name": "x"}]', "then": "setup"}
    )
    assert answer.headers["location"] == f"/agents/{agent_id}/setup/tools"


async def test_a_stream_of_the_wait_is_for_admins(app_server: AppServer, voice: Person) -> None:
    async with app_server.browser_of(voice) as browser:
        answer = await browser.get(f"/stream?page=setup&id={voice.agents[0].id}")
    assert answer.status_code == 404
