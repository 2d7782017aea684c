"""Under which of its names, and as what, a gripper is there: drivers rename and change it from release to release."""

from __future__ import annotations

from dataclasses import replace

from rclpy.node import Node

from dynarend_core.planning.robot import GripperData
from dynarend_ros.listeners import action_servers, listeners

KINDS = {
    "control_msgs/action/GripperCommand": "gripper_command",
    "control_msgs/action/ParallelGripperCommand": "parallel_gripper",
    "trajectory_msgs/msg/JointTrajectory": "joint_trajectory",
    "std_msgs/msg/Float64MultiArray": "topic",
}
"""Type of an action, or of a topic somebody listens to, to the kind of gripper."""


def choose(node: Node, gripper: GripperData) -> GripperData | None:
    """The gripper with one name and one kind that are there, the first of its names if there are several."""
    for name in gripper.names:
        for found in _types(node, name):
            kind = KINDS.get(found)
            if kind is not None and gripper.kind in ("auto", kind):
                return replace(gripper, kind=kind, name=name, other_names=())
    return None


def why_missing(node: Node, gripper: GripperData) -> str:
    """What was looked for and what was found."""
    what = {
        "gripper_command": "no action server (GripperCommand)",
        "parallel_gripper": "no action server (ParallelGripperCommand)",
        "joint_trajectory": "nobody listens (JointTrajectory)",
        "topic": "nobody listens (Float64MultiArray)",
        "auto": "no action server and no listener",
    }[gripper.kind]
    found = {name: _types(node, name) for name in gripper.names}
    kinds = ", ".join(f"{name}: {' '.join(types)}" for name, types in found.items() if types) or "none"
    return f"the gripper is not there: {what} under {', '.join(gripper.names)}; kinds found: {kinds}"


def _types(node: Node, name: str) -> list[str]:
    return [*action_servers(node, name), *listeners(node, name)]
