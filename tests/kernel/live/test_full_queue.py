"""PostgreSQL's notification queue is full: no transaction that notifies can commit, and clients are told to wait."""

import asyncpg
import httpx
import pytest

from server.embedded.postgres import SUPERUSER
from tests.app_server import DEADLINE
from tests.conftest import a_folder, free_port, serving, until


async def fill(loud: asyncpg.Connection, size: int) -> bool:
    """Notify with so much until it does not fit: whether that happens."""
    for _ in range(1000):
        try:
            await loud.execute(f"select pg_notify('elsewhere', repeat('x', {size}) || random())")
        except asyncpg.PostgresError as error:
            return error.sqlstate == "54000"
    return False


@pytest.mark.full
async def test_a_full_queue_of_notifications_is_503_until_there_is_room() -> None:
    with a_folder() as folder:
        home, port = folder / "home", free_port()
        with serving(home, port, DEMO="0") as app_server:
            async with app_server.database(SUPERUSER) as root:
                await root.execute(
                    "alter system set max_notify_queue_pages = 64"
                )  # the least: half a megabyte
        with serving(home, port, DEMO="0") as app_server:
            person = await app_server.hire("voice")
            agent = person.agents[0]
            live = await app_server.start(agent)
            metric = {"satisfaction_score": 50, "feed_text": "Hello"}
            async with (
                app_server.database() as blocking,
                app_server.database() as loud,
                app_server.api(agent) as api,
                httpx.AsyncClient(base_url=app_server.url, timeout=DEADLINE) as http,
            ):
                assert (await http.get("/readyz")).json()["notifications"] is True
                await blocking.execute("listen elsewhere")
                transaction = blocking.transaction()  # a listener that reads nothing while it lasts
                await transaction.start()
                await blocking.fetchval("select 1")
                for size in (7000, 200, 20):
                    assert await fill(loud, size)
                path = f"/interactions/{live}/metrics"
                answer = await api.post(path, json=metric)
                assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
                assert answer.headers["content-type"] == "application/problem+json"
                ready = await http.get("/readyz")
                assert (ready.status_code, ready.json()["notifications"]) == (503, False)
                await transaction.rollback()
                await blocking.execute("unlisten *")

                async def accepted() -> bool:
                    return (await api.post(path, json=metric)).status_code == 202

                await until(accepted)
                assert (await http.get("/readyz")).json()["notifications"] is True
            assert "request_failed" not in app_server.log.read_text()
