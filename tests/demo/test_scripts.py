"""The demo's scripts, one by one: what the API takes, with tools the sample agents have, and worth listening to."""

from collections import Counter
from typing import Any

import pytest

from server.demo import demo
from server.demo.player import FEED_TEXT, Say, Script, Tool
from server.demo.scripts import SCRIPTS
from server.interactions import api as interactions
from server.permissions import api as permissions
from tests.app_server import AppServer

BY_NAME = {script.name: script for script in SCRIPTS}
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)


def tools(script: Script) -> list[Tool]:
    return [step for step in script.steps if isinstance(step, Tool)]


def issue_tags(script: Script) -> set[str]:
    return {issue["tag"] for issue in script.archive.tags["issues"]}


def test_six_on_the_phone_and_six_in_the_chat() -> None:
    assert Counter(script.channel for script in SCRIPTS) == {"voice": 6, "chat": 6}
    assert len(BY_NAME) == 12


@every_script
def test_the_api_takes_every_part_of_it(script: Script) -> None:
    start = interactions.Start(interaction_type=script.channel, phone_number=script.phone)
    assert start.phone_number == script.phone
    end = interactions.End.model_validate({"status": script.status, "archive": script.archive.as_json()})
    assert end.archive is not None
    assert end.archive.issues
    assert end.archive.tags is not None
    assert [tag.status for tag in end.archive.tags.issues] == [i.status for i in end.archive.issues]
    for step in script.steps:
        assert 0 <= step.satisfaction <= 100
        if isinstance(step, Say):
            interactions.Turn(speaker=step.speaker, text=step.text)
        else:
            permissions.Request(
                tool_name=step.name, tool_description=step.description, arguments=step.arguments
            )


@every_script
def test_it_takes_its_time_and_stops_for_breath(script: Script) -> None:
    at = [step.at for step in script.steps]
    assert at == sorted(set(at))
    assert 60 <= at[-1] <= 150
    assert at[-1] <= script.archive.resolution_time_seconds <= at[-1] + 10
    assert all(len(f"Customer: {step.text}") <= FEED_TEXT for step in script.steps if isinstance(step, Say))


@every_script
def test_every_no_has_an_answer_of_its_own(script: Script) -> None:
    for step in tools(script):
        assert bool(step.instead) == step.asks
        assert step.description or not step.asks


@every_script
async def test_the_sample_agent_has_its_tools(app_server: AppServer, script: Script) -> None:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            """select t.tool_name, t.requires_permission, t.description
            from agent_tools t join agents a on a.id = t.agent_id join users u on u.id = a.supervisor_id
            where u.email in ('supervisor1@example.com', 'supervisor2@example.com') and a.agent_type = $1""",
            script.channel,
        )
    has: dict[str, Any] = {row["tool_name"]: row for row in rows}
    for step in tools(script):
        assert has[step.name]["requires_permission"] == step.asks
        assert has[step.name]["description"]
        assert step.description in (None, has[step.name]["description"])


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s.follows], ids=lambda script: script.name)
def test_who_follows_is_the_same_customer_with_the_same_issue(script: Script) -> None:
    first = BY_NAME[script.follows or ""]
    assert (first.channel, first.phone) == (script.channel, script.phone)
    assert issue_tags(first) & issue_tags(script)
    assert SCRIPTS.index(first) < SCRIPTS.index(script)


def test_nobody_else_shares_a_number() -> None:
    phones = Counter(script.phone for script in SCRIPTS if not script.follows)
    assert set(phones.values()) == {1}


def test_nothing_is_said_twice() -> None:
    said = Counter(step.text for script in SCRIPTS for step in script.steps if isinstance(step, Say))
    said.update(step.instead for script in SCRIPTS for step in tools(script) if step.instead)
    said.update(script.archive.summary for script in SCRIPTS)
    assert [text for text, times in said.items() if times > 1] == []


def test_there_is_one_of_every_kind() -> None:
    assert any(s.status == "failed" for s in SCRIPTS)
    assert any(not step.succeeds for s in SCRIPTS for step in tools(s))
    assert any(not any(step.asks for step in tools(s)) for s in SCRIPTS)
    assert any(
        one.asks and getattr(two, "asks", False)
        for s in SCRIPTS
        for one, two in zip(s.steps, s.steps[1:], strict=False)
        if isinstance(one, Tool)
    )
    assert any(
        min(step.satisfaction for step in s.steps) < 20 and s.steps[-1].satisfaction > 80 for s in SCRIPTS
    )
    assert any(isinstance(value, dict) for s in SCRIPTS for t in tools(s) for value in t.arguments.values())
    assert any(len(str(t.arguments)) > 600 for s in SCRIPTS for t in tools(s) if t.asks)


def test_customers_are_outsiders_unless_they_follow() -> None:
    first = next(script for script in SCRIPTS if script.follows)
    assert demo.with_phone(first, {first.follows or "": "+12125550100"}).phone == "+12125550100"
    phones = {demo.with_phone(first, {}).phone for _ in range(20)}
    assert len(phones) > 15
