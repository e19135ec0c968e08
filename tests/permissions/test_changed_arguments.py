"""A person allows a request with other arguments: the agent runs exactly these, or learns them as a proposal."""

import asyncio
import html
import json
import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from server.kernel.http import json_digest
from tests.app_server import Agent, AppServer, Person
from tests.database.acting import as_person

REFUND: dict[str, Any] = {
    "order": "W1",
    "amount": 184.2,
    "to": {"last4": "0420"},
    "notify": True,
    "note": None,
}


async def ask(app_server: AppServer, agent: Agent, *, accepts: bool = True, **changes: Any) -> dict[str, Any]:
    live = await app_server.start(agent)
    return await app_server.ask(agent, live, arguments={**REFUND, **changes}, accepts_changes=accepts)


def fields(page: str) -> dict[str, str]:
    """The form of the page as a browser would send it."""
    found = {
        name: html.unescape(value)
        for name, value in re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', page)
    }
    found |= {
        name: html.unescape(value)
        for name, value in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)<', page)
    }
    return found | dict.fromkeys(re.findall(r'<select[^>]* name="([^"]+)"', page), "true")


def words_of(page: str) -> str:
    """What a person reads."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def shown(page: str, asked: dict[str, Any]) -> str:
    """The line of the history with this request."""
    return words_of(next(line for line in page.split("<tr>") if asked["id"] in line))


async def reviewed(browser: httpx.AsyncClient, asked: dict[str, Any], **changes: str) -> httpx.Response:
    path = f"/tool-permissions/{asked['id']}/answer"
    form = fields((await browser.get(path)).text)
    return await browser.post(path, data=form | changes | {"do": "review"})


async def test_the_agent_runs_what_was_changed_and_nothing_else(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    asked = await ask(app_server, agent)
    assert (asked["accepts_changes"], asked["changed_arguments"]) == (True, None)
    wanted = {**REFUND, "amount": 84.2, "to": {"last4": "0421"}, "notify": False}
    path = f"/tool-permissions/{asked['id']}/answer"
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        waiting = asyncio.create_task(api.get(f"/tool-permissions/{asked['id']}?wait=30"))
        step = await reviewed(
            browser,
            asked,
            **{"value-1": "84.2", "value-2": "0421", "value-3": "false", "reason": "Half of it."},
        )
        text = words_of(step.text)
        assert "with these changes" in text
        assert "84.20 · Agent" in text  # the amount that would be allowed
        for words in (
            "amount 84.2 was 184.2",
            "to.last4 0421 was 0420",
            "notify false was true",
            "Half of it.",
        ):
            assert words in text
        assert (await browser.post(path, data=fields(step.text) | {"do": "allowed"})).status_code == 303
        told = (await waiting).json()
        assert (told["status"], told["reason"]) == ("allowed", "Half of it.")
        assert told["arguments"] == REFUND
        assert told["changed_arguments"] == wanted
        assert told["changed_arguments_digest"] == json_digest(wanted)
        claim = f"/tool-permissions/{asked['id']}/execution"
        refused = await api.post(claim, json={"arguments_digest": asked["arguments_digest"]})
        assert refused.status_code == 409
        assert "changed_arguments_digest" in refused.json()["detail"]
        claimed = await api.post(claim, json={"arguments_digest": told["changed_arguments_digest"]})
        assert claimed.status_code == 201
        page = (await browser.get(f"/tool-permissions/{asked['id']}")).text
        assert "Allowed with changes" in page
        assert "was <bdi>184.2</bdi>" in page
        exported = (await browser.get("/tool-permissions.csv")).text
        assert '""amount"":84.2' in exported.replace(" ", "")
        # What ran is named everywhere, and found.
        line = shown((await browser.get("/tool-permissions?days=&q=84.2,")).text, asked)
        assert "issue_refund 84.20 was 184.20" in line
        assert "allowed with changes" in line
        assert "issue_refund 84.20 (was 184.20) allowed with changes" in words_of(
            (await browser.get("/")).text
        )
        # The next request for the tool is compared with what was run.
        again = await app_server.ask(agent, asked["interaction_id"], arguments=wanted)
        assert "Same as the one allowed" in (await browser.get("/")).text
    assert again["status"] == "pending"


async def test_without_the_agents_consent_a_change_is_a_proposal(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    asked = await ask(app_server, agent, accepts=False)
    path = f"/tool-permissions/{asked['id']}/answer"
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        step = await reviewed(browser, asked, **{"value-1": "50"})
        assert "with these changes" not in step.text
        forced = await browser.post(path, data=fields(step.text) | {"do": "allowed"})
        assert forced.status_code == 422
        assert "takes no changed arguments" in forced.text
        assert (await browser.post(path, data=fields(step.text) | {"do": "denied"})).status_code == 303
        told = (await api.get(f"/tool-permissions/{asked['id']}")).json()
        line = shown((await browser.get("/tool-permissions?days=&q=50,")).text, asked)
        assert "issue_refund 184.20" in line
        assert "other arguments proposed" in line
    assert (told["status"], told["changed_arguments"]) == ("denied", None)
    assert told["proposed_arguments"] == {**REFUND, "amount": 50}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "No value was changed"),
        ({"value-1": "many"}, "amount is a number: many is none"),
        ({"value-1": "0x10"}, "amount is a number"),
        ({"value-1": "0.1000000000000000055511151231257827"}, "number"),
        ({"value-3": "maybe"}, "notify is a boolean"),
        ({"json": '{"a": 1, "a": 2}'}, "twice"),
        ({"json": "[1]"}, "are a JSON object"),
        ({"json": "{"}, "not JSON"),
        ({"json": json.dumps({"a": "x" * 33_000})}, "32768"),
        ({"json": '{"a": "\\u0000"}'}, "U+0000"),
        ({"reason": "x" * 1001, "value-1": "1"}, "1000 characters"),
    ],
)
async def test_what_cannot_be_is_refused_in_words_and_nothing_typed_is_lost(
    app_server: AppServer, voice: Person, changes: dict[str, str], words: str
) -> None:
    asked = await ask(app_server, voice.agents[0])
    async with app_server.browser_of(voice) as browser:
        answer = await reviewed(browser, asked, **{"value-0": "W1", "reason": "typed", **changes})
        assert answer.status_code == 422, answer.text
        assert words in html.unescape(answer.text)
        if "reason" not in changes:
            assert 'value="typed"' in answer.text
    async with app_server.api(voice.agents[0]) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"


async def test_the_schema_and_the_limit_of_the_tool_hold_for_changes(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    async with app_server.database() as owner:
        await owner.execute(
            """update agent_tools set input_schema = $2, limit_argument = 'amount', refuses_above = 500
            where agent_id = $1 and tool_name = 'issue_refund'""",
            agent.id,
            {"type": "object", "properties": {"amount": {"type": "number", "minimum": 1}}},
        )
    asked = await ask(app_server, agent)
    path = f"/tool-permissions/{asked['id']}/answer"
    async with app_server.browser_of(voice) as browser:
        answer = await reviewed(browser, asked, **{"value-1": "0.5"})
        assert "amount: 0.5 is less than the minimum of 1" in html.unescape(answer.text)
        step = await reviewed(browser, asked, **{"value-1": "501"})
        answer = await browser.post(path, data=fields(step.text) | {"do": "allowed"})
        assert answer.status_code == 422
        assert "500 is the most that it may use" in answer.text
        assert fields(answer.text)["value-1"] == "501"
        async with app_server.api(agent) as api:
            assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"


async def test_a_schema_that_refers_elsewhere_is_not_fetched(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    async with app_server.database() as owner:
        await owner.execute(
            "update agent_tools set input_schema = $2 where agent_id = $1 and tool_name = 'issue_refund'",
            agent.id,
            {"$ref": "http://127.0.0.1:9/schema.json"},
        )
    asked = await ask(app_server, agent)
    async with app_server.browser_of(voice) as browser:
        answer = await reviewed(browser, asked, **{"value-1": "1"})
        assert answer.status_code == 422
        assert "The schema of the tool cannot be read" in answer.text


async def test_an_edited_form_is_not_allowed_as_it_was(app_server: AppServer, voice: Person) -> None:
    asked = await ask(app_server, voice.agents[0])
    path = f"/tool-permissions/{asked['id']}/answer"
    async with app_server.browser_of(voice) as browser:
        form = fields((await browser.get(path)).text)
        answer = await browser.post(path, data=form | {"value-1": "1", "do": "as_is"})
        assert answer.status_code == 422
        assert "You have changed values" in answer.text
        assert (await browser.post(path, data=form | {"do": "as_is"})).status_code == 303


async def test_a_step_back_keeps_the_changes_and_they_are_not_the_request_as_it_is(
    app_server: AppServer, voice: Person
) -> None:
    asked = await ask(app_server, voice.agents[0])
    path = f"/tool-permissions/{asked['id']}/answer"
    async with app_server.browser_of(voice) as browser:
        step = await reviewed(browser, asked, **{"value-1": "50", "reason": "Half."})
        form = fields((await browser.post(path, data=fields(step.text) | {"do": "edit"})).text)
        assert form["value-1"] == "50"
        answer = await browser.post(path, data=form | {"do": "as_is"})
        assert answer.status_code == 422
        assert "You have changed values" in answer.text
        assert fields(answer.text)["value-1"] == "50"
        put_back = form | {"value-1": "184.2"}
        answer = await browser.post(path, data=put_back | {"do": "review"})
        assert "No value was changed" in answer.text
        assert (await browser.post(path, data=put_back | {"do": "as_is"})).status_code == 303


@pytest.mark.parametrize(
    ("sent", "of_browser"),
    [("one\rtwo", "one\r\ntwo"), ("one\r\ntwo\nthree", "one\r\ntwo\r\nthree"), ("\rone", "\r\none")],
)
async def test_line_ends_that_browsers_change_are_no_change(
    app_server: AppServer, voice: Person, sent: str, of_browser: str
) -> None:
    asked = await ask(app_server, voice.agents[0], note=sent)
    path = f"/tool-permissions/{asked['id']}/answer"
    async with app_server.browser_of(voice) as browser:
        page = (await browser.get(path)).text
        assert '<textarea id="value-4"' in page  # an input would lose the line end
        form = fields(page) | {"value-4": of_browser}
        step = await browser.post(path, data=form | {"value-1": "50", "do": "review"})
        assert json.loads(fields(step.text)["changed"]) == {**REFUND, "note": sent, "amount": 50}
        assert (await browser.post(path, data=form | {"do": "as_is"})).status_code == 303


async def test_the_json_and_the_fields_do_not_undo_one_another(app_server: AppServer, voice: Person) -> None:
    asked = await ask(app_server, voice.agents[0], note="two  blanks")
    path = f"/tool-permissions/{asked['id']}/answer"
    async with app_server.browser_of(voice) as browser:
        form = fields((await browser.get(path)).text) | {"do": "review"}
        one_blank = form["json"].replace("two  blanks", "two blanks")
        step = await browser.post(path, data=form | {"json": one_blank})
        assert json.loads(fields(step.text)["changed"])["note"] == "two blanks"
        step = await browser.post(path, data=form | {"json": form["json"] + " ", "value-1": "50"})
        assert json.loads(fields(step.text)["changed"])["amount"] == 50
        both = await browser.post(path, data=form | {"json": one_blank, "value-1": "50"})
        assert both.status_code == 422
        assert "in the fields and others in the JSON" in both.text
        assert fields(both.text)["value-1"] == "50"
        assert "two blanks" in fields(both.text)["json"]


async def test_of_two_at_once_one_wins_whole(app_server: AppServer, voice: Person) -> None:
    admin = await app_server.hire("admin")
    async with app_server.browser_of(voice) as first, app_server.browser_of(admin) as second:
        agent = voice.agents[0]
        live = await app_server.start(agent)
        for _ in range(5):
            asked = await app_server.ask(agent, live, arguments=REFUND, accepts_changes=True)
            path = f"/tool-permissions/{asked['id']}/answer"
            steps = [
                fields((await reviewed(browser, asked, **{"value-1": amount})).text) | {"do": "allowed"}
                for browser, amount in ((first, "1"), (second, "2"))
            ]
            answers = await asyncio.gather(first.post(path, data=steps[0]), second.post(path, data=steps[1]))
            assert sorted(answer.status_code for answer in answers) == [303, 409]
            async with app_server.api(agent) as api:
                told = (await api.get(f"/tool-permissions/{asked['id']}")).json()
            won = 1 if answers[0].status_code == 303 else 2
            assert told["changed_arguments"]["amount"] == won
            assert told["responded_by"] == (voice.username if won == 1 else admin.name)


async def test_a_change_that_is_held_is_taken_back_whole(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    async with app_server.database() as owner:
        await owner.execute("update agent_tools set undo_seconds = 60 where agent_id = $1", agent.id)
    asked = await ask(app_server, agent)
    path = f"/tool-permissions/{asked['id']}/answer"
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        step = await reviewed(browser, asked, **{"value-1": "1"})
        await browser.post(path, data=fields(step.text) | {"do": "allowed"})
        await browser.post(f"/tool-permissions/{asked['id']}/take-back")
        told = (await api.get(f"/tool-permissions/{asked['id']}")).json()
        assert (told["status"], told["changed_arguments"]) == ("pending", None)
        await browser.post(path, data=fields(step.text) | {"do": "allowed"})
        async with app_server.database() as owner:
            await owner.execute("alter table tool_permissions disable trigger tool_permissions_11_guard")
            await owner.execute(
                "update tool_permissions set held_until = now() - interval '1 second' where id = $1",
                UUID(asked["id"]),
            )
            await owner.execute("alter table tool_permissions enable trigger tool_permissions_11_guard")
        told = (await api.get(f"/tool-permissions/{asked['id']}")).json()
    assert (told["status"], told["changed_arguments"]["amount"]) == ("allowed", 1)


async def test_who_may_not_decide_changes_nothing(app_server: AppServer, voice: Person) -> None:
    asked = await ask(app_server, voice.agents[0])
    other = await app_server.hire("voice")
    path = f"/tool-permissions/{asked['id']}/answer"
    async with app_server.browser_of(other) as browser, app_server.browser_of(None) as nobody:
        assert (await browser.get(path)).status_code == 404
        form = {"arguments_digest": asked["arguments_digest"], "changed": '{"amount": 1}', "do": "allowed"}
        assert (await browser.post(path, data=form)).status_code == 404
        assert (await nobody.post(path, data=form)).status_code in (303, 401)
    async with app_server.browser_of(voice) as browser:
        stale = await browser.post(path, data=form | {"arguments_digest": "0" * 64})
        assert stale.status_code == 409
        assert (await browser.post(path, data={"do": "allowed"})).status_code == 422


async def test_a_reason_goes_with_an_allow_and_is_offered_to_this_person_again(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        for reason in ("Only this once.", "Not allowed by policy", "Only this once.", "Ask Maya."):
            asked = await app_server.ask(agent, live, arguments=REFUND)
            form = {"arguments_digest": asked["arguments_digest"], "reason": reason, "do": "as_is"}
            answer = await browser.post(f"/tool-permissions/{asked['id']}/answer", data=form)
            assert answer.status_code == 303
            told = (await api.get(f"/tool-permissions/{asked['id']}")).json()
            assert (told["status"], told["reason"]) == ("allowed", reason)
        offered = re.findall(r'value="([^"]*)"', (await browser.get("/reasons")).text)
        assert offered == ["Ask Maya.", "Only this once."]
    async with app_server.browser_of(await app_server.hire("voice")) as other:
        assert "option" not in (await other.get("/reasons")).text


async def test_who_answers_after_the_agent_gave_up_is_told(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    asked = await ask(app_server, agent)
    async with app_server.api(agent) as api, app_server.browser_of(voice) as browser:
        await api.delete(f"/tool-permissions/{asked['id']}")
        form = {"arguments_digest": asked["arguments_digest"], "status": "allowed"}
        late = await browser.post(f"/tool-permissions/{asked['id']}/decision", data=form)
        assert late.status_code == 409
        assert "Too late: the agent took the request for issue_refund back" in late.text
        assert "Nothing was decided." in late.text
        # Allowed, and the agent does not come back.
        asked = await app_server.ask(agent, asked["interaction_id"], arguments=REFUND)
        await browser.post(
            f"/tool-permissions/{asked['id']}/decision",
            data={"arguments_digest": asked["arguments_digest"], "status": "allowed"},
        )
        async with app_server.database() as owner:
            await owner.execute("alter table tool_permissions disable trigger tool_permissions_11_guard")
            await owner.execute(
                "update tool_permissions set execute_before = now() - interval '1 second' where id = $1",
                UUID(asked["id"]),
            )
            await owner.execute("alter table tool_permissions enable trigger tool_permissions_11_guard")
        assert (
            "The agent did not come back by" in (await browser.get(f"/tool-permissions/{asked['id']}")).text
        )


async def test_sql_gives_no_way_around(app_server: AppServer, voice: Person) -> None:
    asked = await ask(app_server, voice.agents[0], accepts=False)
    async with as_person(app_server, voice) as viewer:
        with pytest.raises(Exception, match="takes no changed arguments"):
            await viewer.fetchval(
                "select private.decide_changed($1, 'allowed', null, $2, $3, $4)",
                UUID(asked["id"]),
                asked["arguments_digest"],
                {"amount": 1},
                "a" * 64,
            )
