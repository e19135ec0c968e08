"""People for tests that roll everything back: two are enough for all of those, and one stage for the matrix."""

from collections.abc import AsyncIterator

import pytest

from tests.database.scene import Stage, staged, unswept
from tests.site import Person, Site

ROLLED_BACK = {"test_users", "test_realtime_metrics", "test_interaction_archives", "test_retention"}


@pytest.fixture(scope="session")
async def resting(site: Site) -> dict[str, Person]:
    """Nobody commits anything of theirs."""
    return {"voice": await site.hire("voice"), "chat": await site.hire("chat")}


@pytest.fixture
async def voice(site: Site, resting: dict[str, Person], request: pytest.FixtureRequest) -> Person:
    shared = request.module.__name__.rpartition(".")[2] in ROLLED_BACK
    return resting["voice"] if shared else await site.hire("voice")


@pytest.fixture
async def chat(site: Site, resting: dict[str, Person], request: pytest.FixtureRequest) -> Person:
    shared = request.module.__name__.rpartition(".")[2] in ROLLED_BACK
    return resting["chat"] if shared else await site.hire("chat")


@pytest.fixture(scope="session")
async def rehearsed(site: Site) -> AsyncIterator[Stage]:
    async with staged(site) as ready:
        yield ready


@pytest.fixture(scope="module")
async def stage(site: Site, rehearsed: Stage) -> AsyncIterator[Stage]:
    """A row of a supervisor in every table, and every actor who may look at it."""
    async with unswept(site, rehearsed.names["agent"], rehearsed.own["agent"]):
        yield rehearsed
