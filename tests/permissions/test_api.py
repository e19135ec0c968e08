"""How an agent asks, waits and runs a tool once."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.app_server import DEADLINE, AppServer, Person, decision
from tests.conftest import a_folder, free_port, prepared, serving, until

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def hasty() -> Iterator[AppServer]:
    """A server on which a request lives for two seconds."""
    with (
        a_folder() as folder,
        serving(prepared(folder / "home"), free_port(), PERMISSION_SECONDS="2") as running,
    ):
        yield running


async def test_an_allowed_request_answers_the_waiting_agent_and_is_executed_once(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent, phone_number="+18505550155")
    asked = await app_server.ask(agent, interaction)
    assert asked["status"] == "pending"
    async with app_server.api(agent) as api, app_server.browser_of(voice) as browser:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=30"))
        await asyncio.sleep(0.2)
        form = decision(asked, "allowed")
        decided = await browser.post(f"/tool-permissions/{asked['id']}/decision", data=form)
        assert decided.status_code == 303
        answer = (await asyncio.wait_for(waiting, DEADLINE)).json()
        assert (answer["status"], answer["responded_by"]) == ("allowed", voice.username)
        claim = {"arguments_digest": answer["arguments_digest"]}
        claims = await asyncio.gather(
            *(api.post(f"/tool-permissions/{asked['id']}/execution", json=claim) for _ in range(5))
        )
        assert sorted(c.status_code for c in claims) == [201, 409, 409, 409, 409]


async def decide(
    app_server: AppServer, person: Person, asked: dict[str, Any], status: str, **fields: str
) -> httpx.Response:
    form = decision(asked, status, **fields)
    async with app_server.browser_of(person) as browser:
        return await browser.post(f"/tool-permissions/{asked['id']}/decision", data=form)


async def test_a_denial_tells_the_agent_why(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    assert (await decide(app_server, voice, asked, "denied", reason=" too much ")).status_code == 303
    async with app_server.api(agent) as api:
        answer = (await api.get(f"/tool-permissions/{asked['id']}?wait=55")).json()
        claim = await api.post(
            f"/tool-permissions/{asked['id']}/execution",
            json={"arguments_digest": answer["arguments_digest"]},
        )
    assert (answer["status"], answer["reason"], answer["responded_by"]) == (
        "denied",
        "too much",
        voice.username,
    )
    assert (claim.status_code, claim.headers["content-type"]) == (409, PROBLEM)
    assert "denied" in claim.json()["detail"]


async def test_a_second_decision_is_a_conflict_that_says_who_was_first(
    app_server: AppServer, voice: Person
) -> None:
    agent, admin = voice.agents[0], await app_server.hire("admin")
    asked = await app_server.ask(agent, await app_server.start(agent))
    assert (await decide(app_server, admin, asked, "allowed")).status_code == 303
    second = await decide(app_server, voice, asked, "denied")
    assert second.status_code == 409
    assert "already allowed" in second.text
    assert admin.name in second.text
    async with app_server.browser_of(voice) as browser:
        card = await browser.post(
            f"/tool-permissions/{asked['id']}/decision",
            data=decision(asked, "denied"),
            headers={"HX-Request": "true"},
        )
    assert card.status_code == 409
    assert f'id="tool-permission-{asked["id"]}"' in card.text
    assert "<html" not in card.text


async def test_who_may_not_decide_learns_nothing(app_server: AppServer, voice: Person, chat: Person) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    async with app_server.browser_of(chat) as browser:
        for permission in (asked["id"], str(uuid4()), "7"):
            form = decision(asked, "allowed")
            answer = await browser.post(f"/tool-permissions/{permission}/decision", data=form)
            assert answer.status_code == 404
        assert (await browser.post(f"/tool-permissions/{asked['id']}/decision", data={})).status_code == 422
    async with app_server.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"


@pytest.mark.parametrize("fields", [{}, {"status": "timeout"}, {"status": "allowed", "reason": "x" * 1001}])
async def test_a_decision_that_is_none_is_422(
    app_server: AppServer, voice: Person, fields: dict[str, str]
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    async with app_server.browser_of(voice) as browser:
        path = f"/tool-permissions/{asked['id']}/decision"
        assert (
            await browser.post(path, data={"arguments_digest": asked["arguments_digest"], **fields})
        ).status_code == 422
        assert (await browser.post(path, json=decision(asked, "allowed"))).status_code == 422


async def test_a_decision_is_for_the_request_whose_digest_it_carries(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    path = f"/tool-permissions/{asked['id']}/decision"
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        for digest, status in ((None, 422), ("", 422), ("x" * 129, 422), ("x", 409), ("0" * 64, 409)):
            form = {"status": "allowed"} | ({} if digest is None else {"arguments_digest": digest})
            assert (await browser.post(path, data=form)).status_code == status, digest
            assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"
        assert (await browser.post(path, data=decision(asked, "allowed"))).status_code == 303


async def test_an_unanswered_request_times_out_and_wakes_the_agent(hasty: AppServer) -> None:
    person = await hasty.hire("voice")
    agent = person.agents[0]
    asked = await hasty.ask(agent, await hasty.start(agent))
    async with hasty.api(agent) as api:
        answer = (
            await asyncio.wait_for(api.get(f"/tool-permissions/{asked['id']}?wait=55"), DEADLINE)
        ).json()
        claim = await api.post(
            f"/tool-permissions/{asked['id']}/execution",
            json={"arguments_digest": answer["arguments_digest"]},
        )
    assert (answer["status"], answer["responded_by"], claim.status_code) == ("timeout", None, 409)
    assert (await decide(hasty, person, asked, "allowed")).status_code == 409


async def test_the_end_cancels_and_wakes_the_agent(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live)
    async with app_server.api(agent) as api:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=30"))
        await asyncio.sleep(0.1)
        await api.post(f"/interactions/{live}/end", json={"status": "completed"})
        assert (await asyncio.wait_for(waiting, DEADLINE)).json()["status"] == "cancelled"
    assert (await decide(app_server, voice, asked, "allowed")).status_code == 409


async def test_another_requests_decision_does_not_answer_this_one(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    first, second = await app_server.ask(agent, live), await app_server.ask(agent, live)
    async with app_server.api(agent) as api:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{first['id']}?wait=2"))
        await asyncio.sleep(0.1)
        await decide(app_server, voice, second, "allowed")
        answer = (await waiting).json()
    assert answer["status"] == "pending"


async def test_what_needs_no_permission_is_allowed_and_claimed_with_its_digest_only(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent), tool_name="check_order")
    assert (asked["status"], asked["responded_by"]) == ("allowed", None)
    one = f"/tool-permissions/{asked['id']}/execution"
    async with app_server.api(agent) as api:
        for wrong in ("", "0" * 64, asked["arguments_digest"].upper()):
            assert (await api.post(one, json={"arguments_digest": wrong})).status_code == 409
        claim = {"arguments_digest": asked["arguments_digest"]}
        headers = {"Idempotency-Key": "claim"}
        claims = [await api.post(one, json=claim, headers=headers) for _ in range(2)]
        assert [c.status_code for c in claims] == [201, 201]
        assert claims[0].json() == claims[1].json()
        assert (await api.post(one, json=claim)).status_code == 409
        report = {
            "execution_id": claims[0].json()["execution_id"],
            "succeeded": True,
            "result": {"paid": [1, None]},
        }
        reports = [await api.patch(one, json=report) for _ in range(2)]
        assert [(r.status_code, r.json()["execution_succeeded"]) for r in reports] == [
            (200, True),
            (200, True),
        ]
        for other in ({"succeeded": False}, {"result": {"paid": [2, None]}}, {"result": None}):
            refused = await api.patch(one, json={**report, **other})
            assert (refused.status_code, "reported otherwise" in refused.text) == (409, True), other
        again = await api.patch(one, json={**report, "result": {"paid": [1.0, None]}})
        assert again.status_code == 200, "the same number is the same result"
        async with app_server.database() as owner:
            kept = await owner.fetchval(
                "select execution_result from tool_permissions where id = $1::text::uuid", asked["id"]
            )
        assert kept == {"paid": [1, None]}
        assert (await api.patch(one, json={**report, "execution_id": str(uuid4())})).status_code == 409


async def test_a_claim_after_the_end_is_refused(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live, tool_name="check_order")
    async with app_server.api(agent) as api:
        await api.post(f"/interactions/{live}/end", json={"status": "completed"})
        claim = {"arguments_digest": asked["arguments_digest"]}
        answer = await api.post(f"/tool-permissions/{asked['id']}/execution", json=claim)
    assert answer.status_code == 409
    assert "ended" in answer.json()["detail"]


async def test_an_unknown_tool_asks_and_its_card_says_so(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(
        agent, await app_server.start(agent), tool_name="wipe_disk", arguments={"<b>": "<script>"}
    )
    assert asked["status"] == "pending"
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get("/")).text
    assert "not one of the agent" in page
    assert "<script>" not in page.replace("<script src=", "")


async def test_another_agents_permission_does_not_exist(
    app_server: AppServer, voice: Person, chat: Person
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent), tool_name="check_order")
    async with app_server.api(chat.agents[0]) as thief:
        for one in (asked["id"], str(uuid4()), "x"):
            path = f"/tool-permissions/{one}"
            answers = [
                await thief.get(path),
                await thief.post(f"{path}/execution", json={"arguments_digest": asked["arguments_digest"]}),
                await thief.patch(
                    f"{path}/execution", json={"execution_id": str(uuid4()), "succeeded": True}
                ),
            ]
            assert [answer.status_code for answer in answers] == [404, 404, 404]


@pytest.mark.parametrize("wait", ["-1", "56", "1.5", "x", "²", "9" * 5000, "", "1e1"])
async def test_a_wait_that_is_no_number_of_seconds_is_422(
    app_server: AppServer, voice: Person, wait: str
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    async with app_server.api(agent) as api:
        answer = await api.get(f"/tool-permissions/{asked['id']}", params={"wait": wait})
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)


async def test_arguments_come_back_in_the_order_in_which_they_were_sent(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    arguments = {"zip": "1", "amount": 12.5, "name": "Ünï 👋", "list": [{"b": 1, "a": None}]}
    asked = await app_server.ask(agent, await app_server.start(agent), arguments=arguments)
    assert json.dumps(asked["arguments"]) == json.dumps(arguments)
    async with app_server.api(agent) as api:
        found = (await api.get(f"/tool-permissions/{asked['id']}")).json()
    assert json.dumps(found["arguments"]) == json.dumps(arguments)


async def test_the_same_idempotency_key_asks_once(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    body = {"tool_name": "issue_refund", "arguments": {"b": 1.50, "a": 2}}
    async with app_server.api(agent) as api:
        path = f"/interactions/{live}/tool-permissions"
        answers = await asyncio.gather(
            *(api.post(path, json=body, headers={"Idempotency-Key": "ask"}) for _ in range(4))
        )
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert {json.dumps(answer.json()["arguments"]) for answer in answers} == {'{"b": 1.5, "a": 2}'}


async def test_of_one_key_fifty_requests_wait_at_most(app_server: AppServer, voice: Person) -> None:
    live = await app_server.start(voice.agents[0])
    asked = await app_server.ask(voice.agents[0], live)
    path = f"/tool-permissions/{asked['id']}"
    async with app_server.api(voice.agents[0]) as api:
        asking = [asyncio.create_task(api.get(f"{path}?wait=50")) for _ in range(53)]
        await until(lambda: sum(one.done() for one in asking) == 3)
        await decide(app_server, voice, asked, "denied")
        answers = await asyncio.gather(*asking)
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(200), statuses.count(429)) == (50, 3)
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert "50 requests with this key wait for a decision already" in refused.json()["detail"]
        assert (await api.get(f"{path}?wait=1")).status_code == 200, "and those that are over count no more"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"amount": 10, "amount": 9999}', 'the key "amount" appears twice'),
        ('{"lines": [{"sku": "a", "sku": "b"}]}', 'the key "sku" appears twice'),
        ('{"account": 9007199254740993}', "the number 9007199254740993"),
        ('{"amount": 0.1000000000000000055511151231257827}', "64-bit float"),
        ('{"amount": 1e400}', "1e400"),
        ('{"name": "\\ud800"}', "surrogate"),
        ('{"text": "' + "x" * 32_757 + '"}', "32769 bytes"),
        ('{"text": "' + "é" * 20_000 + '"}', "40012 bytes"),
    ],
    ids=["key", "inner key", "integer", "decimal", "infinite", "surrogate", "size", "size in UTF-8"],
)
async def test_arguments_that_readers_read_differently_or_that_nobody_reads_are_refused(
    app_server: AppServer, voice: Person, arguments: str, words: str
) -> None:
    live = await app_server.start(voice.agents[0])
    path = f"/interactions/{live}/tool-permissions"
    body = f'{{"tool_name": "issue_refund", "arguments": {arguments}}}'
    async with app_server.api(voice.agents[0]) as api:
        answer = await api.post(path, content=body.encode())
        assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
        assert words in answer.json()["detail"]
        largest = f'{{"tool_name": "issue_refund", "arguments": {{"text": "{"x" * 32_756}"}}}}'
        assert (await api.post(path, content=largest)).status_code == 201


async def test_a_result_that_readers_read_differently_is_refused(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent), tool_name="check_order")
    one = f"/tool-permissions/{asked['id']}/execution"
    async with app_server.api(agent) as api:
        claim = await api.post(one, json={"arguments_digest": asked["arguments_digest"]})
        report = f'"execution_id": "{claim.json()["execution_id"]}", "succeeded": true'
        for result in ('{"paid": 1, "paid": 2}', "9007199254740993"):
            answer = await api.patch(one, content=f'{{{report}, "result": {result}}}')
            assert answer.status_code == 422, answer.text
        assert (await api.patch(one, content=f'{{{report}, "succeeded": false}}')).status_code == 422
        assert (await api.patch(one, content=f'{{{report}, "result": 10.0}}')).status_code == 200
