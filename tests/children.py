"""Processes that do not outlive the one that started them, whatever ends that."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable


def ending_with_us(by: signal.Signals) -> Callable[[], None]:
    """What a new process does before all else (preexec_fn): it gets this signal when its parent dies, even by SIGKILL.

    Its parent is the thread that starts it, so that is one that lasts. Only Linux can do this.
    """
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        if sys.platform == "linux":
            libc.prctl(1, by)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)

    return ask
