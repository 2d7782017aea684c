"""Whether the arm may still move, looked at all the time by a thread that waits for nobody."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable

from dynarend_ros.keyframe_execution import KeyframeExecution


class MotionWatch:
    """Ends the motion under way when its permission ends.

    Callbacks run one after another, and DDS may keep one of them waiting for seconds; what stops the arm must not wait
    with them.

    Args:
        execution: What may have to be given up.
        forbidden: Why the arm must not move; None if it may.
        sourceless: Why nobody is left who wants the motion; None if somebody is.
        stop: Tells the arm to brake and hold.
        insist: Looks whether it did, and tells it again.
        failed: Given what a look raised. The watch goes on: a dead one would let the arm go on unwatched.
    """

    PERIOD_S = 0.02

    def __init__(
        self,
        execution: KeyframeExecution,
        forbidden: Callable[[], str | None],
        sourceless: Callable[[], str | None],
        stop: Callable[[], None],
        insist: Callable[[], object],
        failed: Callable[[Exception], None],
    ) -> None:
        self._execution = execution
        self._forbidden = forbidden
        self._sourceless = sourceless
        self._stop = stop
        self._insist = insist
        self._failed = failed
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="motion watch", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def look(self) -> None:
        """One look."""
        if not self._execution.commanding:
            self._insist()
            return
        reason, source = self._forbidden(), self._sourceless()
        why = reason or source
        if why and self._execution.cancel(why, wanted=bool(reason)):
            self._stop()

    def _run(self) -> None:
        while not self._closed.wait(self.PERIOD_S):
            try:
                self.look()
            except Exception as error:  # whatever it is, the next look must come
                if not self._closed.is_set():
                    self._report(error)

    def _report(self, error: Exception) -> None:
        try:
            self._failed(error)
        except Exception:
            traceback.print_exc()
