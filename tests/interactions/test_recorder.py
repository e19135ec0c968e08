"""The recorder with a real database: it gives way to urgent transactions, and survives the loss of its connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest

from server.errors import Unavailable
from server.interactions import realtime_metrics
from server.interactions.realtime_metrics import Metric, Recorder
from server.kernel.db import connections as db
from tests.app_server import AppServer, Person
from tests.conftest import until


@asynccontextmanager
async def recording(app_server: AppServer) -> AsyncIterator[Recorder]:
    async with db.connect(app_server.database_url("floorwalker_web")) as database:
        recorder = Recorder(database)
        task = asyncio.create_task(recorder.run())
        try:
            yield recorder
            assert not task.done(), "the task that stores for everybody has died"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def one_metric(app_server: AppServer, person: Person, recorder: Recorder) -> Metric:
    agent = person.agents[0]
    return Metric(
        agent.id, UUID(await app_server.start(agent)), recorder.stamps(1)[0], "good", 80.0, "Hello."
    )


async def test_metrics_wait_while_a_decision_is_written(
    app_server: AppServer, voice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime_metrics, "GATHER", 60.0)
    async with recording(app_server) as recorder:
        with recorder.giving_way():
            with recorder.giving_way():  # two people at once
                storing = asyncio.create_task(
                    recorder.record([await one_metric(app_server, voice, recorder)])
                )
                await until(recorder.arrived.is_set)
            done, _ = await asyncio.wait([storing], timeout=0.3)
            assert not done
        assert await storing == ["stored"]


async def test_who_never_comes_to_an_end_holds_no_metrics_up(app_server: AppServer, voice: Person) -> None:
    async with recording(app_server) as recorder:
        metric = await one_metric(app_server, voice, recorder)
        with recorder.giving_way():
            assert await recorder.record([metric]) == ["stored"]


async def test_a_connection_that_is_gone_is_replaced(app_server: AppServer, voice: Person) -> None:
    async with recording(app_server) as recorder:
        metric = await one_metric(app_server, voice, recorder)
        assert await recorder.record([metric]) == ["stored"]
        async with app_server.database("supabase_admin") as superuser:
            killed = await superuser.fetch(
                """select pg_terminate_backend(pid, 5000) from pg_stat_activity
                where usename = 'floorwalker_web' and query like '%record_metrics%'"""
            )
        assert killed
        with suppress(Unavailable):  # unless it was noticed in time
            assert await recorder.record([metric]) == ["duplicate"]
        for _ in range(3):
            assert await recorder.record([metric]) == ["duplicate"]
