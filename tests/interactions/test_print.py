"""The print of an interaction: complete, in the order in which it happened, with times that mean one moment each."""

import datetime as dt
import re
from uuid import UUID, uuid4

import httpx

from tests.app_server import AppServer, Person
from tests.interactions.test_interaction_search import finish
from tests.interactions.test_views import plain

AUTUMN = dt.datetime(2026, 10, 25, 0, 29, 58, tzinfo=dt.UTC)  # in Berlin 2:29:58, and an hour later again


async def printed(browser: httpx.AsyncClient, interaction: str, **cookies: str) -> str:
    for name, value in cookies.items():
        browser.cookies.set(name, value)
    answer = await browser.get(f"/interactions/{interaction}/print")
    assert answer.status_code == 200, answer.text
    return plain(answer.text.partition("<main>")[2])


async def test_the_print_is_in_order_when_clocks_go_back(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.api(agent) as api, app_server.browser_of(voice) as browser:
        for words, minutes in (("Before", 0), ("Then", 61), ("Between", 50), ("Last", 120)):
            at = (AUTUMN + dt.timedelta(minutes=minutes)).isoformat()
            turn = {"speaker": "customer", "text": words, "captured_at": at}
            assert (await api.post(f"/interactions/{live}/turns", json=turn)).is_success
        await api.post(f"/interactions/{live}/end", json={"status": "completed"})
        async with app_server.database() as owner:
            await owner.execute(
                "update interactions set started_at = $2, ended_at = $2::timestamptz + interval '3 hours' where id = $1",
                UUID(live),
                AUTUMN,
            )
        said = await printed(browser, live, zone="Europe/Berlin")
        assert "Times are in Europe/Berlin, UTC+02:00 where no other distance from UTC is given." in said
        assert re.findall(r"Customer ([\d:]+(?: UTC\S+)?) (\w+)", said) == [
            ("02:29:58", "Before"),
            ("02:19:58 UTC+01:00", "Between"),
            ("02:30:58 UTC+01:00", "Then"),
            ("03:29:58 UTC+01:00", "Last"),
        ]
        said = await printed(browser, live, clock="12")
        assert "Started 2026-10-25 2:29:58 AM" in said
        assert "Customer 2:19:58 AM UTC+01:00 Between" in said
        assert "Customer 2:29:58 AM Before" in said


async def test_the_print_has_what_others_need_to_follow_it(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.api(agent) as api, app_server.browser_of(voice) as browser:
        await api.post(f"/interactions/{live}/turns", json={"speaker": "customer", "text": "Where is <it>?"})
        asked = await app_server.ask(agent, live)
        grant = {
            "arguments_digest": asked["arguments_digest"],
            "scope": "exact",
            "uses": "3",
            "minutes": "30",
        }
        path = f"/tool-permissions/{asked['id']}/standing-approval"
        assert (await browser.post(path, data=grant)).status_code == 303
        async with app_server.database() as owner:
            given = await owner.fetchval("select id from tool_grants where interaction_id = $1", UUID(live))
        await browser.post(f"/standing-approvals/{given}/revoke")
        for paused in ("yes", "no"):
            await browser.post(f"/agents/{agent.id}/pause", data={"paused": paused})
        archive = {
            "summary": "Late.",
            "tags": {"topics": [], "issues": [{"tag": "late & <lost>", "status": "resolved"}]},
        }
        await api.post(f"/interactions/{live}/end", json={"status": "completed", "archive": archive})
        async with app_server.database() as owner:
            turn = await owner.fetchval(
                "select 't' || id from interaction_turns where interaction_id = $1", UUID(live)
            )
        for line, words in ((turn, "Too slow"), (f"q{asked['id']}", "Too quick"), ("", "In all")):
            data = {"note": str(uuid4()), "words": words, "line": line}
            assert (await browser.post(f"/interactions/{live}/notes", data=data)).status_code == 303
        said = await printed(browser, live)
    for pattern in (
        r"on the line of \d\d:\d\d:\d\d: “customer: Where is <it>\?” Too slow",
        r"on the line of \d\d:\d\d:\d\d: “the request for issue_refund” Too quick",
        rf"Standing approval given by {voice.username}: issue_refund: the same arguments, 3 uses, until \d\d:",
        rf"Standing approval revoked by {voice.username}: issue_refund: the same arguments",
        rf"Agent paused by {voice.username}",
        rf"Agent resumed by {voice.username}",
        r"Tags of the agent: late & <lost>",
    ):
        assert re.search(pattern, said), (pattern, said)


async def test_the_print_says_of_everything_that_is_left_out(app_server: AppServer, voice: Person) -> None:
    one = await finish(app_server, voice)
    async with app_server.database() as owner, app_server.browser_of(voice) as browser:
        for table, columns, values, count in (
            ("tool_permissions", "agent_id, tool_name, arguments_digest, requested_at, expires_at, responded_at, execute_before, status, rule", "agent_id, 'look_up', repeat('0', 64), started_at + n * interval '1 ms', started_at + (n + 60000) * interval '1 ms', started_at + (n + 1) * interval '1 ms', started_at + (n + 60000) * interval '1 ms', 'allowed', 'not_required'", 1003),
            ("realtime_metrics", "timestamp, feed_text", "started_at + n * interval '1 ms', 'Feed ' || n", 5002),
        ):  # fmt: skip
            await owner.execute(f"alter table {table} disable trigger user")
            await owner.execute(
                f"insert into {table} (interaction_id, supervisor_id, {columns}) select id, supervisor_id, {values} from interactions, generate_series(1, {count}) n where id = $1",
                UUID(one),
            )
            await owner.execute(f"alter table {table} enable trigger user")
        said = await printed(browser, one)
    assert "The first 1,000 decisions; 3 more are left out." in said
    assert "The first 5,000 lines of the feed; 2 more are left out." in said
    assert "turns;" not in said
