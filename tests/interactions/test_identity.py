"""Repeated, growing, corrected and late items: each has one right result, and its outcome says which."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.app_server import AppServer, Person

STAMP = "2026-11-28T10:00:00Z"


@pytest.fixture
async def live(app_server: AppServer, voice: Person) -> str:
    return await app_server.start(voice.agents[0])


@pytest.fixture
async def api(app_server: AppServer, voice: Person) -> AsyncIterator[httpx.AsyncClient]:
    async with app_server.api(voice.agents[0]) as client:
        yield client


async def outcomes(api: httpx.AsyncClient, path: str, *items: dict[str, Any]) -> list[str]:
    answer = await api.post(path, json=list(items))
    assert answer.status_code == 202, answer.text
    found = answer.json()
    assert found["duplicates"] == found["outcomes"].count("duplicate")
    assert found["stored"] == len(items) - found["duplicates"]
    return list(found["outcomes"])


async def turns_of(app_server: AppServer, interaction: str) -> list[tuple[str, str]]:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select speaker, text from interaction_turns where interaction_id = $1 order by captured_at, id",
            interaction,
        )
    return [tuple(row) for row in rows]


def said(text: str, speaker: str = "customer", **more: Any) -> dict[str, Any]:
    return {"speaker": speaker, "text": text, **more}


async def test_turns_of_one_second_are_all_kept(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    path = f"/interactions/{live}/turns"
    sent = [said("Hello."), said("Hello.", "agent"), said("My bill is wrong."), said("Hello.")]
    stamped = [one | {"captured_at": STAMP} for one in sent]
    assert await outcomes(api, path, *stamped) == ["stored", "stored", "stored", "duplicate"]
    assert await outcomes(api, path, *stamped[::-1]) == ["duplicate"] * 4
    assert await turns_of(app_server, live) == [
        ("customer", "Hello."), ("agent", "Hello."), ("customer", "My bill is wrong."),
    ]  # fmt: skip


async def test_a_turn_grows_until_it_is_final(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    path = f"/interactions/{live}/turns"
    partial, longer = said("I would", external_id="t1"), said("I would like", external_id="t1")
    final = said("I would like my money back.", external_id="t1", final=True)
    assert await outcomes(api, path, partial, partial, longer) == ["stored", "duplicate", "replaced"]
    assert await outcomes(api, path, final) == ["replaced"]
    assert await outcomes(api, path, longer, final, partial) == ["duplicate"] * 3
    assert await turns_of(app_server, live) == [("customer", "I would like my money back.")]
    cut = said("I would like my", external_id="t1", final=True, interrupted=True)
    assert await outcomes(api, path, cut, cut) == ["replaced", "duplicate"]
    async with app_server.database() as owner:
        row = await owner.fetchrow(
            "select text, final, interrupted from interaction_turns where interaction_id = $1", live
        )
    assert row is not None
    assert tuple(row) == ("I would like my", True, True)


async def test_the_same_words_with_two_ids_were_said_twice(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    yes = [said("Yes.", external_id=f"{n}", captured_at=STAMP) for n in range(2)]
    assert (
        await outcomes(api, f"/interactions/{live}/turns", *yes, *yes) == ["stored"] * 2 + ["duplicate"] * 2
    )
    assert len(await turns_of(app_server, live)) == 2


async def test_an_id_is_one_interactions(app_server: AppServer, voice: Person, chat: Person) -> None:
    for person in (voice, chat):
        live = await app_server.start(person.agents[0])
        async with app_server.api(person.agents[0]) as api:
            assert await outcomes(api, f"/interactions/{live}/turns", said("Hi.", external_id="1")) == [
                "stored"
            ]


async def test_a_turn_that_grew_is_where_it_began(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    path = f"/interactions/{live}/turns"
    await outcomes(
        api, path, said("Well", external_id="1"), said("Go on.", "agent"), said("Well, no.", external_id="1")
    )
    assert await turns_of(app_server, live) == [("customer", "Well, no."), ("agent", "Go on.")]


async def test_metrics_of_one_moment_merge_field_by_field(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    path = f"/interactions/{live}/metrics"
    moment = {"captured_at": STAMP}
    sentiment, score = moment | {"sentiment": "critical"}, moment | {"satisfaction_score": 31.25}
    assert await outcomes(api, path, sentiment) == ["stored"]
    assert await outcomes(api, path, score) == ["merged"]
    assert await outcomes(api, path, sentiment, score) == ["duplicate", "duplicate"]
    assert await outcomes(api, path, moment | {"sentiment": "good", "feed_text": "Calm again."}) == ["merged"]
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select sentiment, satisfaction_score, feed_text from realtime_metrics where interaction_id = $1",
            live,
        )
        shown = await owner.fetchrow(
            "select sentiment, satisfaction_score, feed from interaction_pulse where interaction_id = $1",
            live,
        )
    assert [tuple(row) for row in rows] == [("good", 31.25, "Calm again.")]
    assert shown is not None
    assert (shown["sentiment"], shown["satisfaction_score"]) == ("good", 31.25)
    assert [line["text"] for line in shown["feed"]] == ["Calm again."]


@pytest.mark.parametrize(
    "stamp",
    [
        1_795_860_000, 1_795_860_000_000, 1_795_860_000_000_000, 1_795_860_000_000_000_000, 1_795_860_000.25,
        "2026-11-28T10:00:00.123456789Z", "2026-11-28T10:00:00+02:00", "2026-11-28T10:00:00.5Z",
    ],
)  # fmt: skip
async def test_stamps_are_seconds_to_nanoseconds(
    api: httpx.AsyncClient, app_server: AppServer, live: str, stamp: Any
) -> None:
    assert await outcomes(api, f"/interactions/{live}/turns", said("Hi.", captured_at=stamp)) == ["stored"]
    async with app_server.database() as owner:
        found = await owner.fetchval(
            "select captured_at from interaction_turns where interaction_id = $1", live
        )
    assert abs(found - dt.datetime(2026, 11, 28, 9, tzinfo=dt.UTC)) <= dt.timedelta(hours=1, minutes=1)


@pytest.mark.parametrize(
    "stamp", [-1, 10**30, "1999-12-31T23:59:59Z", "yesterday", True, "2026-11-28T10:00:00"]
)
async def test_what_is_no_stamp_is_refused(api: httpx.AsyncClient, live: str, stamp: Any) -> None:
    answer = await api.post(f"/interactions/{live}/turns", json=said("Hi.", captured_at=stamp))
    assert answer.status_code == 422
    assert "captured_at" in answer.text


async def test_turns_come_until_ten_minutes_after_the_end(
    api: httpx.AsyncClient, app_server: AppServer, live: str
) -> None:
    path = f"/interactions/{live}/turns"
    assert await outcomes(api, path, said("Bye.", external_id="1")) == ["stored"]
    await api.post(f"/interactions/{live}/end", json={"status": "completed"})
    assert await outcomes(api, path, said("Bye, bye.", external_id="1"), said("Click.", "agent")) == [
        "replaced",
        "stored",
    ]
    async with app_server.database() as owner:
        late = await owner.fetch(
            "select late from interaction_turns where interaction_id = $1 order by id", live
        )
        assert [row["late"] for row in late] == [False, True]
        await owner.execute(
            "update interactions set started_at = started_at - interval '1 h', ended_at = ended_at - interval '10 m 1 s' where id = $1",
            live,
        )
    refused = await api.post(path, json=said("Too late."))
    assert (refused.status_code, "ended" in refused.text) == (409, True)
