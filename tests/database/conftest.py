"""People for tests that roll everything back: two are enough for all of those, and one sample for the matrix."""

from collections.abc import AsyncIterator

import pytest

from tests.app_server import AppServer, Person
from tests.database.sample import Sample, make_sample, unswept

ROLLED_BACK = {"test_users", "test_realtime_metrics", "test_interaction_archives", "test_retention"}


@pytest.fixture(scope="session")
async def resting(app_server: AppServer) -> dict[str, Person]:
    """Nobody commits anything of theirs."""
    return {"voice": await app_server.hire("voice"), "chat": await app_server.hire("chat")}


@pytest.fixture
async def voice(app_server: AppServer, resting: dict[str, Person], request: pytest.FixtureRequest) -> Person:
    shared = request.module.__name__.rpartition(".")[2] in ROLLED_BACK
    return resting["voice"] if shared else await app_server.hire("voice")


@pytest.fixture
async def chat(app_server: AppServer, resting: dict[str, Person], request: pytest.FixtureRequest) -> Person:
    shared = request.module.__name__.rpartition(".")[2] in ROLLED_BACK
    return resting["chat"] if shared else await app_server.hire("chat")


@pytest.fixture(scope="session")
async def shared_sample(app_server: AppServer) -> AsyncIterator[Sample]:
    async with make_sample(app_server) as ready:
        yield ready


@pytest.fixture(scope="module")
async def sample(app_server: AppServer, shared_sample: Sample) -> AsyncIterator[Sample]:
    """A row of a supervisor in every table, and every actor who may look at it."""
    async with unswept(app_server, shared_sample.names["agent"], shared_sample.own["agent"]):
        yield shared_sample
