"""Processes that end with the one that started them, whatever ends that."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable


def ending_with_us(by: signal.Signals) -> Callable[[], None]:
    """For preexec_fn: the new process gets this signal when its parent dies, even by SIGKILL.

    Linux counts the thread that starts it as its parent, so that thread has to live as long. Only Linux can do this.
    """
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        if sys.platform == "linux":
            libc.prctl(1, by)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)

    return ask
