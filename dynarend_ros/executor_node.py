"""Keyframes to motion, by one of three backends.

A process of its own. Whatever happens to the policy or the cameras, this node decides what moves, and when in doubt
it tells the arm to hold.
"""

from __future__ import annotations

import numpy as np
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import MultiDOFJointTrajectory
from visualization_msgs.msg import MarkerArray

from dynarend_core.errors import DynaRendError
from dynarend_core.planning.limiter import TrajectoryLimiter
from dynarend_core.planning.limiter_outcome import MeasuredState
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import Keyframe
from dynarend_ros import diagnostics, qos, runtime, topics
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.arm_state import ArmState
from dynarend_ros.backends.create import create_backend
from dynarend_ros.conversions import (
    boxes_to_message,
    goal_status_to_message,
    joint_state_from_message,
    keyframe_from_message,
    stamp_to_ns,
    trajectory_to_message,
)
from dynarend_ros.execution_limits import ExecutionError
from dynarend_ros.executor_parameters import ExecutorParameters, configured, execution_limits, limiter_config
from dynarend_ros.gripper_commands import Gripper
from dynarend_ros.joint_state_sources import JointStateSources
from dynarend_ros.keyframe_admission import AdmissionLimits, KeyframeAdmission
from dynarend_ros.keyframe_execution import KeyframeExecution
from dynarend_ros.listeners import missing_arm
from dynarend_ros.motion_gate import GateRules, MotionGate
from dynarend_ros.motion_watch import MotionWatch
from dynarend_ros.parameters import NodeParameters
from dynarend_ros.robots import find_robot
from dynarend_ros.safety_state import SafetyState
from dynarend_ros.worker import Worker

_SOURCELESS = "the source of keyframes disappeared"


class ExecutorNode(runtime.SpinningNode):
    """Carries out one keyframe at a time; refuses what it cannot answer for, with the reason on a topic."""

    ONE_PER_NAMESPACE = True

    def __init__(self) -> None:
        super().__init__("executor_node")
        p = self._p = NodeParameters(self, ExecutorParameters).values
        robot = self._robot = configured(find_robot(p.robot), p)
        self._status = self.create_publisher(GoalStatus, topics.EXECUTION_STATUS, qos.EXECUTION_STATUS)
        self._plan_topic = self.create_publisher(JointTrajectoryMessage, topics.PLANNED_TRAJECTORY, qos.LATCHED)
        self._limits_topic = self.create_publisher(MarkerArray, topics.LIMITS, qos.LATCHED)
        self._limits_topic.publish(boxes_to_message(robot.workspace, robot.keep_out, robot.base_frame))
        self._message = self.create_publisher(String, topics.EXECUTION_MESSAGE, qos.RELIABLE)
        self._arm = ArmState(
            robot.joints, robot.gripper.joints, p.joint_state_max_age_s, robot.gripper.width, speeds=robot.joint_speeds
        )
        topic = self._arm_topic = p.arm_topic or f"{robot.controller}/joint_trajectory"
        commands = self._commands = ArmCommands(self, topic, robot, self._arm)
        self._backend = create_backend(self, robot, p, commands, self._arm)
        self.create_subscription(JointTrajectoryMessage, topic, commands.heard_hold, qos.RELIABLE)
        limiter = TrajectoryLimiter(limiter_config(robot, p))
        _warm_up(limiter, robot)
        rules = GateRules(p.require_safety, p.safety_max_age_s, p.dry_run, p.confirm, p.confirm_timeout_s)
        self._gate = MotionGate(limiter, self._arm, rules, self._show)
        self._gripper = Gripper(self, robot.gripper, self._arm.width_m)
        self._execution = KeyframeExecution(
            robot,
            self._backend,
            self._gripper,
            self._arm,
            execution_limits(p),
            self._gate.pass_through,
            (lambda: "") if p.dry_run else self._missing_equipment,
        )
        self._admission = KeyframeAdmission(AdmissionLimits(robot.base_frame, p.cloud_max_age_s))
        self._counts = {"succeeded": 0, "aborted": 0, "cancelled": 0}
        self._last = "no keyframe yet"
        self._worker = Worker("execution", self._execute, self._unexpected)
        self._watch = MotionWatch(
            self._execution, self._gate.forbidden, self._sourceless, self._backend.stop, self._insist, self._unexpected
        )
        self._connect()
        self._sources = JointStateSources(self, self._joints, self._arm, p.joint_state_max_age_s)
        self._watch.start()
        diagnostics.DiagnosticsPublisher(self, self._describe, hardware_id=robot.name)

    def _connect(self) -> None:
        watch = qos.subscription_events(liveliness=self._source_changed)
        self._keyframes = self.create_subscription(
            MultiDOFJointTrajectory, topics.KEYFRAME, self._on_keyframe, qos.KEYFRAME, event_callbacks=watch
        )
        best_effort = qos.images("best_effort")
        self._joints = self.create_subscription(JointState, topics.JOINT_STATES, self._on_joints, best_effort)
        self.create_subscription(PointCloud2, topics.CLOUD, self._on_cloud, qos.RELIABLE)
        safety = qos.subscription_events(liveliness=self._safety_changed)
        self.create_subscription(
            DiagnosticStatus,
            topics.SAFETY_STATE,
            self._on_safety,
            qos.watched(self._p.safety_lease_s, latched=True),
            event_callbacks=safety,
        )
        self.create_service(Trigger, topics.STOP, self._on_stop)
        self.create_service(Trigger, topics.CONFIRM, self._on_confirm)

    def on_shutdown(self) -> None:
        """The arm must not go on without anybody who watches it."""
        self._watch.close()
        if self._execution.cancel("executor is shutting down"):
            self._backend.stop()
        self._worker.close()
        self._backend.close()

    def lingers(self) -> bool:
        """Told to hold, the arm is watched until it rests."""
        self._insist()
        return self._commands.stopping

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
            self._admission.check(message.header.frame_id, stamp_ns)
        except ExecutionError as error:
            self._finish(stamp_ns, GoalStatus.STATUS_ABORTED, f"{error.reason.value}: refused: {error}")
            return
        except DynaRendError as error:
            self._finish(stamp_ns, GoalStatus.STATUS_ABORTED, f"limits: refused: {error}")
            return
        forbidden = self._gate.forbidden()
        if forbidden is not None:
            self._finish(stamp_ns, GoalStatus.STATUS_ABORTED, f"stopped: refused: {forbidden}")
            return
        if not self._execution.reserve():  # here and not on the worker: `stop` must find it from now on
            self._finish(stamp_ns, GoalStatus.STATUS_ABORTED, "stopped: refused: another keyframe is being carried out")
            return
        self._admission.accepted(stamp_ns)
        self._worker.submit((stamp_ns, keyframe))

    def _on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        stopped = self._execution.cancel("stop was called")
        self._backend.stop()
        self._admission.stop()
        # Stamp 0: nothing that is under way anywhere may move the arm, also not what the policy is thinking out.
        self._status.publish(goal_status_to_message(GoalStatus.STATUS_CANCELED, 0))
        response.success = True
        response.message = "the keyframe was cancelled, the arm holds" if stopped else "nothing moved, the arm holds"
        return response

    def _on_confirm(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._gate.confirm()
        return response

    def _on_safety(self, message: DiagnosticStatus) -> None:
        reason = next((pair.value for pair in message.values if pair.key == "reason"), "")
        allowed = message.message in {state.value for state in SafetyState if state.allows_motion}
        self._gate.update_permission(allowed, f"{message.message}: {reason}")

    def _safety_changed(self, event: object) -> None:
        if event.alive_count == 0:  # type: ignore[attr-defined]
            self._gate.update_permission(False, "the safety node disappeared")

    def _source_changed(self, event: object) -> None:
        alive = event.alive_count  # type: ignore[attr-defined]
        if alive == 0 and self._execution.cancel(_SOURCELESS, wanted=False):
            self._backend.stop()

    def _sourceless(self) -> str | None:
        """Asked all the time: the event above tells of a source that was killed, this of one that went."""
        # By the name the topic has after remapping, which count_publishers does not do.
        return None if self.count_publishers(self._keyframes.topic_name) else _SOURCELESS

    def _missing_equipment(self) -> str:
        """Why a motion or a grasp would be told in vain; empty if it would not."""
        return "; ".join(filter(None, [missing_arm(self, self._arm_topic), self._gripper.missing()]))

    def _insist(self) -> None:
        if self._commands.insist():
            self.get_logger().error("told to hold, the arm moves on: told again")

    def _execute(self, item: tuple[int, Keyframe]) -> None:
        stamp_ns, keyframe = item
        status, text = GoalStatus.STATUS_ABORTED, ""
        try:
            if not self._p.dry_run:
                self._status.publish(goal_status_to_message(GoalStatus.STATUS_EXECUTING, stamp_ns))
            text = self._execution.run(keyframe, self._admission.cloud)
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
        self._backend.stop()
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

    def _show(self, trajectory: JointTrajectory) -> None:
        self._plan_topic.publish(trajectory_to_message(trajectory, self._robot.joints))
        if self._p.confirm and not self._p.dry_run:
            self.get_logger().info(f"planned {trajectory.duration_s:.1f} s: call the service {topics.CONFIRM}")

    def _describe(self) -> diagnostics.NodeStatus:
        age = self._arm.age_s()
        troubles = [f"joint_states are stale ({age:.2f} s)"] if age > self._p.joint_state_max_age_s else []
        troubles += filter(None, [self._arm.repeats(), self._admission.blind(), self._missing_equipment()])
        troubles += self._sources.troubles()
        values: dict[str, object] = {
            **self._counts,
            "active": self._execution.active,
            "waiting_for_confirmation": self._gate.waiting,
            "forbidden": self._gate.forbidden() or "",
            "joint_state_age_ms": round(1e3 * age, 1),
        }
        level = diagnostics.WARN if troubles else diagnostics.OK
        return diagnostics.NodeStatus("; ".join(troubles) or self._last, level, values)


def _warm_up(limiter: TrajectoryLimiter, robot: Robot) -> None:
    """Compile the limiter before the first motion waits for it."""
    still = np.stack([robot.home, robot.home])
    limiter.check(JointTrajectory(np.array([0.0, 0.1]), still, np.zeros_like(still)), MeasuredState(robot.home, 0.0))


def main() -> int:
    """Console script."""
    return runtime.run(ExecutorNode)


if __name__ == "__main__":
    raise SystemExit(main())
