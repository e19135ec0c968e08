"""The one way to wait for rows: subscribe, read, and read again after a ring of any of the row's present topics."""

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

from server.kernel.live import STATE, Hub
from tests.app_server import DEADLINE, AppServer
from tests.conftest import until
from tests.kernel.live.test_hub import listening, notify


@dataclass(slots=True)
class Row:
    """What is waited for: whose it is, and whether it is done."""

    owner: str = field(default_factory=lambda: str(uuid4()))
    done: bool = False
    reads: int = 0

    async def read(self) -> tuple[str, bool]:
        self.reads += 1
        return self.owner, self.done

    def waited_for(
        self, hub: Hub, seconds: float = DEADLINE, again: float = 2 * DEADLINE
    ) -> asyncio.Task[tuple[str, bool]]:
        waiting = hub.wait_for(
            (self.owner, self.done),
            self.read,
            topics=lambda found: [f"rows:{found[0]}"],
            until=lambda found: found[1],
            again=lambda _: again,
            seconds=seconds,
        )
        return asyncio.create_task(waiting)


async def test_what_rang_is_read_and_the_rest_is_not(app_server: AppServer) -> None:
    row = Row()
    async with listening(app_server) as hub:
        waiting = row.waited_for(hub)
        await until(lambda: row.reads == 1)
        await notify(app_server, f"rows:{uuid4()}")
        row.done = True
        await notify(app_server, f"rows:{row.owner}")
        assert await waiting == (row.owner, True)
    assert row.reads == 2


async def test_what_is_another_ones_by_now_is_rung_by_that_one(app_server: AppServer) -> None:
    row, before = Row(), ""
    async with listening(app_server) as hub:
        waiting = row.waited_for(hub)
        await until(lambda: row.reads == 1)
        before, row.owner = row.owner, str(uuid4())
        await notify(app_server, f"rows:{before}")
        await until(lambda: row.reads == 3)  # once as it rang, once more when the new topic is subscribed to
        row.done = True
        await notify(app_server, f"rows:{row.owner}")
        assert await waiting == (row.owner, True)


async def test_a_change_of_the_hubs_own_state_wakes_it(app_server: AppServer) -> None:
    row = Row()
    async with listening(app_server) as hub:
        waiting = row.waited_for(hub)
        await until(lambda: row.reads == 1)
        row.done = True
        hub.topics.notify(STATE)
        assert (await waiting)[1]


async def test_it_looks_by_itself_after_a_while_and_ends_in_time(app_server: AppServer) -> None:
    row = Row()
    async with listening(app_server) as hub:
        waiting = row.waited_for(hub, again=0.05)
        await until(lambda: row.reads > 3)
        row.done = True
        assert (await waiting)[1]
        assert await Row().waited_for(hub, seconds=0.2) is not None
    assert not (await Row(done=False).waited_for(Hub(""), seconds=0.1))[1], (
        "without a listener it ends as well"
    )
