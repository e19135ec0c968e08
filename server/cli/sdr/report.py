"""The report of an import: one line per row, and counts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["imported", "changed", "unchanged", "refused"]
_OUTCOMES: tuple[Outcome, ...] = ("imported", "changed", "unchanged", "refused")


@dataclass(slots=True)
class Report:
    lines: list[str] = field(default_factory=list)
    counts: Counter[Outcome] = field(default_factory=Counter)

    def add(self, what: str, outcome: Outcome, reason: str = "", notes: Sequence[str] = ()) -> None:
        """A row, for example `agent 17`: what became of it, why it was refused, and what else is to be known."""
        said = f" ({'; '.join(notes)})" if notes else ""
        self.lines.append(f"{what}: {outcome}{': ' + reason if reason else ''}{said}")
        self.counts[outcome] += 1

    def total(self) -> str:
        """For example `3 rows: 2 imported, 0 changed, 0 unchanged, 1 refused`."""
        rows = self.counts.total()
        counts = ", ".join(f"{self.counts[one]} {one}" for one in _OUTCOMES)
        return f"{rows} row{'' if rows == 1 else 's'}: {counts}"
