"""Commands to a gripper: by joint trajectory, by the topic of a forward command controller, or by an action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from dynarend_core.planning.robot import GripperData
from dynarend_ros import qos
from dynarend_ros.backends.action_call import ActionCall, action_client
from dynarend_ros.backends.optional_messages import control_action
from dynarend_ros.conversions import duration_from_seconds

MOTION_S = 0.5
"""Time given to a trajectory of the fingers [s]."""


class TopicGripper:
    """A gripper commanded by messages; a topic gives no answers.

    Args:
        node: Whose publisher it is.
        gripper: The gripper.
    """

    def __init__(self, node: Node, gripper: GripperData) -> None:
        self._gripper = gripper
        trajectory = gripper.kind == "joint_trajectory"
        self._topic = node.create_publisher(
            JointTrajectoryMessage if trajectory else Float64MultiArray, gripper.name, qos.RELIABLE
        )

    def command(self, is_open: bool) -> None:
        """Open or close."""
        goal = [self._gripper.position(is_open)] * len(self._gripper.joints)
        if self._gripper.kind == "topic":
            self._topic.publish(Float64MultiArray(data=goal))
            return
        message = JointTrajectoryMessage(joint_names=list(self._gripper.joints))
        message.points = [JointTrajectoryPoint(positions=goal, time_from_start=duration_from_seconds(MOTION_S))]
        self._topic.publish(message)

    def problem(self) -> str | None:
        """Nothing is heard back."""
        return None

    def busy(self) -> bool:
        """Nothing is heard back: the fingers tell."""
        return False


class ActionGripper:
    """A gripper commanded by ``GripperCommand`` or ``ParallelGripperCommand``. Stalling on an object is no problem.

    Args:
        node: Whose client it is.
        gripper: The gripper.

    Raises:
        MissingDependencyError: control_msgs is not installed, or too old for the action.
    """

    def __init__(self, node: Node, gripper: GripperData) -> None:
        names = {"gripper_command": "GripperCommand", "parallel_gripper": "ParallelGripperCommand"}
        self._gripper = gripper
        self._kind = control_action(names[gripper.kind])
        self._call = ActionCall(action_client(node, self._kind, gripper.name), gripper.name)

    def command(self, is_open: bool) -> None:
        """Open or close."""
        goal, gripper = self._kind.Goal(), self._gripper
        if gripper.kind == "gripper_command":
            goal.command.position = float(gripper.position(is_open))
            goal.command.max_effort = float(gripper.max_effort)
        else:
            names = list(gripper.joints)
            positions = [float(gripper.position(is_open))] * len(names)
            goal.command = JointState(name=names, position=positions, effort=[float(gripper.max_effort)] * len(names))
        self._call.start(goal)

    def problem(self) -> str | None:
        """Why the action server refused; a grasp that ended early is judged by the fingers."""
        return self._call.refusal()

    def busy(self) -> bool:
        """Whether the action goes on; the fingers may rest because it has not begun."""
        return self._call.pending()


def make_gripper(node: Node, gripper: GripperData) -> TopicGripper | ActionGripper:
    """The gripper of a robot."""
    makers: dict[str, Callable[[Node, GripperData], Any]] = {"joint_trajectory": TopicGripper, "topic": TopicGripper}
    return makers.get(gripper.kind, ActionGripper)(node, gripper)
