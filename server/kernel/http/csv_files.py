"""Tables as CSV files."""

import io
from collections.abc import Iterable, Sequence
from csv import writer as csv_writer
from typing import Any

from starlette.responses import Response

# The first characters that make a spreadsheet read a cell as a formula. It treats full-width signs like plain ones, and
# skips tabs and line ends.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")


def csv(filename: str, columns: Sequence[str], rows: Iterable[Any]) -> Response:
    """The rows of a list as CSV. A cell that a spreadsheet would read as a formula is escaped."""
    out = io.StringIO()
    writer = csv_writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(out.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
