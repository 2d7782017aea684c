"""Life of a node's process: start, spin, an orderly end."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Empty

from dynarend_core.errors import ConfigurationError, DynaRendError
from dynarend_ros import qos, topics
from dynarend_ros.namesakes import Namesakes
from dynarend_ros.parameter_files import given_parameters, node_name
from dynarend_ros.process_end import ProcessEnd, leave, this_process

EXIT_FAILURE = 1
EXIT_CONFIGURATION = 2
ALIVE_EVERY_S = 0.1
LINGERS_S = 1.5
"""A node that is ended sees to it for so long that the arm has come to rest."""


class SpinningNode(Node):
    """A node that may have something to do between callbacks and before its end. It is missed when it dies or hangs.

    Attributes:
        given: Parameters it was started with (see :mod:`dynarend_ros.parameter_files`).
        relaxed: Parameters that protect less than their defaults, with both values.

    Raises:
        ConfigurationError: a parameter file has nothing for this node, or a node of this name is already running.
    """

    ONE_PER_NAMESPACE = False
    """Whether a second one in the namespace would do the same work, under whatever name."""

    def __init__(self, name: str) -> None:
        self._namesakes: Namesakes | None = None
        identity = node_name(sys.argv, name)
        self.given = given_parameters(sys.argv, identity)
        super().__init__(name, parameter_overrides=[_parameter(*item) for item in self.given.values.items()])
        if self.get_fully_qualified_name() != identity.full:
            raise ConfigurationError(
                f"the node is {self.get_fully_qualified_name()}, its parameters were read for {identity.full}: give "
                "one rule for its name and one for its namespace"
            )
        self.relaxed: dict[str, str] = {}
        self._namesakes = Namesakes(self, name if self.ONE_PER_NAMESPACE else "")
        self._alive = self.create_publisher(Empty, topics.alive(self.get_name()), qos.ALIVE)
        self._alive_due_s = 0.0

    def say_alive(self) -> None:
        """Called between callbacks. DDS tells at once that a process has gone, but now and then it fails to.

        Raises:
            ConfigurationError: another node of this name is running, and this one is the younger.
        """
        now_s = time.monotonic()
        if now_s >= self._alive_due_s:
            self._alive_due_s = now_s + ALIVE_EVERY_S
            self._alive.publish(Empty())
            if self._namesakes is not None:
                self._namesakes.give_way()

    def destroy_node(self) -> None:
        """Free the node and its name."""
        if self._namesakes is not None:
            self._namesakes.close()
        super().destroy_node()

    def tick(self) -> float:
        """Called between callbacks; returns how long the node may wait for the next callback [s]."""
        return 0.1

    def on_shutdown(self) -> None:
        """Called while publishers still work: leave the robot in a safe state, end threads."""

    def lingers(self) -> bool:
        """Called between callbacks after :meth:`on_shutdown`: whether there is still something to see to."""
        return False


def run(factory: Callable[[], SpinningNode]) -> NoReturn:
    """Run one node until a signal, the end of the process that started it, or an error; then end the process.

    rclpy's own signal handlers close the context first, and then a last "hold" could not be sent any more; so signals
    only ask the loop to end. The exit code is 0 after a clean end, 2 if the configuration was refused, 1 if an
    exception escaped a callback.
    """
    end = this_process()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = factory()
        end.started()
        _spin(node, end)
    except DynaRendError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        rclpy.try_shutdown()
        leave(EXIT_CONFIGURATION)
    except BaseException:
        traceback.print_exc()
        leave(EXIT_FAILURE)
    leave(0)


def _spin(node: SpinningNode, end: ProcessEnd) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not end.reason:
            node.say_alive()
            executor.spin_once(timeout_sec=node.tick())
        node.get_logger().info(f"ending: {end.reason}")
    finally:
        node.on_shutdown()
        last_s = time.monotonic() + LINGERS_S
        while node.lingers() and time.monotonic() < last_s:
            executor.spin_once(timeout_sec=0.02)
        time.sleep(0.1)  # reliable messages sent in on_shutdown still need to leave
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown()


def _parameter(name: str, value: Any) -> Parameter:
    if value == []:
        return Parameter(name, Parameter.Type.STRING_ARRAY, [])
    if isinstance(value, list) and {type(item) for item in value} == {int, float}:
        value = [float(item) for item in value]
    try:
        return Parameter(name, value=value)
    except TypeError as error:
        raise ConfigurationError(
            f"parameter {name!r} = {value!r} is not a number, text, flag or a list of one kind"
        ) from error
