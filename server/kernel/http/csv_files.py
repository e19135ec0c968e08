"""Tables as CSV files."""

import io
from collections.abc import AsyncIterator, Iterable, Sequence
from csv import writer as csv_writer
from typing import Any

from starlette.responses import Response, StreamingResponse

# The first characters that make a spreadsheet read a cell as a formula. It treats full-width signs like plain ones, and
# skips tabs and line ends.
FORMULA_SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")


_TYPE = "text/csv; charset=utf-8"


def csv(filename: str, columns: Sequence[str], rows: Iterable[Any]) -> Response:
    """The rows of a list as CSV. A cell that a spreadsheet would read as a formula is escaped."""
    return Response(_lines(columns, rows, [columns]), headers=_headers(filename), media_type=_TYPE)


def csv_stream(filename: str, columns: Sequence[str], batches: AsyncIterator[Sequence[Any]]) -> Response:
    """The same of any number of rows, sent batch by batch. After an error the file ends in the middle, which clients notice."""

    async def lines() -> AsyncIterator[str]:
        yield _lines(columns, (), [columns])
        async for rows in batches:
            yield _lines(columns, rows)

    return csv_lines(filename, lines())


def csv_lines(filename: str, lines: AsyncIterator[str]) -> Response:
    """Lines that are CSV already, with their head, sent as they come."""
    return StreamingResponse(lines, headers=_headers(filename), media_type=_TYPE)


def _headers(filename: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{filename}"'}


def _lines(columns: Sequence[str], rows: Iterable[Any], first: Sequence[Sequence[str]] = ()) -> str:
    out = io.StringIO()
    writer = csv_writer(out)
    writer.writerows(first)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return out.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_SIGNS) else value
