"""Archives and first-contact resolution: any order of arrival, tag overlap, three days, unknown numbers."""

import datetime as dt
import secrets
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from tests.app_server import AppServer, Person
from tests.database.acting import Connection, as_owner, refused

NUMBERS = count(10_000_000 + secrets.randbelow(80_000_000))
DAY0 = dt.datetime(2026, 10, 1, 9, tzinfo=dt.UTC)


def a_number() -> str:
    return f"+4930{next(NUMBERS)}"


async def past(
    owner: Connection, person: Person, days: float, number: str | None, status: str = "completed"
) -> UUID:
    """An interaction that took place so many days after DAY0."""
    started = DAY0 + dt.timedelta(days=days)
    found: UUID = await owner.fetchval(
        """insert into interactions (agent_id, interaction_type, status, started_at, ended_at, phone_number)
        values ($1, (select agent_type from agents where id = $1), $4, $2, $2::timestamptz + interval '5 minutes', $3) returning id""",
        person.agents[0].id,
        started,
        number,
        status,
    )
    return found


async def archive(
    owner: Connection, interaction: UUID, tag: str | None = "billing", issue: str | None = "resolved"
) -> None:
    tags = {"topics": [], "issues": [{"tag": tag, "status": issue or "resolved"}]} if tag else None
    issues = [{"issue": "The bill", "status": issue}] if issue else None
    await owner.execute(
        "insert into interaction_archives (interaction_id, summary, tags, issues) values ($1, 's', $2, $3)",
        interaction,
        tags,
        issues,
    )


async def fcr(owner: Connection, *interactions: UUID) -> list[bool | None]:
    return [
        await owner.fetchval("select fcr_status from interaction_archives where interaction_id = $1", one)
        for one in interactions
    ]


async def test_resolved_unresolved_and_unknown(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        ids = [await past(owner, voice, n, a_number()) for n in range(3)]
        await archive(owner, ids[0])
        await archive(owner, ids[1], issue="unresolved")
        await archive(owner, ids[2], tag=None, issue=None)
        assert await fcr(owner, *ids) == [True, False, None]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_the_same_issue_within_three_days_breaks_the_first_in_any_order(
    app_server: AppServer, voice: Person, chat: Person, order: tuple[int, int]
) -> None:
    async with as_owner(app_server) as owner:
        number = a_number()
        ids = [await past(owner, voice, 0, number), await past(owner, chat, 2.9, number)]
        for n in order:
            await archive(owner, ids[n])
        assert await fcr(owner, *ids) == [False, True]


async def test_another_issue_another_number_or_a_later_day_does_not_break_it(
    app_server: AppServer, voice: Person
) -> None:
    async with as_owner(app_server) as owner:
        number = a_number()
        first = await past(owner, voice, 0, number)
        await archive(owner, first, tag="billing")
        for days, phone, tag in (
            (1, number, "delivery"),
            (1.5, a_number(), "billing"),
            (3.01, number, "billing"),
            (-1, number, "billing"),
            (2, None, "billing"),
        ):
            await archive(owner, await past(owner, voice, days, phone), tag=tag)
        assert await fcr(owner, first) == [True]


async def test_exactly_three_days_still_counts(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        number = a_number()
        ids = [await past(owner, voice, 0, number), await past(owner, voice, 3, number)]
        for one in ids:
            await archive(owner, one)
        assert await fcr(owner, *ids) == [False, True]


async def test_without_a_number_nothing_is_known(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        number = a_number()
        first, second = await past(owner, voice, 0, None), await past(owner, voice, 1, number)
        await archive(owner, first)
        await archive(owner, second)
        assert await fcr(owner, first, second) == [None, True]
        await owner.execute("update interactions set phone_number = $2 where id = $1", first, number)
        assert await fcr(owner, first, second) == [False, True]
        await owner.execute("update interactions set phone_number = null where id = $1", second)
        assert await fcr(owner, first, second) == [True, None]


async def test_a_deleted_or_changed_follow_up_settles_it_again(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        number = a_number()
        first, second = await past(owner, voice, 0, number), await past(owner, voice, 1, number)
        await archive(owner, first)
        await archive(owner, second)
        await owner.execute(
            'update interaction_archives set tags = \'{"issues": [{"tag": "other", "status": "resolved"}]}\' where interaction_id = $1',
            second,
        )
        assert await fcr(owner, first) == [True]
        await owner.execute(
            'update interaction_archives set tags = \'{"issues": [{"tag": "billing", "status": "resolved"}]}\' where interaction_id = $1',
            second,
        )
        assert await fcr(owner, first) == [False]
        await owner.execute("delete from interaction_archives where interaction_id = $1", second)
        assert await fcr(owner, first) == [True]


async def test_a_deleted_interaction_settles_it_again(app_server: AppServer, voice: Person) -> None:
    async with as_owner(app_server) as owner:
        number = a_number()
        first, second = await past(owner, voice, 0, number), await past(owner, voice, 1, number)
        await archive(owner, first)
        await archive(owner, second)
        await owner.execute("delete from interactions where id = $1", second)
        assert await fcr(owner, first) == [True]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("issues", {}), ("issues", ["late"]), ("issues", [{"issue": "x"}]), ("issues", [{"issue": "x", "status": "maybe"}]),
        ("issues", [{"issue": "", "status": "resolved"}]), ("issues", [{"issue": "x", "status": "resolved", "priority": "urgent"}]),
        ("tags", []), ("tags", {"topics": "a"}), ("tags", {"issues": {}}), ("tags", {"issues": ["x"]}), ("tags", {"sentiment": "bad"}),
        ("tags", {"issues": [{"tag": "x", "status": "maybe"}]}), ("tags", {"issues": [{"status": "resolved"}]}),
    ],
)  # fmt: skip
async def test_malformed_issues_and_tags_are_refused(
    app_server: AppServer, voice: Person, column: str, value: Any
) -> None:
    async with as_owner(app_server) as owner:
        interaction = await past(owner, voice, 0, a_number())
        async with refused(owner, "23514"):
            await owner.execute(
                f"insert into interaction_archives (interaction_id, summary, {column}) values ($1, 's', $2)",
                interaction,
                value,
            )
