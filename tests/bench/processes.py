"""What a process and its children have used: processor time and memory, as Linux counts them."""

import re
from pathlib import Path


def _tree(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += _tree(int(child))
    return found


def cpu(pid: int) -> float:
    """Seconds on a processor, of all threads of the process and of its children."""
    return sum(own_cpu(one) for one in _tree(pid))


def own_cpu(pid: int) -> float:
    """Seconds on a processor, of all threads of the process alone."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def memory(pid: int, *, children: bool = True) -> float:
    """kB, shared pages by their share (Pss), of the process and of its children, or of it alone."""
    rollups = [Path(f"/proc/{one}/smaps_rollup").read_text() for one in (_tree(pid) if children else [pid])]
    return sum(float(found[1]) for text in rollups if (found := re.search(r"(?m)^Pss:\s+(\d+)", text)))
