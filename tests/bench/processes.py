"""What a process and its children have used: processor time and memory, as Linux counts them."""

import re
from pathlib import Path


def _read(path: Path) -> str:
    """Empty for a process or a thread that has ended meanwhile, as those of PostgreSQL come and go."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _tree(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(children).split():
            found += _tree(int(child))
    return found


def cpu(pid: int) -> float:
    """Seconds on a processor, of all threads of the process and of its children."""
    return sum(own_cpu(one) for one in _tree(pid))


def own_cpu(pid: int) -> float:
    """Seconds on a processor, of all threads of the process alone."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(text.split()[0]) for path in threads if (text := _read(path))) / 1e9


def memory(pid: int, *, children: bool = True) -> float:
    """kB, shared pages by their share (Pss), of the process and of its children, or of it alone."""
    rollups = [_read(Path(f"/proc/{one}/smaps_rollup")) for one in (_tree(pid) if children else [pid])]
    return sum(float(found[1]) for text in rollups if (found := re.search(r"(?m)^Pss:\s+(\d+)", text)))
