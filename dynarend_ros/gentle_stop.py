"""Stopping a controller that may be executing an action: cancel first, then hold."""

from __future__ import annotations

import threading
from collections.abc import Callable

from action_msgs.srv import CancelGoal
from rclpy.client import Client

ANSWER_S = 0.05
"""A hold waits at most this long for the answer to a cancel [s]."""


def cancel_then_hold(cancel: Client, hold: Callable[[], object]) -> None:
    """Cancel all goals of a controller, then hold: on its answer, or after ``ANSWER_S``, whichever is first.

    A joint_trajectory_controller whose goal is cancelled holds where it measures the arm, at once (unless
    ``decelerate_on_cancel`` is set): were that the last word, the arm would step back by its lag. Returns at once; the
    time is kept by a thread, since no callback may come any more.

    Args:
        cancel: ``cancel_goal`` of the controller's action; not asked if nobody offers it.
        hold: Sends the hold; called exactly once, on any thread.
    """
    if not cancel.service_is_ready():
        hold()
        return
    lock, done = threading.Lock(), threading.Event()

    def once(_future: object = None) -> None:
        with lock:
            if done.is_set():
                return
            done.set()
        hold()

    timer = threading.Timer(ANSWER_S, once)
    timer.daemon = True
    timer.start()
    # No goal, no time: all of them.
    cancel.call_async(CancelGoal.Request()).add_done_callback(once)
