"""Heavy work on one thread of its own, so that a node's executor keeps answering."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

from dynarend_ros.latest_queue import LatestQueue

T = TypeVar("T")


class Worker(Generic[T]):
    """Calls ``work(item)`` for the newest submitted item; an exception goes to ``on_error`` and the thread goes on."""

    def __init__(self, name: str, work: Callable[[T], None], on_error: Callable[[Exception], None]) -> None:
        self._queue: LatestQueue[T] = LatestQueue()
        self._work = work
        self._on_error = on_error
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: T) -> None:
        """Hand over an item; one that still waits is replaced."""
        self._queue.put(item)

    @property
    def skipped(self) -> int:
        """Items that were replaced before the worker took them."""
        return self._queue.replaced

    def close(self, timeout: float = 2.0) -> None:
        """Finish the item in hand and end the thread."""
        self._queue.close()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._queue.closed:
            item = self._queue.get()
            if item is None:
                continue
            try:
                self._work(item)
            except Exception as error:  # the node must outlive every bad input; on_error reports it
                self._report(error)

    def _report(self, error: Exception) -> None:
        try:
            self._on_error(error)
        except Exception:  # without this thread, everything submitted later would be left undone
            traceback.print_exc()
