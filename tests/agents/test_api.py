"""The agent API: keys, what an agent reads of itself, rates, and the document that describes it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from server.app import CALLS
from server.errors import Unauthorized
from server.kernel.auth import Auth, Limits
from server.kernel.db import connections as db
from server.kernel.live import Hub, KnownAgents
from server.settings import Settings
from tests.app_server import DEADLINE, AppServer, Person
from tests.conftest import a_folder, free_port, prepared, serving, until

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def narrow() -> Iterator[AppServer]:
    """A server with low limits."""
    with (
        a_folder() as folder,
        serving(
            prepared(folder / "home"), free_port(), AGENT_PER_SECOND="5", LOGIN_PER_MINUTE="3"
        ) as running,
    ):
        yield running


@pytest.fixture
async def api(app_server: AppServer, voice: Person) -> AsyncIterator[httpx.AsyncClient]:
    async with app_server.api(voice.agents[0]) as client:
        yield client


async def test_an_agent_reads_itself_and_its_tools(
    api: httpx.AsyncClient, app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    found = (await api.get("/agent")).json()
    assert (found["id"], found["name"], found["agent_type"], found["status"]) == (
        str(agent.id),
        agent.name,
        "voice",
        "idle",
    )
    assert [(tool["tool_name"], tool["requires_permission"]) for tool in found["tools"]] == [
        ("check_order", False),
        ("issue_refund", True),
    ]
    await app_server.start(agent)
    assert (await api.get("/agent")).json()["status"] == "in_call"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer fw_", "Bearer fw_unknown", "Basic fw_x", "fw_x", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer fw_\xff"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/agent", "/interactions", "/interactions/x/metrics"])
async def test_without_a_good_key_nobody_comes_in(
    app_server: AppServer, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    async with httpx.AsyncClient(base_url=f"{app_server.url}/api/v1", timeout=DEADLINE) as client:
        ask = client.get if path == "/agent" else client.post
        answer = await ask(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "key" in answer.json()["detail"]


async def test_a_revoked_key_is_refused_within_seconds(
    api: httpx.AsyncClient, app_server: AppServer, voice: Person
) -> None:
    assert (await api.get("/agent")).status_code == 200
    async with app_server.database() as owner:
        await owner.execute(
            "update agent_keys set revoked_at = now() where agent_id = $1", voice.agents[0].id
        )
    assert (await api.get("/agent")).status_code in {401, 404}
    assert (await api.post("/interactions", json={"interaction_type": "voice"})).status_code >= 400

    async def shut() -> bool:
        return (await api.get("/agent")).status_code == 401

    await until(shut)


async def test_a_key_is_remembered_only_as_long_as_its_end_would_be_heard(
    app_server: AppServer, voice: Person
) -> None:
    url, key = app_server.database_url("floorwalker_web"), voice.agents[0].key
    async with db.connect(url) as database, httpx.AsyncClient(timeout=DEADLINE) as http:
        hub = Hub(url)
        limits = Limits(Settings(_env_file=None))
        auth = Auth(database, http, limits, url="", apikey="", secret_key="x" * 32)
        known = KnownAgents(auth, hub)

        async def seconds() -> float:
            assert (await known.of(key)).id == voice.agents[0].id
            return known.remembered[key][0] - time.monotonic()

        assert await seconds() < 6  # without a listener
        hub.topics.notify(f"agent_keys:{uuid4()}")
        assert key in known.remembered
        hub.topics.notify(f"agent_keys:{voice.agents[0].id}")
        assert key not in known.remembered
        listening = asyncio.create_task(hub.listen())
        await until(lambda: hub.state.connected)
        await until(lambda: not known.remembered)
        assert await seconds() > 50
        async with app_server.database() as owner:
            await owner.execute(
                "update agent_keys set revoked_at = now() where agent_id = $1", voice.agents[0].id
            )
        await until(lambda: not known.remembered)
        with pytest.raises(Unauthorized):
            await known.of(key)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_the_key_of_a_retired_agent_is_refused(app_server: AppServer, voice: Person) -> None:
    async with app_server.database() as owner:
        await owner.execute("update agents set retired_at = now() where id = $1", voice.agents[0].id)
    async with app_server.api(voice.agents[0]) as api:
        assert (await api.get("/agent")).status_code == 401


async def test_a_key_is_no_way_into_the_pages(app_server: AppServer, voice: Person) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        headers = {"Authorization": f"Bearer {voice.agents[0].key}"}
        assert (await client.get("/", headers=headers)).headers["location"] == "/login"
        decision = await client.post(
            f"/tool-permissions/{uuid4()}/decision", data={"status": "allowed"}, headers=headers
        )
        assert decision.headers["location"] == "/login"


async def test_a_signed_in_persons_cookie_is_no_key(app_server: AppServer, voice: Person) -> None:
    async with app_server.browser_of(voice) as browser:
        assert (await browser.get("/api/v1/agent")).status_code == 401


async def test_over_the_rate_is_429_with_words_for_this_key_only(narrow: AppServer) -> None:
    one, other = (await narrow.hire("voice")).agents[0], (await narrow.hire("chat")).agents[0]
    async with narrow.api(one) as api, narrow.api(other) as neighbour:
        answers = [await api.get("/agent") for _ in range(12)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert (refused[0].headers["retry-after"], refused[0].headers["content-type"]) == ("1", PROBLEM)
        assert "5 requests" in refused[0].json()["detail"]
        assert (await neighbour.get("/agent")).status_code == 200

        async def again() -> bool:
            return (await api.get("/agent")).status_code == 200

        await until(again)


async def test_too_many_sign_ins_are_429_and_say_how_long(narrow: AppServer) -> None:
    person = await narrow.hire("voice")
    async with narrow.browser_of(None) as browser:
        answers = [
            await browser.post("/login", data={"email": person.email, "password": "wrong"}) for _ in range(8)
        ]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert 30 < int(answers[-1].headers["retry-after"]) <= 60
    assert "wait" in answers[-1].text


async def test_unknown_addresses_and_methods_are_problem_details(api: httpx.AsyncClient) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("DELETE", "/agent", 405),
        ("PUT", "/interactions", 405),
    ):
        answer = await api.request(method, path)
        assert (answer.status_code, answer.headers["content-type"], answer.json()["status"]) == (
            status,
            PROBLEM,
            status,
        )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/agent", {"GET", "HEAD"}),
        ("PUT", "/api/v1/interactions", {"GET", "HEAD", "POST"}),
        ("PUT", "/api/v1/interactions/1", {"GET", "HEAD", "PATCH"}),
        ("GET", "/api/v1/tool-permissions/1/execution", {"PATCH", "POST"}),
        ("DELETE", "/login", {"GET", "HEAD", "POST"}),
        ("POST", "/stream", {"GET", "HEAD"}),
        ("POST", "/api/openapi.json", {"GET", "HEAD"}),
        ("POST", "/static/app.css", {"GET", "HEAD"}),
    ],
)
async def test_a_405_names_the_methods_of_all_routes_at_its_address(
    app_server: AppServer, method: str, path: str, allowed: set[str]
) -> None:
    async with httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as client:
        answer = await client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed


def refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


async def test_the_document_names_every_call_and_every_reference_resolves(app_server: AppServer) -> None:
    async with httpx.AsyncClient(timeout=DEADLINE) as client:
        answer = await client.get(f"{app_server.url}/api/openapi.json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    assert {"title", "version"} <= set(document["info"])
    found = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert found == {(call.method, "/api/v1" + call.path) for call in CALLS}
    for ref in set(refs(document)):
        node = document
        for part in ref.removeprefix("#/").split("/"):
            node = node[part]
        assert isinstance(node, dict)


async def test_every_operation_says_its_parameters_body_and_refusals(app_server: AppServer) -> None:
    async with httpx.AsyncClient(timeout=DEADLINE) as client:
        document = (await client.get(f"{app_server.url}/api/openapi.json")).json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            named = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert named == [part[1:-1] for part in path.split("/") if part.startswith("{")]
            assert all(p.get("required") for p in operation["parameters"] if p["in"] == "path")
            assert ("requestBody" in operation) == (method in {"post", "put", "patch"})
            assert {"401", "422", "429"} <= set(operation["responses"])
            assert all(response["description"] for response in operation["responses"].values())
            assert ("404" in operation["responses"]) == bool(named)
            assert operation["summary"]
    assert document["security"] == [{"agentKey": []}]
    assert document["components"]["securitySchemes"]["agentKey"] == {"type": "http", "scheme": "bearer"}
