"""People for tests that roll everything back: two are enough for all of those."""

import pytest

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
