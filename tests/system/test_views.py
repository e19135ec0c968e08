"""The system page over real HTTP: it shows what the database and this machine report."""

import csv
import datetime as dt
import io
import os
import shutil
import time
from pathlib import Path

import pytest

from server.system import system_report, views
from tests.app_server import AppServer, Person


async def test_an_admin_reads_sizes_queries_and_retention(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    backups = app_server.home / "backups"
    backups.mkdir(exist_ok=True)
    (backups / "daily-2026-01-02.dump").write_bytes(b"x" * 1500)
    try:
        async with app_server.browser_of(admin) as browser:
            page = (await browser.get("/system")).text
    finally:
        (backups / "daily-2026-01-02.dump").unlink()
    for words in (
        "public.realtime_metrics",
        "notification queue",
        "kept for 24 h",
        "kept for 90 days",
        "1.5 kB",
    ):
        assert words in page
    assert "pg_stat_statements is not installed" not in page
    assert "daily-2026-01-02.dump" in page


# Together, because the server looks as well, and who looked lately looks no more.
LOOK = """
update private.troubles set since = least(since, now() - interval '1 minute'), ended_at = now() - interval '1 minute' where name = 'looked';
select private.note_troubles();
"""


async def test_the_page_says_first_whether_all_is_well(app_server: AppServer) -> None:
    """A trouble is seen at once, its beginning is kept, and OK counts from its end."""
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser, app_server.database() as owner:
        await owner.execute("delete from private.profile_faults")
        await owner.execute(LOOK)
        page = (await browser.get("/system")).text
        assert page.index("OK since") < page.index("notifications arrive")
        assert "Not OK" not in page
        await owner.execute("insert into private.profile_faults (user_id, reason) values ($1, 'x')", admin.id)
        await owner.execute(LOOK)
        began = await owner.fetchval(
            "update private.troubles set since = now() - interval '2 hours' where name = 'profiles' returning since"
        )
        page = (await browser.get("/system")).text
        assert f'Not OK since <time datetime="{began.isoformat()}"' in page
        assert "Somebody signed in and has no profile" in page
        assert "make them under People" in page
        await owner.execute("delete from private.profile_faults")
        await owner.execute(LOOK)
        ended = await owner.fetchval("select ended_at from private.troubles where name = 'profiles'")
        assert f'OK since <time datetime="{ended.isoformat()}"' in (await browser.get("/system")).text


async def test_a_server_that_never_made_a_backup_is_not_ok(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    backups, aside = app_server.home / "backups", app_server.home / "aside"
    backups.mkdir(exist_ok=True)
    backups.rename(aside)  # that of today may be made already
    change = "update users set created_at = created_at {} interval '27 hours' where id = (select id from users order by created_at limit 1)"
    async with app_server.browser_of(admin) as browser, app_server.database() as owner:
        try:
            assert "No backup for more than a day" not in (await browser.get("/system")).text
            await owner.execute(change.format("-"))
            assert "No backup for more than a day" in (await browser.get("/system")).text
        finally:
            await owner.execute(change.format("+"))
            shutil.rmtree(backups, ignore_errors=True)
            aside.rename(backups)


def test_the_hub_and_an_old_backup_are_troubles_too() -> None:
    now = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
    minute, day = dt.timedelta(minutes=1), dt.timedelta(days=1)
    report = {"troubles": [{"name": "queue", "since": (now - 5 * minute).isoformat()}]}

    def found(state: str, backup: dt.datetime | None) -> list[tuple[str, dt.timedelta]]:
        told = system_report.troubles(report, (state, now - minute), backup, now)
        assert all(one.advice for one in told)
        return [(one.title, now - one.since) for one in told]

    queue = ("The notification queue is more than half full", 5 * minute)
    assert found("live", None) == found("live", now - day) == [queue]
    assert found("disconnected", None) == [queue, ("Notifications do not arrive", minute)]
    assert found("polling", None) == [queue, ("Notifications are replaced by polling", minute)]
    assert found("live", now - 2 * day) == [("No backup for more than a day", 22 * 60 * minute), queue]


def test_the_last_backup_is_the_newest_file_if_there_is_one(tmp_path: Path) -> None:
    assert views.newest_backup(tmp_path / "never made") is None
    for name, age in (
        ("daily-2026-01-02.dump", 10),
        ("mine.dump", 5),
        ("half.dump.part", 0),
        ("notes.txt", 0),
    ):
        (tmp_path / name).write_bytes(b"rows")
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    found = views.newest_backup(tmp_path)
    assert found is not None
    assert (found.name, found.bytes) == ("mine.dump", 4)


async def test_a_login_that_became_nobody_is_told_with_its_reason(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    async with app_server.database() as owner:
        await owner.execute(
            "insert into private.profile_faults (user_id, reason) values ($1, 'a <b>type</b> of its own')",
            admin.id,
        )
    async with app_server.browser_of(admin) as browser:
        page = (await browser.get("/system")).text
    assert "a &lt;b&gt;type&lt;/b&gt; of its own" in page


async def test_a_view_that_lost_its_reader_is_named_with_what_puts_it_right(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    cure = "alter view public.agent_performance set (security_invoker = true);"
    async with app_server.browser_of(admin) as browser, app_server.database() as owner:
        assert "row-level security" not in (await browser.get("/system")).text
        await owner.execute("alter view public.agent_performance reset (security_invoker)")
        try:
            assert cure in (await browser.get("/system")).text
        finally:
            await owner.execute(cure)
        assert "row-level security" not in (await browser.get("/system")).text


async def test_the_tables_are_a_file_too(app_server: AppServer) -> None:
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser:
        answer = await browser.get("/system.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-disposition"] == 'attachment; filename="tables.csv"'
    assert {"public.interactions", "private.settings"} <= {row["name"] for row in rows}
    assert all(int(row["bytes"]) >= int(row["index_bytes"]) for row in rows)


@pytest.mark.parametrize("address", ["/system", "/system.csv"])
async def test_it_is_for_admins_only(app_server: AppServer, voice: Person, address: str) -> None:
    async with app_server.browser_of(voice) as browser:
        assert (await browser.get(address)).status_code == 403
        assert "/system" not in (await browser.get("/")).text
    async with app_server.browser_of(None) as outsider:
        assert (await outsider.get(address)).headers["location"].partition("?")[0] == "/login"
