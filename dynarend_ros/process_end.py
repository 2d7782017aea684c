"""Every way a process is asked to end that it can notice: signals, and the end of whoever started it."""

from __future__ import annotations

import functools
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

PARENT_VARIABLE = "DYNAREND_PARENT_PID"
"""Set by whoever starts a node: when that process is gone the node ends itself, so that nothing is left behind."""

SIGNALS = tuple(
    getattr(signal, name)
    for name in (
        "SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGUSR1", "SIGUSR2", "SIGALRM",
        "SIGVTALRM", "SIGPROF", "SIGXCPU", "SIGXFSZ", "SIGIO", "SIGPWR", "SIGABRT",
    )
    if hasattr(signal, name)
)  # fmt: skip
"""Signals that end or suspend a process unless it catches them. A closed terminal sends SIGHUP, Ctrl-\\ SIGQUIT, Ctrl-Z
SIGTSTP: a suspended guard is none, so that ends the node, too."""


class ProcessEnd:
    """Whether this process should end, and why. Until :meth:`started` is called nothing moves, and it ends at once.

    Attributes:
        reason: What asked for the end; empty while nothing has.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._started = False
        for signum in SIGNALS:
            # nohup and its like: a terminal that may close is meant to change nothing.
            if signum is not signal.SIGHUP or signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, self._on_signal)
        parent = os.environ.get(PARENT_VARIABLE)
        if parent is not None:
            threading.Thread(target=watch_process, args=(int(parent), self._on_parent_gone), daemon=True).start()

    def started(self) -> None:
        """From here on the end must be an orderly one."""
        self._started = True

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        self._request(f"{signal.Signals(signum).name} was received")

    def _on_parent_gone(self) -> None:
        self._request("the process that started this node is gone")

    def _request(self, reason: str) -> None:
        self.reason = self.reason or reason
        if not self._started:
            leave(0)


@functools.cache
def this_process() -> ProcessEnd:
    """The end of this process, minded from the first call on (in the main thread)."""
    return ProcessEnd()


def watch_process(pid: int, gone: Callable[[], None]) -> None:
    """Block until process ``pid`` has ended, then call ``gone``."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        gone()
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()
    finally:
        os.close(descriptor)
    gone()


def leave(code: int) -> NoReturn:
    """End this process now, without the interpreter's own end, which takes seconds and which a second signal kills."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)
