"""The form of a standing approval, and every wrong value in it."""

from typing import Any
from uuid import uuid4

import pytest

from tests.app_server import AppServer, Person

ARGUMENTS = {"order": "W1", "amount": 10.5, "nights": 2, "note": "<b>"}
EXACT = {"scope": "exact", "uses": "3", "minutes": "30"}
LIMIT = {"scope": "limit", "uses": "3", "minutes": "30", "argument": "1", "each": "20", "total": "50"}


async def asked(app_server: AppServer, person: Person) -> tuple[dict[str, Any], str]:
    agent = person.agents[0]
    request = await app_server.ask(
        agent, await app_server.start(agent), tool_name="issue_refund", arguments=ARGUMENTS
    )
    return request, f"/tool-permissions/{request['id']}/standing-approval"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scope": ""}, "exact, limit or any"),
        ({"uses": "0"}, "1 to 100 uses"),
        ({"uses": "many"}, "How many more is a whole number"),
        ({"uses": "٣"}, "How many more is a whole number"),
        ({"minutes": "481"}, "1 to 480 minutes"),
        ({"minutes": ""}, "The time is a whole number"),
        ({**LIMIT, "argument": "9"}, "Choose the argument"),
        ({**LIMIT, "argument": "-1"}, "Choose the argument"),
        ({**LIMIT, "argument": "1" * 5000}, "Choose the argument"),
        ({"scope": "exact\x00"}, "cannot be stored"),
        ({**LIMIT, "argument": "0"}, "no argument order that is a plain number"),
        ({**LIMIT, "each": "1e3"}, "The limit each time is a number"),
        ({**LIMIT, "each": "1,000"}, "The limit each time is a number"),
        ({**LIMIT, "total": "x"}, "The limit in all is a number"),
    ],
)
async def test_a_form_that_means_nothing_comes_back_with_a_sentence(
    app_server: AppServer, voice: Person, change: dict[str, str], said: str
) -> None:
    request, path = await asked(app_server, voice)
    body = {"arguments_digest": request["arguments_digest"], **EXACT, **change}
    async with app_server.browser_of(voice) as browser:
        for headers in ({}, {"HX-Request": "true"}):
            answer = await browser.post(path, data=body, headers=headers)
            assert (answer.status_code, said in answer.text) == (422, True), answer.text
    async with app_server.api(voice.agents[0]) as api:
        assert (await api.get(f"/tool-permissions/{request['id']}")).json()["status"] == "pending"


async def test_it_proposes_numbers_and_escapes_what_agents_say(app_server: AppServer, voice: Person) -> None:
    _, path = await asked(app_server, voice)
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get(path)).text
    assert '<option value="1" data-number="10.50" selected>amount</option>' in page
    assert '<option value="2" data-number="2" >nights</option>' in page
    assert "<b>" not in page.split("<form id=")[1].split("</form>")[0]


async def test_a_number_far_down_the_list_and_an_argument_that_is_none(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    many = {f"name {n}": "text" for n in range(35)} | {"amount": 5}
    request = await app_server.ask(agent, await app_server.start(agent), arguments=many)
    path = f"/tool-permissions/{request['id']}/standing-approval"
    async with app_server.browser_of(voice) as browser:
        page = await browser.get(path)
        assert (page.status_code, 'name="argument" value="35"' in page.text) == (200, True)
        assert page.text.count('name="free-') == 30
        assert "<bdi>text</bdi>" in page.text, "what is approved is there to be read"
        body = {"arguments_digest": request["arguments_digest"], **LIMIT, "argument": "999"}
        refused = await browser.post(path, data=body)
        assert (refused.status_code, "Choose the argument" in refused.text) == (422, True)


async def test_only_who_may_decide_gets_in(app_server: AppServer, voice: Person, chat: Person) -> None:
    request, path = await asked(app_server, voice)
    body = {"arguments_digest": request["arguments_digest"], **EXACT}
    async with (
        app_server.browser_of(chat) as other,
        app_server.browser_of(voice) as own,
        app_server.browser_of(None) as nobody,
    ):
        assert (await other.get(path)).status_code == 404
        assert (await other.post(path, data=body)).status_code == 404
        assert (await nobody.post(path, data=body)).status_code in (303, 401)
        assert (await own.get(f"/tool-permissions/{uuid4()}/standing-approval")).status_code == 404
        assert (await own.post(path, data=EXACT)).status_code == 422, "without a digest"
        stale = await own.post(path, data={**body, "arguments_digest": "another"})
        assert (stale.status_code, "The request changed" in stale.text) == (409, True)
        assert (await own.post(path, data=body)).status_code == 303
        again = await own.post(path, data=body)
        assert (again.status_code, "already allowed" in again.text) == (409, True)
        assert (await own.get(path)).status_code == 409
        async with app_server.database() as owner:
            grants = await owner.fetch(
                "select id from tool_grants where permission_id = $1::text::uuid", request["id"]
            )
        assert len(grants) == 1
        revoke = f"/standing-approvals/{grants[0]['id']}/revoke"
        assert (await other.post(revoke)).status_code == 404
        assert (await own.post("/standing-approvals/x/revoke")).status_code == 404
        for _ in range(2):
            answer = await own.post(revoke, headers={"HX-Request": "true"})
            assert (answer.status_code, f"revoked by {voice.username}" in answer.text) == (200, True)


async def test_a_button_of_the_last_release_decides_nothing(app_server: AppServer, voice: Person) -> None:
    request, _ = await asked(app_server, voice)
    form = {"arguments_digest": request["arguments_digest"], "status": "allowed_for_interaction"}
    async with app_server.browser_of(voice) as browser:
        answer = await browser.post(f"/tool-permissions/{request['id']}/decision", data=form)
    assert (answer.status_code, "Reload the page" in answer.text) == (422, True)
