"""Keyframes to motion, backend ``ompl``: plans with the embedded planner and sends joint trajectories.

A process of its own. Whatever happens to the policy or the cameras, this node decides what moves, and when in doubt
it sends an empty trajectory: hold.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
from action_msgs.msg import GoalStatus
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint, MultiDOFJointTrajectory

from dynarend_core.errors import ConfigurationError, DynaRendError
from dynarend_core.planning.limits import WORKSPACE_AABB_BASE
from dynarend_core.planning.panda import FINGER_MAX, HOME_Q, JOINT_NAMES
from dynarend_core.planning.planner import MotionPlanner, MotionPlannerConfig
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import Keyframe, PointCloud
from dynarend_ros import diagnostics, qos, runtime, topics
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions import (
    cloud_from_message,
    duration_from_seconds,
    goal_status_to_message,
    joint_state_from_message,
    keyframe_from_message,
    stamp_to_ns,
    trajectory_to_message,
)
from dynarend_ros.keyframe_admission import AdmissionError, AdmissionLimits, KeyframeAdmission
from dynarend_ros.keyframe_execution import ExecutionError, ExecutionLimits, Hands, KeyframeExecution
from dynarend_ros.parameters import NodeParameters, parameter
from dynarend_ros.worker import Worker

_AABB = tuple(float(v) for v in WORKSPACE_AABB_BASE.reshape(-1).round(6))
_FINGERS = ("panda_finger_joint1", "panda_finger_joint2")


@dataclass(frozen=True)
class ExecutorParameters:
    """Parameters of the executor node."""

    backend: str = parameter("ompl", "How motions are planned and sent.", choices=("ompl",))
    arm_joints: tuple[str, ...] = parameter(JOINT_NAMES, "Arm joints, base to wrist, as in joint_states.")
    finger_joints: tuple[str, ...] = parameter(_FINGERS, "Finger joints, as in joint_states.")
    finger_open_m: float = parameter(FINGER_MAX, "Finger position when open [m].", low=0.0, high=0.2)
    workspace: tuple[float, ...] = parameter(_AABB, "x y z minimum, x y z maximum of the tip, base frame [m].")
    base_frame: str = parameter("panda_link0", "Frame of keyframes and clouds; those in another one are refused.")
    cloud_max_age_s: float = parameter(
        2.0,
        "Refuse to plan around a cloud that arrived earlier [s, steady]; 0: without clouds, around nothing.",
        low=0.0,
        high=60.0,
    )
    velocity_factor: float = parameter(0.1, "Share of the joint speed limits.", low=0.01, high=1.0)
    joint_state_max_age_s: float = parameter(0.5, "Refuse older joint states [s, steady].", low=0.01, high=10.0)
    goal_tolerance_rad: float = parameter(0.05, "Joint error at the end of a motion [rad].", low=1e-4, high=1.0)
    contact_tolerance_rad: float = parameter(0.35, "The same where contact is intended [rad].", low=1e-4, high=2.0)
    overtime_s: float = parameter(3.0, "Time allowed beyond the planned duration [s].", low=0.1, high=60.0)
    gripper_timeout_s: float = parameter(2.0, "Time allowed for the gripper [s].", low=0.1, high=30.0)

    def __post_init__(self) -> None:
        box = np.array(self.workspace)
        if box.shape != (6,) or (box[3:] <= box[:3]).any():
            raise ConfigurationError(f"workspace must be 6 numbers, minimum before maximum, got {self.workspace}")
        if len(self.arm_joints) != 7:
            raise ConfigurationError(f"arm_joints must name 7 joints, got {list(self.arm_joints)}")


class ExecutorNode(runtime.SpinningNode):
    """Carries out one keyframe at a time; refuses what it cannot answer for, with the reason on a topic."""

    def __init__(self) -> None:
        super().__init__("executor_node")
        p = self._p = NodeParameters(self, ExecutorParameters).values
        self._arm_topic = self.create_publisher(JointTrajectoryMessage, topics.ARM_TRAJECTORY, qos.RELIABLE)
        self._gripper_topic = self.create_publisher(JointTrajectoryMessage, topics.GRIPPER_TRAJECTORY, qos.RELIABLE)
        self._status = self.create_publisher(GoalStatus, topics.EXECUTION_STATUS, qos.RELIABLE)
        self._message = self.create_publisher(String, topics.EXECUTION_MESSAGE, qos.RELIABLE)
        self._arm = ArmState(p.arm_joints, p.finger_joints, p.joint_state_max_age_s)
        workspace = np.array(p.workspace).reshape(2, 3)
        planner = MotionPlanner(MotionPlannerConfig(velocity_factor=p.velocity_factor, workspace_aabb=workspace))
        _warm_up(planner)
        limits = ExecutionLimits(
            goal_tolerance_rad=p.goal_tolerance_rad,
            contact_tolerance_rad=p.contact_tolerance_rad,
            overtime_s=p.overtime_s,
            gripper_timeout_s=p.gripper_timeout_s,
        )
        self._execution = KeyframeExecution(planner, self._arm, Hands(self._follow, self._grip, self._hold), limits)
        self._admission = KeyframeAdmission(AdmissionLimits(p.base_frame, p.cloud_max_age_s))
        self._counts = {"succeeded": 0, "aborted": 0, "cancelled": 0}
        self._last = "no keyframe yet"
        self._worker = Worker("execution", self._execute, self._unexpected)
        self._connect()
        diagnostics.DiagnosticsPublisher(self, self._describe)

    def _connect(self) -> None:
        watch = qos.subscription_events(liveliness=self._source_changed)
        self.create_subscription(
            MultiDOFJointTrajectory, topics.KEYFRAME, self._on_keyframe, qos.KEYFRAME, event_callbacks=watch
        )
        self.create_subscription(JointState, topics.JOINT_STATES, self._on_joints, qos.images("best_effort"))
        self.create_subscription(PointCloud2, topics.CLOUD, self._on_cloud, qos.RELIABLE)
        self.create_service(Trigger, topics.STOP, self._on_stop)

    def on_shutdown(self) -> None:
        """The arm must not go on without anybody who watches it."""
        if self._execution.cancel("executor is shutting down"):
            self._hold()
        self._worker.close()

    def _on_joints(self, message: JointState) -> None:
        try:
            self._arm.update(joint_state_from_message(message))
        except DynaRendError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)

    def _on_cloud(self, message: PointCloud2) -> None:
        self._admission.add_cloud(message)

    def _on_keyframe(self, message: MultiDOFJointTrajectory) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        try:
            if self._admission.is_repetition(stamp_ns):
                self.get_logger().warning("the same keyframe again: ignored")
                return
            keyframe = keyframe_from_message(message)
            cloud = self._admission.check(message.header.frame_id, stamp_ns)
        except AdmissionError as error:
            self._finish(stamp_ns, GoalStatus.STATUS_ABORTED, f"{error.reason.value}: refused: {error}")
            return
        except DynaRendError as error:
            self._finish(stamp_ns, GoalStatus.STATUS_ABORTED, f"limits: refused: {error}")
            return
        if not self._execution.reserve():  # here and not on the worker: `stop` must find it from now on
            self._finish(stamp_ns, GoalStatus.STATUS_ABORTED, "stopped: refused: another keyframe is being carried out")
            return
        self._admission.accepted(stamp_ns)
        self._worker.submit((stamp_ns, keyframe, cloud))

    def _on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        stopped = self._execution.cancel("stop was called")
        self._hold()
        self._admission.stop()
        # Stamp 0: nothing that is under way anywhere may move the arm, also not what the policy is thinking out.
        self._status.publish(goal_status_to_message(GoalStatus.STATUS_CANCELED, 0))
        response.success = True
        response.message = "the keyframe was cancelled, the arm holds" if stopped else "nothing moved, the arm holds"
        return response

    def _source_changed(self, event: object) -> None:
        alive = event.alive_count  # type: ignore[attr-defined]
        if alive == 0 and self._execution.cancel("the source of keyframes disappeared", wanted=False):
            self._hold()

    def _execute(self, item: tuple[int, Keyframe, PointCloud2 | None]) -> None:
        stamp_ns, keyframe, message = item
        self._status.publish(goal_status_to_message(GoalStatus.STATUS_EXECUTING, stamp_ns))
        status, text = GoalStatus.STATUS_ABORTED, ""
        try:
            cloud: PointCloud | None = None if message is None else cloud_from_message(message)
            text = self._execution.run(keyframe, cloud)
            status = GoalStatus.STATUS_SUCCEEDED
        except ExecutionError as error:
            status = GoalStatus.STATUS_CANCELED if error.cancelled else GoalStatus.STATUS_ABORTED
            text = f"{error.reason.value}: {error}"
        except Exception as error:  # whoever sent the keyframe must get an answer
            text = f"controller: {type(error).__name__}: {error}"
            raise
        finally:
            self._execution.release()  # before the answer: the next keyframe may follow it at once
            self._finish(stamp_ns, status, text)

    def _unexpected(self, error: Exception) -> None:
        self._hold()
        self.get_logger().error(f"unexpected {type(error).__name__}: {error}; the arm holds")

    def _finish(self, stamp_ns: int, status: int, text: str) -> None:
        names = {GoalStatus.STATUS_SUCCEEDED: "succeeded", GoalStatus.STATUS_CANCELED: "cancelled"}
        name = names.get(status, "aborted")
        self._counts[name] += 1
        self._last = f"{name}: {text}"
        if status == GoalStatus.STATUS_SUCCEEDED:  # rclpy wants one severity for each place in the code
            self.get_logger().info(f"keyframe {self._last}")
        else:
            self.get_logger().warning(f"keyframe {self._last}")
        self._message.publish(String(data=self._last))
        self._status.publish(goal_status_to_message(status, stamp_ns))

    def _follow(self, trajectory: JointTrajectory) -> None:
        self._arm_topic.publish(trajectory_to_message(trajectory, self._p.arm_joints))

    def _grip(self, is_open: bool) -> None:
        message = JointTrajectoryMessage(joint_names=list(self._p.finger_joints))
        goal = [self._p.finger_open_m if is_open else 0.0] * len(self._p.finger_joints)
        message.points = [JointTrajectoryPoint(positions=goal, time_from_start=duration_from_seconds(0.5))]
        self._gripper_topic.publish(message)

    def _hold(self) -> None:
        self._arm_topic.publish(trajectory_to_message(None, self._p.arm_joints))

    def _describe(self) -> diagnostics.NodeStatus:
        age = self._arm.age_s()
        stale = age > self._p.joint_state_max_age_s
        message = f"joint_states are stale ({age:.2f} s)" if stale else self._last
        values: dict[str, object] = {
            **self._counts,
            "active": self._execution.active,
            "joint_state_age_ms": round(1e3 * age, 1),
        }
        return diagnostics.NodeStatus(message, diagnostics.WARN if stale else diagnostics.OK, values)


def _warm_up(planner: MotionPlanner) -> None:
    """Compile and import what planning needs before the first keyframe waits for it."""
    T = planner.kinematics.forward(HOME_Q)
    T[2, 3] -= 0.05
    points = np.random.default_rng(0).uniform([0.4, -0.3, 0.0], [0.6, 0.3, 0.01], (2000, 3))
    with contextlib.suppress(DynaRendError):
        planner.plan(HOME_Q, Keyframe(T, gripper_open=True), points)


def main() -> int:
    """Console script."""
    return runtime.run(ExecutorNode)


if __name__ == "__main__":
    raise SystemExit(main())
