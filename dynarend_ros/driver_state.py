"""What the robot's own driver says about stops: Universal Robots and Franka, where their messages are installed."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool

from dynarend_ros import qos

Report = Callable[[str | None], None]

UR_SAFETY = {
    1: "NORMAL",
    2: "REDUCED",
    3: "PROTECTIVE_STOP",
    4: "RECOVERY",
    5: "SAFEGUARD_STOP",
    6: "SYSTEM_EMERGENCY_STOP",
    7: "ROBOT_EMERGENCY_STOP",
    8: "VIOLATION",
    9: "FAULT",
}
UR_OK = (1, 2)
FRANKA_MODES = {0: "OTHER", 1: "IDLE", 2: "MOVE", 3: "GUIDING", 4: "REFLEX", 5: "USER_STOPPED", 6: "ERROR_RECOVERY"}
FRANKA_OK = (1, 2)


class Complaints:
    """Joins what several topics complain of into one report."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._problems: dict[str, str | None] = {}

    def say(self, source: str, problem: str | None) -> None:
        """What one source says now."""
        self._problems[source] = problem
        problems = [p for p in self._problems.values() if p is not None]
        self._report("; ".join(problems) or None)


@dataclass(frozen=True)
class Source:
    """One topic of a driver.

    Attributes:
        topic: Where its messages come.
        kind: Type of the messages, given the driver's module of messages.
        judge: What is wrong according to a message, or None.
        profiles: One subscription each.
        silence_s: Longest time between two messages [s]; infinite where the driver tells changes only.
        hint: What else may be the cause if nothing is ever heard.
    """

    topic: str
    kind: Callable[[Any], Any]
    judge: Callable[[Any], str | None]
    profiles: tuple[QoSProfile, ...]
    silence_s: float = math.inf
    hint: str = ""


LATCHED = (qos.LATCHED, qos.RELIABLE)
"""The first gets what a driver said before, the second hears one that keeps nothing for late joiners."""

STREAM = (qos.images("best_effort", 1),)


def _ur_safety(message: Any) -> str | None:
    name = UR_SAFETY.get(message.mode, f"mode {message.mode}")
    return None if message.mode in UR_OK else f"the robot's safety mode is {name}"


def _ur_program(message: Bool) -> str | None:
    return None if message.data else "the robot's program does not run"


def _franka_mode(message: Any) -> str | None:
    name = FRANKA_MODES.get(message.robot_mode, f"mode {message.robot_mode}")
    return None if message.robot_mode in FRANKA_OK else f"the robot's mode is {name}"


DRIVERS: dict[str, tuple[str, tuple[Source, ...]]] = {
    "ur": (
        "ur_dashboard_msgs",
        (
            # It tells changes only, and keeps the last one for those who come later since May 2024.
            Source(
                "/io_and_status_controller/safety_mode",
                lambda messages: messages.SafetyMode,
                _ur_safety,
                LATCHED,
                hint=" One from before May 2024 must start after us.",
            ),
            Source(
                "/io_and_status_controller/robot_program_running",
                lambda _messages: Bool,
                _ur_program,
                LATCHED,
                hint=" Was the robot's program ever started?",
            ),
        ),
    ),
    "franka": (
        "franka_msgs",
        (
            Source(
                "/franka_robot_state_broadcaster/robot_state",
                lambda messages: messages.FrankaRobotState,
                _franka_mode,
                STREAM,
                silence_s=0.5,
            ),
        ),
    ),
}
"""Package of the messages, and the topics, of each driver."""


class Listener:
    """Hears one topic of the driver; that nothing was heard, or nothing any more of a stream, is a complaint.

    Args:
        node: Whose subscriptions they are.
        driver: Name of the driver, for the complaint.
        source: The topic.
        messages: Module of the driver's messages.
        complaints: Where they go.
        clock: Steady time [s].
    """

    LOOK_EVERY_S = 0.1

    def __init__(
        self,
        node: Node,
        driver: str,
        source: Source,
        messages: Any,
        complaints: Complaints,
        clock: Callable[[], float],
    ) -> None:
        self._name, self._driver = node.resolve_topic_name(source.topic), driver
        self._source, self._complaints, self._clock = source, complaints, clock
        self._heard_s: float | None = None
        silent = f"nothing heard on {self._name}: does the {driver} driver run, under this name?{source.hint}"
        complaints.say(source.topic, silent)
        for profile in source.profiles:
            node.create_subscription(source.kind(messages), source.topic, self._hear, profile)
        if math.isfinite(source.silence_s):
            node.create_timer(self.LOOK_EVERY_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _hear(self, message: Any) -> None:
        self._heard_s = self._clock()
        self._complaints.say(self._source.topic, self._source.judge(message))

    def _look(self) -> None:
        if self._heard_s is None:
            return
        silence_s, limit_s = self._clock() - self._heard_s, self._source.silence_s
        if silence_s > limit_s:
            text = f"{self._name} has been silent for {silence_s:.1f} s, limit {limit_s:.1f} s"
            self._complaints.say(self._source.topic, f"{text}: is the {self._driver} driver gone?")


def watch_driver(node: Node, driver: str, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
    """Report the driver's complaints, silence among them; one whose messages are not installed is only warned of.

    Args:
        node: Whose subscriptions they are.
        driver: ``none``, or one of :data:`DRIVERS`.
        report: Called with what is wrong, or None.
        clock: Steady time [s].
    """
    if driver == "none":
        return
    package, sources = DRIVERS[driver]
    try:
        messages = importlib.import_module(f"{package}.msg")
    except ImportError:
        node.get_logger().warning(f"{package} is not installed: stops of the {driver} driver are not seen")
        return
    complaints = Complaints(report)
    for source in sources:
        Listener(node, driver, source, messages, complaints, clock)
