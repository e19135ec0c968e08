"""The SQLite file of ai-sdr, opened for reading alone."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from server.errors import Invalid, NotFound

Row: TypeAlias = Mapping[
    str, Any
]  # column → number, None, or bytes: texts are decoded one by one, because any may be malformed

_COLUMNS = {
    "agents": "agent_id name system_prompt first_message voice_provider voice_id model_provider model_name"
    " interrupt_enabled silence_threshold_sec created_at updated_at user_id is_active",
    "agent_tools": "tool_id agent_id name description required_params optional_params webhook_url created_at",
    "conversations": "conversation_id agent_id status transcript phone_number started_at ended_at created_at",
}
_LEFT_OUT = ("knowledge_bases", "webhooks", "phone_numbers")
_COPY = 'if a program uses it, stop that, or import a copy made with `sqlite3 FILE ".backup copy.db"`'


@dataclass(frozen=True, slots=True)
class File:
    """An open file. Its tables exist and have their columns; all reads show the same moment."""

    path: Path
    connection: sqlite3.Connection

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of one of the three tables, in the order in which they were written."""
        columns = _COLUMNS[table].split()
        with _sentences(self.path):
            for row in self.connection.execute(f"select {', '.join(columns)} from {table} order by rowid"):
                yield dict(zip(columns, row, strict=True))

    def left_out(self) -> dict[str, int]:
        """The tables that are not imported, and how many rows they have."""
        with _sentences(self.path):
            return {table: count for table in _LEFT_OUT if (count := self._count(table))}

    def _count(self, table: str) -> int:
        known = self.connection.execute("select 1 from sqlite_master where name = ?", [table]).fetchone()
        return int(self.connection.execute(f"select count(*) from {table}").fetchone()[0]) if known else 0


@contextmanager
def open_file(path: Path) -> Iterator[File]:
    """NotFound; Invalid with a sentence for a file that is no whole database of ai-sdr. The file is not changed."""
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    with _sentences(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    with closing(connection):
        with _sentences(path):
            connection.text_factory = bytes
            connection.execute("pragma trusted_schema = off")
            connection.execute("begin")
            (found,) = connection.execute("pragma quick_check(1)").fetchone()
            if found != b"ok":
                why = " ".join(found.decode(errors="replace").replace("*", "").split())
                raise Invalid(f"{path} is damaged ({why}): {_COPY}")
            for table, columns in _COLUMNS.items():
                _check(connection, path, table, set(columns.split()))
        yield File(path, connection)


def _check(connection: sqlite3.Connection, path: Path, table: str, columns: set[str]) -> None:
    what = f"{path} is no database of ai-sdr: "
    kind = connection.execute("select type from sqlite_master where name = ?", [table]).fetchone()
    if kind != (b"table",):
        raise Invalid(f"{what}it has no table {table}")
    there = {one[0] for one in connection.execute(f"select * from {table} limit 0").description}
    if missing := sorted(columns - there):
        raise Invalid(f"{what}its table {table} has no column {', '.join(missing)}")


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Invalid(f"{path} cannot be read as an SQLite database ({error}): {_COPY}") from error
