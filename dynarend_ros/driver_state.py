"""What the robot's own driver says about stops: Universal Robots and Franka, where their messages are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
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


def watch_driver(node: Node, driver: str, report: Report) -> None:
    """Report the driver's complaints; a driver whose messages are not installed cannot be read and says so once.

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
    watch(node, messages, Complaints(report))


def _watch_ur(node: Node, messages: Any, complaints: Complaints) -> None:
    prefix = "/io_and_status_controller"

    def on_safety(message: Any) -> None:
        name = UR_SAFETY.get(message.mode, f"mode {message.mode}")
        complaints.say("safety", None if message.mode in UR_OK else f"the robot's safety mode is {name}")

    def on_program(message: Bool) -> None:
        complaints.say("program", None if message.data else "the robot's program does not run")

    node.create_subscription(messages.SafetyMode, f"{prefix}/safety_mode", on_safety, qos.LATCHED)
    node.create_subscription(Bool, f"{prefix}/robot_program_running", on_program, qos.LATCHED)


def _watch_franka(node: Node, messages: Any, complaints: Complaints) -> None:
    def on_state(message: Any) -> None:
        name = FRANKA_MODES.get(message.robot_mode, f"mode {message.robot_mode}")
        complaints.say("mode", None if message.robot_mode in FRANKA_OK else f"the robot's mode is {name}")

    topic = "/franka_robot_state_broadcaster/robot_state"
    node.create_subscription(messages.FrankaRobotState, topic, on_state, qos.images("best_effort", 1))
