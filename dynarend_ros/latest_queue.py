"""A place for one item: the newest wins."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestQueue(Generic[T]):
    """Holds at most one item; putting a second one replaces the first.

    A consumer that is slower than the producer then always works on the newest input instead of on a growing past.
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._closed = False
        self._changed = threading.Condition()
        self.replaced = 0
        """Items that were overwritten before anybody took them."""

    def put(self, item: T) -> None:
        """Offer an item; after :meth:`close` it is ignored."""
        with self._changed:
            if self._closed:
                return
            self.replaced += self._item is not None
            self._item = item
            self._changed.notify()

    def get(self, timeout: float | None = None) -> T | None:
        """Take the newest item; None after ``timeout`` seconds or once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = (None, None) if self._closed else (self._item, None)
            return item

    def close(self) -> None:
        """Wake every waiter and take nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed
