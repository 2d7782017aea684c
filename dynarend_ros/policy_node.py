"""Cloud to keyframe: asks the policy for the next keyframe each time the arm has come to rest and was seen at rest."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from action_msgs.msg import GoalStatus
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Float32, String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_core.errors import DynaRendError
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import FINGER_MAX, HOME_Q, JOINT_NAMES
from dynarend_core.types import GripperState, Observation, PointCloud, Prediction
from dynarend_ros import diagnostics, qos, runtime, topics
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions import (
    cloud_from_message,
    joint_state_from_message,
    keyframe_to_message,
    stamp_to_ns,
)
from dynarend_ros.latency import LatencyWindow
from dynarend_ros.parameters import NodeParameters, parameter
from dynarend_ros.policy_display import PolicyDisplay, Thought
from dynarend_ros.worker import Worker

_FINGERS = ("panda_finger_joint1", "panda_finger_joint2")
_TERMINAL = (GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED, GoalStatus.STATUS_CANCELED)


class Acting(Protocol):
    """What the node needs of a policy."""

    def act(self, observation: Observation) -> Prediction:
        """Next keyframe for the observation."""
        ...


@dataclass(frozen=True)
class PolicyParameters:
    """Parameters of the policy node."""

    policy: str = parameter("", "Folder of the policy checkpoint.")
    device: str = parameter("cpu", "Where it runs: cpu, cuda, cuda:1, ...")
    autorun: bool = parameter(False, "Act as soon as there is an instruction; otherwise wait for `run` or `step`.")
    base_frame: str = parameter("panda_link0", "Frame of clouds and keyframes.")
    arm_joints: tuple[str, ...] = parameter(JOINT_NAMES, "Arm joints, base to wrist, as in joint_states.")
    finger_joints: tuple[str, ...] = parameter(_FINGERS, "Finger joints, as in joint_states.")
    open_width_m: float = parameter(0.9 * 2 * FINGER_MAX, "Wider counts as open [m].", low=0.0, high=0.5)
    joint_state_max_age_s: float = parameter(0.5, "Refuse older joint states [s, steady].", low=0.01, high=10.0)
    max_keyframes: int = parameter(25, "Stop after so many keyframes of one instruction.", low=1, high=1000)
    max_failures: int = parameter(3, "Stop after so many failures in a row.", low=1, high=100)
    draw_live: bool = parameter(False, "Draw every prediction at once; costs about as much time as acting.")
    execution_timeout_s: float = parameter(120.0, "No answer of the executor for so long is a failure [s].", low=1.0)


class PolicyNode(runtime.SpinningNode):
    """Runs the loop cloud -> keyframe -> execution -> newer cloud; inference on a worker thread."""

    def __init__(self) -> None:
        super().__init__("policy_node")
        p = self._p = NodeParameters(self, PolicyParameters).values
        self._kinematics = ArmKinematics()
        self._policy = self.load_policy(p)
        self._warm_up()
        self._arm = ArmState(p.arm_joints, p.finger_joints, p.joint_state_max_age_s)
        self._latency = LatencyWindow()
        self._running, self._once = p.autorun, False
        self._instruction = ""
        self._step, self._failures = 0, 0
        self._busy = False
        self._awaiting: tuple[int, float] | None = None
        self._not_before_ns = 0
        self._cloud: PointCloud2 | None = None
        self._worker = Worker("policy", self._think, self._failed)
        self._create_publishers()
        self._connect()
        diagnostics.DiagnosticsPublisher(self, self._describe)
        self._set_reason("waiting for an instruction")
        self.get_logger().info(f"ready: {p.policy or type(self._policy).__name__} on {p.device}")

    def load_policy(self, p: PolicyParameters) -> Acting:
        """The policy of the parameters; a test double overrides this."""
        from dynarend_core.policy import Policy  # torch is slow to import: only in the process that needs it

        return Policy.from_checkpoint(p.policy, p.device)

    def _warm_up(self) -> None:
        """Let the policy compile and load what it does at its first call before that call matters."""
        xyz = np.random.default_rng(0).uniform([0.2, -0.3, 0.0], [0.6, 0.3, 0.3], (2000, 3)).astype(np.float32)
        cloud = PointCloud(xyz, np.full((2000, 3), 128, np.uint8))
        gripper = GripperState(self._kinematics.forward(HOME_Q), is_open=True)
        with contextlib.suppress(Exception):  # whatever is wrong will be said, with its cause, when it counts
            self._policy.act(Observation((), gripper, "warm up", 0, HOME_Q, 0, cloud))

    def _create_publishers(self) -> None:
        self._display = PolicyDisplay(self, self._p.base_frame, self._p.draw_live)
        self._keyframe = self.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        self._latency_topic = self.create_publisher(Float32, topics.POLICY_LATENCY, qos.RELIABLE)
        self._status = self.create_publisher(String, topics.POLICY_STATUS, qos.LATCHED)

    def _connect(self) -> None:
        self.create_subscription(PointCloud2, topics.CLOUD, self._on_cloud, qos.RELIABLE)
        self.create_subscription(JointState, topics.JOINT_STATES, self._on_joints, qos.images("best_effort"))
        self.create_subscription(String, topics.INSTRUCTION, self._on_instruction, qos.LATCHED)
        self.create_subscription(GoalStatus, topics.EXECUTION_STATUS, self._on_execution, qos.RELIABLE)
        self.create_service(SetBool, topics.RUN, self._on_run)
        self.create_service(Trigger, topics.STEP, self._on_step)
        self.create_service(Trigger, topics.DRAW, self._on_draw)
        self.create_timer(0.5, self._check_timeout, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def on_shutdown(self) -> None:
        """End the worker."""
        self._worker.close()

    def _seen_ns(self) -> int:
        """Latest moment this node knows of, whichever message told it; the ROS clock may lag behind."""
        cloud_ns = 0 if self._cloud is None else stamp_to_ns(self._cloud.header.stamp)
        return max(self.get_clock().now().nanoseconds, self._arm.stamp_ns(), cloud_ns)

    def _on_instruction(self, message: String) -> None:
        """A message on `instruction` starts a new task, also when the words are the same."""
        self._instruction = message.data.strip()
        self._step, self._failures, self._awaiting = 0, 0, None
        self._display.clear()
        self._not_before_ns = self._seen_ns()
        self.get_logger().info(f"instruction: {self._instruction!r}")
        self._set_reason("acting" if self._running else "waiting for run or step")

    def _on_run(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._running = bool(request.data)
        self._failures = 0
        self._set_reason("acting" if self._running else "paused")
        response.success, response.message = True, self._reason
        self._maybe_act()
        return response

    def _on_step(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = bool(self._instruction) and not self._busy and self._awaiting is None
        response.message = "one keyframe" if response.success else "no instruction yet, or a keyframe is under way"
        self._once = self._once or response.success
        self._maybe_act()
        return response

    def _on_joints(self, message: JointState) -> None:
        try:
            self._arm.update(joint_state_from_message(message))
        except DynaRendError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)

    def _on_cloud(self, message: PointCloud2) -> None:
        self._cloud = message
        self._maybe_act()

    def _on_execution(self, message: GoalStatus) -> None:
        stamp_ns = stamp_to_ns(message.goal_info.stamp)
        if self._awaiting is None or stamp_ns != self._awaiting[0] or message.status not in _TERMINAL:
            return
        self._awaiting = None
        self._not_before_ns = self._seen_ns()
        self._step += 1
        if message.status == GoalStatus.STATUS_SUCCEEDED:
            self._failures = 0
        else:
            self._count_failure("the executor did not reach the keyframe")
        if self._running and self._step >= self._p.max_keyframes:
            self._stop(f"stopped: {self._step} keyframes, the limit")

    def _check_timeout(self) -> None:
        if self._awaiting is not None and time.monotonic() - self._awaiting[1] > self._p.execution_timeout_s:
            self._awaiting = None
            self._count_failure(f"no answer of the executor for {self._p.execution_timeout_s:.0f} s")

    def _maybe_act(self) -> None:
        wanted = (self._running or self._once) and bool(self._instruction)
        if not wanted or self._busy or self._awaiting is not None or self._cloud is None:
            return
        if stamp_to_ns(self._cloud.header.stamp) <= self._not_before_ns:
            return
        self._busy, self._once = True, False
        self._worker.submit((self._cloud, self._instruction, self._step))

    def _think(self, item: tuple[PointCloud2, str, int]) -> None:
        message, instruction, step = item
        cloud = cloud_from_message(message)
        observation = self._observe(cloud, instruction, step)
        start_s = time.perf_counter()
        prediction = self._policy.act(observation)
        milliseconds = 1e3 * (time.perf_counter() - start_s)
        if instruction == self._instruction and step == self._step:
            self._awaiting = (cloud.stamp_ns, time.monotonic())
            self._keyframe.publish(keyframe_to_message(prediction.keyframe, self._p.base_frame, cloud.stamp_ns))
        self._latency.add(milliseconds)
        self._latency_topic.publish(Float32(data=milliseconds))
        self._busy = False
        self._display.show(Thought(cloud, prediction, f"{step + 1}: {instruction}"))

    def _observe(self, cloud: PointCloud, instruction: str, step: int) -> Observation:
        _, q, width = self._arm.latest()
        T_base_gripper = self._kinematics.forward(q)
        gripper = GripperState(T_base_gripper, is_open=bool(width >= self._p.open_width_m), width_m=width)
        return Observation((), gripper, instruction, step, q, cloud.stamp_ns, cloud)

    def _on_draw(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Draw the keyframes since the last instruction; the response's message is how many pictures were sent."""
        response.success, response.message = True, str(self._display.draw_all())
        return response

    def _failed(self, error: Exception) -> None:
        self._busy = False
        self._not_before_ns = self._seen_ns()
        self._count_failure(f"policy: {type(error).__name__}: {error}")

    def _count_failure(self, reason: str) -> None:
        self._failures += 1
        self.get_logger().warning(f"{reason} (failure {self._failures} of {self._p.max_failures} in a row)")
        if self._failures >= self._p.max_failures:
            self._stop(f"stopped after {self._failures} failures in a row: {reason}")
        else:
            self._set_reason(f"trying again: {reason}")

    def _stop(self, reason: str) -> None:
        self._running = False
        self._set_reason(reason)
        self.get_logger().warning(reason)

    def _set_reason(self, reason: str) -> None:
        self._reason = reason
        status = {"running": self._running, "step": self._step, "failures": self._failures, "reason": reason}
        self._status.publish(String(data=json.dumps(status)))

    def _describe(self) -> diagnostics.NodeStatus:
        values = {"running": self._running, "step": self._step, "latency": self._latency.summary()}
        level = diagnostics.WARN if self._failures else diagnostics.OK
        return diagnostics.NodeStatus(self._reason, level, values)


def main() -> int:
    """Console script."""
    return runtime.run(PolicyNode)


if __name__ == "__main__":
    raise SystemExit(main())
