"""Recorded conversations, sent as phones and providers send them: in the end every word is stored once, in its place."""

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.demo import recordings
from server.demo.player import Say, Script
from tests.app_server import Agent, AppServer, Person

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="the recorded conversations are not here (../shared/data)"
)
SKEWS = (0, -2, 2, -120, 120, -86_400, 86_400)  # seconds that the sender's clock is wrong
LIST = 100  # items a request
LONGEST = 4000


@dataclass(slots=True)
class Sent:
    """One conversation as it was sent."""

    interaction: str
    owner: Person
    words: Counter[tuple[str, str]] = field(default_factory=Counter)
    scores: dict[dt.datetime, int] = field(default_factory=dict)


async def send(api: httpx.AsyncClient, path: str, items: list[dict[str, Any]]) -> None:
    for first in range(0, len(items), LIST):
        answer = await api.post(path, json=items[first : first + LIST])
        assert answer.status_code == 202, answer.text
        assert len(answer.json()["outcomes"]) == len(items[first : first + LIST])


def turns_of(script: Script, stamp: Any, *, with_ids: bool, sent: Sent) -> Iterator[dict[str, Any]]:
    """Each turn: with an id also as it grew, without one as it is."""
    for number, step in enumerate(step for step in script.steps if isinstance(step, Say)):
        whole = {
            "speaker": step.speaker,
            "text": step.text[:LONGEST],
            "captured_at": stamp(step.at).isoformat(),
        }
        sent.words[whole["speaker"], whole["text"]] += 1
        if with_ids:
            whole |= {"external_id": f"turn {number}"}
            yield whole | {"text": whole["text"][: len(whole["text"]) // 2]}
            yield whole | {"final": True}
        else:
            yield whole


def metrics_of(script: Script, stamp: Any, sent: Sent) -> Iterator[dict[str, Any]]:
    """Sentiment and satisfaction of a moment come one by one."""
    for step in script.steps:
        moment = stamp(step.at)
        sent.scores[moment] = step.satisfaction
        yield {"captured_at": moment.isoformat(), "satisfaction_score": step.satisfaction}
        yield {
            "captured_at": moment.isoformat(),
            "sentiment": "good" if step.satisfaction > 60 else "neutral",
        }


async def play(app_server: AppServer, owner: Person, agent: Agent, script: Script, number: int) -> Sent:
    chance = random.Random(number)
    skew, cut, with_ids = SKEWS[number % len(SKEWS)], number % 2 == 0, number % 3 != 0
    began = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=skew)
    if cut:
        began = began.replace(microsecond=0)

    def stamp(at: float) -> dt.datetime:
        # In whole seconds several moments are one; here each stays separate.
        return began + dt.timedelta(seconds=int(at) if cut else at)

    async with app_server.api(agent) as api:
        sent = Sent(await app_server.start(agent), owner)
        path = f"/interactions/{sent.interaction}"
        turns = list(turns_of(script, stamp, with_ids=with_ids, sent=sent))
        if not with_ids:  # without ids, equal turns are one turn
            distinct = {(t["captured_at"], t["speaker"], t["text"]) for t in turns}
            sent.words = Counter((speaker, text) for _, speaker, text in distinct)
        metrics = list(metrics_of(script, stamp, sent))
        late = turns[-max(len(turns) // 5, 1) :]
        for items, where in ((turns[: -len(late)], "turns"), (metrics, "metrics")):
            doubled = items * 2
            if where == "turns" or not cut:  # the later value of one moment is kept, so their order matters
                chance.shuffle(doubled)
            await send(api, f"{path}/{where}", doubled)
        ended = await api.post(f"{path}/end", json={"status": script.status, "end_reason": "handed_over"})
        assert ended.status_code == 200
        await send(api, f"{path}/turns", chance.sample(late * 2, 2 * len(late)))
    return sent


async def play_all(app_server: AppServer, people: list[Person], scripts: list[Script]) -> list[Sent]:
    left = list(enumerate(scripts))

    async def work(owner: Person, agent: Agent) -> list[Sent]:
        found = []
        while left:
            number, script = left.pop()
            found.append(await play(app_server, owner, agent, script, number))
        return found

    played = await asyncio.gather(*(work(person, agent) for person in people for agent in person.agents))
    return [sent for some in played for sent in some]


async def check(app_server: AppServer, people: list[Person], played: list[Sent], looked_at: int) -> None:
    async with app_server.database() as owner:
        for sent in played:
            rows = await owner.fetch(
                "select speaker, text, supervisor_id from interaction_turns where interaction_id = $1",
                sent.interaction,
            )
            assert Counter((row["speaker"], row["text"]) for row in rows) == sent.words
            assert {row["supervisor_id"] for row in rows} <= {sent.owner.id}
            metrics = await owner.fetch(
                "select timestamp, sentiment, satisfaction_score from realtime_metrics where interaction_id = $1",
                sent.interaction,
            )
            assert {row["timestamp"]: row["satisfaction_score"] for row in metrics} == sent.scores
            assert all(row["sentiment"] for row in metrics)
    for sent in played[:: max(len(played) // looked_at, 1)]:
        outsider = next(person for person in people if person is not sent.owner)
        async with app_server.browser_of(sent.owner) as own, app_server.browser_of(outsider) as other:
            page = (await own.get(f"/interactions/{sent.interaction}")).text
            assert (await other.get(f"/interactions/{sent.interaction}")).status_code == 404
            floor = (await other.get("/")).text
        looked_up = [text for _, text in list(sent.words)[:40] if len(text) > 20 and text.isprintable()]
        assert looked_up
        for text in looked_up:
            assert escape(text, quote=True).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in page
            assert text not in floor


async def whole(app_server: AppServer, scripts: list[Script], looked_at: int) -> None:
    people = [await app_server.hire("voice", 3) for _ in range(3)]
    played = await play_all(app_server, people, scripts)
    assert len(played) == len(scripts)
    await check(app_server, people, played, looked_at)


async def test_some_conversations_are_stored_word_for_word(app_server: AppServer) -> None:
    scripts = [one.script for one in recordings.read(DATA).scripts]
    await whole(app_server, scripts[::20], 3)


@pytest.mark.full
async def test_all_conversations_are_stored_word_for_word(app_server: AppServer) -> None:
    scripts = [one.script for one in recordings.read(DATA).scripts]
    assert len(scripts) > 500
    await whole(app_server, scripts, 20)
