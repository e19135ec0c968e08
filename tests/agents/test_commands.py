"""The guided set-up as commands, beside the running server."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from secrets import token_hex
from uuid import UUID

import httpx
import pytest

from tests.agents.conftest import row
from tests.app_server import DEADLINE, PASSWORD, TOOLS, AppServer, decision
from tests.conftest import ROOT, until
from tests.test_process import sentence


async def run(app_server: AppServer, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {"FLOORWALKER_HOME": str(app_server.home), "PORT": app_server.url.rpartition(":")[2]}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "server", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
        check=False,
    )


async def test_a_supervisor_an_agent_its_tools_its_key_and_the_first_call(
    app_server: AppServer, tmp_path: Path
) -> None:
    username = f"zoe-{token_hex(4)}"
    made = await run(
        app_server, "create-supervisor", "--email", f"{username}@example.com", "--username", username, "--type", "voice",
        "--password-stdin", stdin=PASSWORD,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    supervisor = UUID(made.stdout.strip())
    tools, prompt = tmp_path / "tools.json", tmp_path / "prompt.txt"
    tools.write_text(json.dumps(TOOLS))
    prompt.write_text("Be kind.\nBe brief.\n")
    name = f"Parcels {token_hex(4)}"
    made = await run(
        app_server, "agent", "create", name, "--supervisor", username, "--prompt", str(prompt), "--tools", str(tools), "--key", "First",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    agent_id, key = made.stdout.split()
    listed = (await run(app_server, "agent", "list", "--supervisor", username)).stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["id", agent_id]
    exported = json.loads((await run(app_server, "agent", "tools", name)).stdout)
    assert {tool["name"] for tool in exported["tools"]} == {"issue_refund", "check_order"}
    tools.write_text('[{"name": "look_up"}]')
    said = await run(app_server, "agent", "tools", agent_id, "--import", str(tools), "--replace")
    assert said.stdout == f"imported 1 tool of {name}\n"
    stored = await row(
        app_server, "select system_prompt, supervisor_id from agents where id = $1", UUID(agent_id)
    )
    assert stored == {"system_prompt": "Be kind.\nBe brief.\n", "supervisor_id": supervisor}
    assert key not in (await run(app_server, "agent-key", "list", "--agent", name)).stdout

    waiting = asyncio.create_task(run(app_server, "agent", "first-call", name, "--timeout", str(DEADLINE)))

    async def waits() -> bool:
        found = await row(
            app_server, "select setup_began_at is not null as began from agents where id = $1", UUID(agent_id)
        )
        return bool(found["began"])

    await until(waits)
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(base_url=f"{app_server.url}/api/v1", headers=headers, timeout=DEADLINE) as api,
        httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as browser,
    ):
        await browser.post("/login", data={"email": f"{username}@example.com", "password": PASSWORD})
        interaction = (await api.post("/interactions", json={"interaction_type": "voice"})).json()["id"]
        await api.post("/interactions", json={"interaction_type": "voice"})
        await api.post(f"/interactions/{interaction}/metrics", json={"sentiment": "good"})
        path = f"/interactions/{interaction}/tool-permissions"
        asked = (await api.post(path, json={"tool_name": "new_tool", "arguments": {}})).json()
        await asyncio.sleep(1)  # for the command to see the refusal, which is not an end
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed"))
        await api.get(f"/tool-permissions/{asked['id']}")
    done = await waiting
    assert done.returncode == 0, done.stderr
    ticked = re.findall(r"^✓ ([A-Z][a-z ]+), \d\d:\d\d:\d\d UTC$", done.stdout, re.MULTILINE)
    assert ticked == [
        "Key accepted",
        "Interaction opened",
        "First metric",
        "First permission requested",
        "Decision delivered",
    ]
    assert re.search(
        r"^✗ A request was refused, .* UTC: 409 the agent already has an active interaction",
        done.stdout,
        re.MULTILINE,
    )
    late = await run(app_server, "agent", "first-call", agent_id, "--timeout", "0.1")
    assert late.returncode == 1


@pytest.mark.full
async def test_what_cannot_be_made_is_one_sentence_and_nothing_is_left(
    app_server: AppServer, tmp_path: Path
) -> None:
    person = await app_server.hire("voice", agents=3)
    other = await app_server.hire("voice", agents=0)
    wrong = tmp_path / "wrong.json"
    wrong.write_bytes(b'[{"name": "\xff"}]')
    bad = tmp_path / "bad.json"
    bad.write_text('[{"name": ""}]')
    create = ("agent", "create", "New one", "--supervisor")
    for words, said in (
        ((*create, person.username), "at most three agents"),
        ((*create, "nobody-here"), "no active supervisor"),
        ((*create, other.username, "--tools", str(bad)), "Tool 1 needs a name"),
        ((*create, other.username, "--tools", str(wrong)), "not UTF-8"),
        (("agent", "tools", "nothing-has-this-name"), "There is no agent"),
        (("agent", "first-call", "nothing-has-this-name"), "There is no agent"),
        (("create-supervisor", "--email", person.email, "--username", "somebody-new", "--type", "chat", "--password-stdin"), "e-mail"),
        (("create-supervisor", "--email", "new@example.com", "--username", person.username, "--type", "chat", "--invite"), "username"),
        (("create-supervisor", "--email", "new@example.com", "--username", "Ä", "--type", "chat", "--invite"), "small letters"),
        (("create-supervisor", "--email", "new@example.com", "--username", "x-y", "--type", "chat"), "--invite"),
    ):  # fmt: skip
        sentence(await run(app_server, *words, stdin=PASSWORD), said)
    left = await row(app_server, "select count(*) as n from agents where supervisor_id = $1", other.id)
    assert left["n"] == 0
    long = await run(app_server, *create, other.username, "--language", "English")
    assert (long.returncode, "A code such as en" in long.stderr) == (2, True)
