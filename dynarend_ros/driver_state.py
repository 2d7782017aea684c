"""What the robot's own driver says about stops: Universal Robots and Franka, where their messages are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

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


class Listener:
    """Hears one topic of the driver; until its first message, that nothing was heard is the complaint.

    A latched and a volatile subscription: the first gets what a driver said before, the second hears one that keeps
    nothing for late joiners.
    """

    LATCHED = (qos.LATCHED, qos.RELIABLE)
    STREAM = (qos.images("best_effort", 1),)

    def __init__(self, node: Node, driver: str, complaints: Complaints) -> None:
        self._node, self._driver, self._complaints = node, driver, complaints

    def hear(
        self,
        kind: Any,
        topic: str,
        judge: Callable[[Any], str | None],
        profiles: Sequence[QoSProfile] = LATCHED,
        hint: str = "",
    ) -> None:
        """Listen from now on.

        Args:
            kind: Type of the messages.
            topic: Where they come.
            judge: What is wrong according to a message, or None.
            profiles: One subscription each.
            hint: What else may be the cause of silence.
        """
        name = self._node.resolve_topic_name(topic)
        silent = f"nothing heard on {name}: does the {self._driver} driver run, under this name?{hint}"
        self._complaints.say(topic, silent)
        for profile in profiles:
            self._node.create_subscription(kind, topic, lambda m: self._complaints.say(topic, judge(m)), profile)


def watch_driver(node: Node, driver: str, report: Report) -> None:
    """Report the driver's complaints, silence among them; one whose messages are not installed is only warned of.

    Args:
        node: Whose subscriptions they are.
        driver: ``none``, ``ur`` or ``franka``.
        report: Called with what is wrong, or None.
    """
    if driver == "none":
        return
    package = {"ur": "ur_dashboard_msgs", "franka": "franka_msgs"}[driver]
    try:
        messages = importlib.import_module(f"{package}.msg")
    except ImportError:
        node.get_logger().warning(f"{package} is not installed: stops of the {driver} driver are not seen")
        return
    watch = _watch_ur if driver == "ur" else _watch_franka
    watch(Listener(node, driver, Complaints(report)), messages)


def _watch_ur(listener: Listener, messages: Any) -> None:
    prefix = "/io_and_status_controller"

    def on_safety(message: Any) -> str | None:
        name = UR_SAFETY.get(message.mode, f"mode {message.mode}")
        return None if message.mode in UR_OK else f"the robot's safety mode is {name}"

    def on_program(message: Bool) -> str | None:
        return None if message.data else "the robot's program does not run"

    # It tells changes only, and keeps the last one for those who come later since May 2024.
    listener.hear(
        messages.SafetyMode, f"{prefix}/safety_mode", on_safety, hint=" One from before May 2024 must start after us."
    )
    listener.hear(Bool, f"{prefix}/robot_program_running", on_program, hint=" Was the robot's program ever started?")


def _watch_franka(listener: Listener, messages: Any) -> None:
    def on_state(message: Any) -> str | None:
        name = FRANKA_MODES.get(message.robot_mode, f"mode {message.robot_mode}")
        return None if message.robot_mode in FRANKA_OK else f"the robot's mode is {name}"

    topic = "/franka_robot_state_broadcaster/robot_state"
    listener.hear(messages.FrankaRobotState, topic, on_state, Listener.STREAM)
