"""Life of a node's process: start, spin, signals, an orderly end."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Empty

from dynarend_core.errors import DynaRendError
from dynarend_ros import qos, topics

PARENT_VARIABLE = "DYNAREND_PARENT_PID"
"""Set by the process runner: a node whose parent is gone ends itself, so that nothing is left behind."""

EXIT_CONFIGURATION = 2


ALIVE_EVERY_S = 0.1


class SpinningNode(Node):
    """A node that may have something to do between callbacks and before its end. It is missed when it dies or hangs."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._alive = self.create_publisher(Empty, topics.alive(self.get_name()), qos.ALIVE)
        self._alive_due_s = 0.0

    def say_alive(self) -> None:
        """Called between callbacks. DDS tells at once that a process has gone, but now and then it fails to."""
        now_s = time.monotonic()
        if now_s >= self._alive_due_s:
            self._alive_due_s = now_s + ALIVE_EVERY_S
            self._alive.publish(Empty())

    def tick(self) -> float:
        """Called between callbacks; returns how long the node may wait for the next callback [s]."""
        return 0.1

    def on_shutdown(self) -> None:
        """Called while publishers still work: leave the robot in a safe state, end threads."""


def _orphaned(parent: int | None) -> bool:
    return parent is not None and os.getppid() != parent


def run(factory: Callable[[], SpinningNode], argv: Sequence[str] | None = None) -> int:
    """Run one node until SIGINT, SIGTERM or the end of the parent process.

    rclpy's own signal handlers close the context first, and then a last "hold" could not be sent any more; so the
    signals only ask the loop to end.

    Returns:
        Exit code: 0 after a clean end, 2 if the configuration was refused, 1 if an exception escaped a callback.
    """
    wanted = {"stop": False, "started": False}

    def request_stop(_signum: int, _frame: FrameType | None) -> None:
        wanted["stop"] = True
        if not wanted["started"]:  # loading a policy takes seconds, and nothing moves yet
            raise KeyboardInterrupt

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, request_stop)
    rclpy.init(args=argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = factory()
        wanted["started"] = True
    except KeyboardInterrupt:
        rclpy.try_shutdown()
        return 0
    except DynaRendError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        rclpy.try_shutdown()
        return EXIT_CONFIGURATION
    _spin(node, lambda: wanted["stop"])
    return 0


def _spin(node: SpinningNode, stopped: Callable[[], bool]) -> None:
    parent = int(os.environ[PARENT_VARIABLE]) if PARENT_VARIABLE in os.environ else None
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not stopped() and not _orphaned(parent):
            node.say_alive()
            executor.spin_once(timeout_sec=node.tick())
    finally:
        node.on_shutdown()
        time.sleep(0.1)  # reliable messages sent in on_shutdown still need to leave
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown()
