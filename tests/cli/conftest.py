"""Files of ai-sdr, and a supervisor for their agents."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app_server import AppServer, Person
from tests.cli.sdr_files import make
from tests.conftest import a_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


@pytest.fixture
def file(folder: Path) -> Path:
    return make(folder / "sdr file.db")


@pytest.fixture
async def boss(app_server: AppServer) -> Person:
    """A voice supervisor without an agent."""
    return await app_server.hire("voice", agents=0)
