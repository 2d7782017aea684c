"""Commands to a gripper: by joint trajectory, by the topic of a forward command controller, or by an action."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from dynarend_core.errors import MissingDependencyError
from dynarend_core.planning.robot import GripperData
from dynarend_ros import qos
from dynarend_ros.backends.action_call import ActionCall, action_client, status_name
from dynarend_ros.backends.optional_messages import control_action
from dynarend_ros.conversions import duration_from_seconds
from dynarend_ros.gripper_choice import choose, why_missing
from dynarend_ros.listeners import listeners

MOTION_S = 0.5
"""Time given to a trajectory of the fingers [s]."""


class TopicGripper:
    """A gripper commanded by messages; a topic gives no answers.

    Args:
        node: Whose publisher it is.
        gripper: The gripper.
    """

    def __init__(self, node: Node, gripper: GripperData) -> None:
        self._node, self._gripper = node, gripper
        trajectory = gripper.kind == "joint_trajectory"
        self._topic = node.create_publisher(
            JointTrajectoryMessage if trajectory else Float64MultiArray, gripper.name, qos.RELIABLE
        )

    def ready(self) -> bool:
        """Whether somebody listens."""
        return bool(listeners(self._node, self._gripper.name))

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
    """A gripper commanded by ``GripperCommand`` or ``ParallelGripperCommand``.

    Closing, an action may end in any way if the fingers have moved or hold something: servers abort on a stall.
    Opening, only one that succeeded, reached its goal or stalled on the way is believed.

    Args:
        node: Whose client it is.
        gripper: The gripper.
        width: Gives the opening between the fingers [m], NaN where it is not known.
        clock: Steady time [s].

    Raises:
        MissingDependencyError: control_msgs is not installed, or too old for the action.
    """

    MOVED_SHARE = 0.02
    """Of the gripper's opening: what counts as having moved, and as neither open nor closed."""
    JUDGED_S = 0.3
    """The fingers are looked at so long after an action has failed: their positions come later than its end."""

    def __init__(
        self,
        node: Node,
        gripper: GripperData,
        width: Callable[[], float] = lambda: math.nan,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        names = {"gripper_command": "GripperCommand", "parallel_gripper": "ParallelGripperCommand"}
        self._gripper, self._width, self._clock = gripper, width, clock
        self._kind = control_action(names[gripper.kind])
        self._client = action_client(node, self._kind, gripper.name)
        self._call = ActionCall(self._client, gripper.name)
        self._is_open, self._before_m = True, math.nan
        self._failed_s: float | None = None

    def ready(self) -> bool:
        """Whether the action has a server of this type."""
        return bool(self._client.server_is_ready())

    def command(self, is_open: bool) -> None:
        """Open or close."""
        goal, gripper = self._kind.Goal(), self._gripper
        position, effort = float(gripper.position(is_open)), float(gripper.max_effort)
        if gripper.kind == "gripper_command":
            goal.command.position, goal.command.max_effort = position, effort
        else:  # the controller refuses goals with more than one position; the other finger mimics the first
            goal.command = JointState(name=[gripper.joints[0]], position=[position], effort=[effort])
        self._is_open, self._before_m, self._failed_s = is_open, self._width(), None
        self._call.start(goal)

    def problem(self) -> str | None:
        """Why the action server refused, or what its end or the fingers say against a success."""
        if (refusal := self._call.refusal()) is not None:
            return refusal
        if not self._failed() or self._undecided():
            return None
        return self._complaint()

    def busy(self) -> bool:
        """Whether the action goes on, or its failure is looked into; the fingers may rest because it has not begun."""
        return self._call.pending() or (self._failed() and self._undecided())

    def _failed(self) -> bool:
        """Whether the action has ended, and not with the word that all is well."""
        outcome = self._call.outcome()
        if outcome is None or outcome.status == GoalStatus.STATUS_SUCCEEDED:
            return False
        return not (outcome.result.reached_goal or (outcome.result.stalled and not self._is_open))

    def _undecided(self) -> bool:
        now_s = self._clock()
        self._failed_s = now_s if self._failed_s is None else self._failed_s
        return now_s - self._failed_s < self.JUDGED_S

    def _complaint(self) -> str | None:
        width, least, full = self._width(), self.MOVED_SHARE * self._gripper.width_m, self._gripper.width_m
        moved = abs(width - self._before_m) >= least  # False if either is not known
        if self._is_open:
            # A finger at its stop, or in the way of something, has at least moved or been open before.
            fine = self._call.outcome().result.stalled and (moved or width >= 0.5 * full or math.isnan(width))
        else:
            fine = moved or least < width < full - least
        if fine:
            return None
        seen = "how far apart the fingers are is not known"
        if not math.isnan(width):
            seen = f"the fingers are {1e3 * width:.1f} mm apart{'' if moved else ' and have not moved'}"
        what = "opening" if self._is_open else "closing"
        end = status_name(self._call.outcome().status)
        return f"{what} the gripper failed: action {self._gripper.name} ended as {end}; {seen}"


class Gripper:
    """The gripper of a robot, under the name and of the kind that are there.

    Args:
        node: Whose publishers and clients it uses.
        gripper: The gripper; kind ``auto`` and several names are decided by what is found.
        width: Gives the opening between the fingers [m], NaN where it is not known.

    Raises:
        MissingDependencyError: the kind is given, and control_msgs is not installed, or too old for it.
    """

    def __init__(self, node: Node, gripper: GripperData, width: Callable[[], float] = lambda: math.nan) -> None:
        self._node, self._gripper, self._width = node, gripper, width
        self._lock = threading.Lock()
        self._driven: GripperData | None = None
        self._drive: TopicGripper | ActionGripper | None = None
        self._refused: str | None = None
        if gripper.kind != "auto":
            self._take(gripper)

    def missing(self) -> str:
        """Why a command would go nowhere now; empty if it would not."""
        with self._lock:
            if self._drive is not None and self._drive.ready():
                return ""
            found = choose(self._node, self._gripper)
            if found is None:
                return why_missing(self._node, self._gripper)
            try:
                if self._driven is None or (found.kind, found.name) != (self._driven.kind, self._driven.name):
                    self._take(found)
            except MissingDependencyError as error:
                return str(error)
            ready = self._drive is not None and self._drive.ready()
            return "" if ready else f"the gripper's action {found.name} does not answer yet"

    def command(self, is_open: bool) -> None:
        """Open or close."""
        self._refused = self.missing() or None
        if self._refused is None and self._drive is not None:
            self._drive.command(is_open)

    def problem(self) -> str | None:
        """Why the last command was not carried out, if it was not."""
        return self._refused or (self._drive.problem() if self._drive else None)

    def busy(self) -> bool:
        """Whether the last command is still being carried out, as far as the gripper tells."""
        return self._refused is None and self._drive is not None and self._drive.busy()

    def _take(self, gripper: GripperData) -> None:
        by_topic = gripper.kind in ("joint_trajectory", "topic")
        drive: Any = TopicGripper(self._node, gripper) if by_topic else ActionGripper(self._node, gripper, self._width)
        self._driven, self._drive = gripper, drive
