"""The server of the last release runs on the present schema: while servers are updated one by one, both serve one floor.

The file previous_release names its commit. It runs with its own lock in a virtual environment of its own, which needs the
package index. Without the commit, as in a copy without history, the test says that it did not run.
"""

import csv
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from server.kernel.db import migrations
from tests.app_server import DEADLINE, AppServer, Person, decision
from tests.auth_process import hosted
from tests.conftest import ROOT, a_folder, free_port, serving, serving_from
from tests.test_process import command

pytestmark = pytest.mark.full

SUPERVISORS = ("/", "/leaderboard", "/leaderboard.csv", "/interactions/{interaction}", "/account")
ADMINS = (*SUPERVISORS, "/people", "/people.csv", "/people/{person}", "/system")


def git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, timeout=10 * DEADLINE, check=False)


@pytest.fixture(scope="module")
def release() -> Iterator[Path]:
    """A checkout of the last release, installed from its own lock."""
    commit = (ROOT / "tests" / "previous_release").read_text().strip()
    if git("cat-file", "-e", f"{commit}^{{commit}}").returncode and git("fetch", "origin", commit).returncode:
        pytest.skip(f"did not run: this copy has no commit {commit[:12]}, and cannot fetch it")
    archive = git("archive", commit)
    assert archive.returncode == 0, archive.stderr
    with a_folder() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        subprocess.run([sys.executable, ".ci/setup.py", "run"], cwd=folder, check=True, timeout=20 * DEADLINE)
        yield folder


async def test_the_server_of_the_last_release_serves_the_present_schema(release: Path) -> None:
    """The schema changes under it, the new server starts beside it, and it is started again on the new schema."""
    with a_folder() as folder:
        with serving_from(release, folder / "home", free_port(), environment={"DEMO": "0"}) as old:
            people = [await old.hire("voice"), await old.hire("admin")]
            async with signed_in(old, people) as browsers:
                await spend_a_day(old, people[0], browsers)
                assert await migrations.migrate(old.database_url())
                await spend_a_day(old, people[0], browsers)
                shared = hosted(old, SECRET_KEY=(old.home / "secret-key").read_text())
                with serving(folder / "new", free_port(), **shared) as new:
                    async with signed_in(new, people) as others:
                        await spend_a_day(new, people[0], others)
                        await spend_a_day(old, people[0], browsers, agents_at=new)
                        await spend_a_day(new, people[0], others, agents_at=old)
        with serving_from(release, folder / "home", free_port(), environment={"DEMO": "0"}) as again:
            async with signed_in(again, people) as browsers:
                await spend_a_day(again, people[0], browsers)


async def test_a_backup_of_the_last_release_is_restored_and_goes_on(release: Path) -> None:
    with a_folder() as folder:
        file, home = folder / "all.dump", folder / "restored"
        with serving_from(release, folder / "home", free_port(), environment={"DEMO": "0"}) as old:
            people = [await old.hire("voice"), await old.hire("admin")]
            async with signed_in(old, people) as browsers:
                await spend_a_day(old, people[0], browsers)
                board = (await browsers[0].get("/leaderboard.csv")).text
            python = release / ".venv" / "bin" / "python"
            subprocess.run(  # noqa: ASYNC221 - nothing else is to be done meanwhile
                [python, "-m", "server", "backup", file],
                cwd=release,
                env={"PATH": os.environ["PATH"], "FLOORWALKER_HOME": str(old.home)},
                check=True,
                timeout=5 * DEADLINE,
            )
        brought = command("restore", str(file), FLOORWALKER_HOME=str(home))
        assert brought.returncode == 0, brought.stderr
        with serving(home, free_port(), DEMO="0") as new:
            async with signed_in(new, people) as browsers:
                present = (await browsers[0].get("/leaderboard.csv")).text
                # New columns stand at the end.
                head, *before = csv.reader(io.StringIO(board))
                assert [row[: len(head)] for row in csv.reader(io.StringIO(present))] == [head, *before]
                await spend_a_day(new, people[0], browsers)


@asynccontextmanager
async def signed_in(app_server: AppServer, people: list[Person]) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(app_server.browser_of(person)) for person in people]


async def spend_a_day(
    app_server: AppServer,
    person: Person,
    browsers: list[httpx.AsyncClient],
    agents_at: AppServer | None = None,
) -> None:
    """An interaction from start to archive: through the API, the stream and every page."""
    agent = person.agents[0]
    supervisor, admin = browsers
    async with (
        supervisor.stream("GET", "/stream?page=floor", timeout=DEADLINE) as stream,
        (agents_at or app_server).api(agent) as api,
    ):
        lines = stream.aiter_lines()
        call = {"interaction_type": agent.channel, "phone_number": "+18505550155"}
        interaction = (await api.post("/interactions", json=call)).json()["id"]
        metric = {"sentiment": "good", "satisfaction_score": 90, "feed_text": f"Asks about {interaction}."}
        said = {"speaker": "customer", "text": "Hello."}
        ok(await api.post(f"/interactions/{interaction}/metrics", json=metric))
        ok(await api.post(f"/interactions/{interaction}/turns", json=said))
        await heard(lines, f"Asks about {interaction}.")
        for status in ("allowed", "denied"):
            asking = {"tool_name": "issue_refund", "arguments": {"order": "W1", "amount": 12.5}}
            asked = ok(await api.post(f"/interactions/{interaction}/tool-permissions", json=asking)).json()
            await heard(lines, asked["id"])
            decided = decision(asked, status)
            ok(await supervisor.post(f"/tool-permissions/{asked['id']}/decision", data=decided))
            found = ok(await api.get(f"/tool-permissions/{asked['id']}", params={"wait": 20})).json()
            assert found["status"] == status
            execution = f"/tool-permissions/{asked['id']}/execution"
            claim = await api.post(execution, json={"arguments_digest": asked["arguments_digest"]})
            assert claim.status_code == (201 if status == "allowed" else 409), claim.text
            if status == "allowed":
                ok(
                    await api.patch(
                        execution, json={**claim.json(), "succeeded": True, "result": {"paid": 1}}
                    )
                )
        archive = {"summary": "All went well.", "csat_score": 90}
        ok(
            await api.post(
                f"/interactions/{interaction}/end", json={"status": "completed", "archive": archive}
            )
        )
    names = {"interaction": interaction, "person": person.id}
    for browser, pages in ((supervisor, SUPERVISORS), (admin, ADMINS)):
        for page in pages:
            assert (await browser.get(page.format(**names))).status_code == 200, page
    for paused in ("yes", "no"):
        ok(await supervisor.post(f"/agents/{agent.id}/pause", data={"paused": paused}))


def ok(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success or answer.status_code == 303, f"{answer.request.url}: {answer.text[:500]}"
    return answer


async def heard(lines: AsyncIterator[str], text: str) -> None:
    async for line in lines:
        if text in line:
            return
    raise AssertionError(f"the stream ended before {text}")
