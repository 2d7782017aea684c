"""Cloud to keyframe: asks the policy for the next keyframe each time the arm has come to rest and was seen at rest."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

from action_msgs.msg import GoalStatus
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Float32, String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_core.errors import DynaRendError, ObservationError
from dynarend_ros import diagnostics, qos, runtime, topics
from dynarend_ros.acting_loop import ActingLimits, ActingLoop, Turn
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions import (
    cloud_from_message,
    joint_state_from_message,
    keyframe_to_message,
    stamp_to_ns,
)
from dynarend_ros.executor_presence import ExecutorPresence
from dynarend_ros.latency import LatencyWindow
from dynarend_ros.managed_node import ManagedNode
from dynarend_ros.parameters import NodeParameters
from dynarend_ros.policy_display import PolicyDisplay, Thought
from dynarend_ros.policy_foresight import PolicyForesight
from dynarend_ros.policy_memory import PolicyMemory
from dynarend_ros.policy_observation import made_up, observe
from dynarend_ros.policy_parameters import Acting, PolicyParameters
from dynarend_ros.robots import find_robot
from dynarend_ros.worker import Worker

if TYPE_CHECKING:
    from dynarend_core.foresight import Looks

INACTIVE = "the policy node is not active: ros2 lifecycle set /policy_node activate"


class PolicyNode(ManagedNode):
    """Connects clouds, arm, policy and executor to the acting loop; inference on a worker thread.

    A lifecycle node: ``configure`` loads and warms the policy, ``activate`` lets it act, ``deactivate`` pauses it.
    """

    ONE_PER_NAMESPACE = True

    def __init__(self) -> None:
        super().__init__("policy_node")
        p = self._p = NodeParameters(self, PolicyParameters).values
        self._robot = find_robot(p.robot)
        self._policy: Acting | None = None
        self._arm = ArmState(
            self._robot.joints, self._robot.gripper.joints, p.joint_state_max_age_s, self._robot.gripper.width
        )
        self._latency = LatencyWindow()
        self._memory = PolicyMemory()
        self._cloud: PointCloud2 | None = None
        self._cloud_arrival_s = 0.0
        limits = ActingLimits(p.max_keyframes, p.max_failures, p.cloud_max_age_s, p.execution_timeout_s)
        self._loop = ActingLoop(limits, p.autorun, self._report)
        self._worker = Worker("policy", self._think, self._unexpected)
        self._connected = False
        self.autostart(p.autostart)

    def get_ready(self) -> None:
        """Load the policy and let it do its first call."""
        self._policy = self.load_policy(self._p)
        self._warm_up()
        if not self._connected:  # before, there is nothing to say and nobody to listen to
            self._create_publishers()
            self._connect()
            diagnostics.DiagnosticsPublisher(self, self._describe)
            self._connected = True
        self._report(self._loop.reason, False)
        self.get_logger().info(f"ready: {self._p.policy or type(self._policy).__name__} on {self._p.device}")

    def begin(self) -> None:
        """Take the task of the parameters, if there is one and no other yet."""
        if self._p.instruction and not self._loop.status()["instruction"]:
            self._loop.start_task(self._p.instruction, self._seen_ns())

    def cease(self) -> None:
        """Nothing it still thinks out is sent."""
        self._loop.set_running(False)

    def forget(self) -> None:
        """Forget the policy."""
        self._policy = None

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def load_policy(self, p: PolicyParameters) -> Acting:
        """The policy of the parameters; a test double overrides this."""
        from dynarend_core.policy import Policy  # torch is slow to import: only in the process that needs it

        return Policy.from_checkpoint(p.policy, p.device)

    def load_foresight(self, p: PolicyParameters) -> Looks:
        """What the policy's renderer shows; a test double overrides this.

        Raises:
            CheckpointError: the policy has no renderer, or a damaged one.
        """
        from dynarend_core.foresight import Foresight
        from dynarend_core.policy import Policy

        assert isinstance(self._policy, Policy)
        return Foresight(self._policy, Foresight.renderer_of(p.policy, p.device))

    def _warm_up(self) -> None:
        """Let the policy compile and load what it does at its first call before that call matters."""
        policy = self._policy
        assert policy is not None
        with contextlib.suppress(Exception):  # whatever is wrong will be said, with its cause, when it counts
            policy.act(made_up(self._robot))

    def _create_publishers(self) -> None:
        self._display = PolicyDisplay(self, self._robot.base_frame, self._p.draw_live)
        self._foresight = PolicyForesight(self, self._p, self._robot.base_frame, self.load_foresight)
        self._keyframe = self.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        self._latency_topic = self.create_publisher(Float32, topics.POLICY_LATENCY, qos.RELIABLE)
        self._status = self.create_publisher(String, topics.POLICY_STATUS, qos.LATCHED)

    def _connect(self) -> None:
        self.create_subscription(PointCloud2, topics.CLOUD, self._on_cloud, qos.RELIABLE)
        self.create_subscription(JointState, topics.JOINT_STATES, self._on_joints, qos.images("best_effort"))
        self.create_subscription(String, topics.INSTRUCTION, self._on_instruction, qos.LATCHED)
        answers = self.create_subscription(GoalStatus, topics.EXECUTION_STATUS, self._on_execution, qos.RELIABLE)
        self._executor_presence = ExecutorPresence(self, self._keyframe, answers)
        self.create_service(SetBool, topics.RUN, self._on_run)
        self.create_service(Trigger, topics.STEP, self._on_step)
        self.create_service(Trigger, topics.DRAW, self._on_draw)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(0.5, lambda: self._loop.check_timeouts(time.monotonic()), clock=steady)

    def _seen_ns(self) -> int:
        """Latest moment this node knows of, whichever message told it; the ROS clock may lag behind."""
        cloud_ns = 0 if self._cloud is None else stamp_to_ns(self._cloud.header.stamp)
        return max(self.get_clock().now().nanoseconds, self._arm.stamp_ns(), cloud_ns)

    def _on_instruction(self, message: String) -> None:
        """A message on `instruction` starts a new task, also when the words are the same."""
        self._display.clear()
        self._foresight.forget()
        self.get_logger().info(f"instruction: {message.data.strip()!r}")
        self._loop.start_task(message.data.strip(), self._seen_ns())

    def _on_run(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data and not self.active:
            response.success, response.message = False, INACTIVE
            return response
        self._loop.set_running(bool(request.data))
        response.success, response.message = True, self._loop.reason
        self._maybe_act()
        return response

    def _on_step(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if not self.active:
            response.success, response.message = False, INACTIVE
            return response
        response.success, response.message = self._loop.request_step(time.monotonic())
        self._maybe_act()
        return response

    def _on_joints(self, message: JointState) -> None:
        try:
            self._arm.update(joint_state_from_message(message))
        except DynaRendError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)

    def _on_cloud(self, message: PointCloud2) -> None:
        if message.header.frame_id != self._robot.base_frame:
            text = f"cloud in frame {message.header.frame_id!r} ignored, base_frame is {self._robot.base_frame!r}"
            self.get_logger().error(text, throttle_duration_sec=2.0)
            return
        self._cloud, self._cloud_arrival_s = message, time.monotonic()
        self._maybe_act()

    def _on_execution(self, message: GoalStatus) -> None:
        stamp_ns = stamp_to_ns(message.goal_info.stamp)
        if message.status == GoalStatus.STATUS_CANCELED:
            if stamp_ns == 0 or self._loop.awaits(stamp_ns):  # 0: whatever may be under way
                self._loop.halt(self._seen_ns())
                self._foresight.forget()
        elif message.status in (GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED):
            if self._loop.awaits(stamp_ns):
                self._foresight.step_ended(self._seen_ns())
            succeeded = message.status == GoalStatus.STATUS_SUCCEEDED
            self._loop.execution_ended(stamp_ns, succeeded, self._seen_ns())

    def _maybe_act(self) -> None:
        if self._cloud is None or not self.active:
            return
        stamp_ns, now_s = stamp_to_ns(self._cloud.header.stamp), time.monotonic()
        turn = self._loop.take_turn(stamp_ns, now_s - self._cloud_arrival_s, now_s, self._executor_presence.is_there)
        if turn is not None or self._foresight.wants(stamp_ns):
            self._worker.submit((self._cloud, turn))

    def _think(self, item: tuple[PointCloud2, Turn | None]) -> None:
        message, turn = item
        if turn is None:
            self._foresight.judge(cloud_from_message(message))
            return
        policy = self._policy
        try:
            if policy is None or not self.active:
                raise ObservationError(INACTIVE)
            cloud = cloud_from_message(message)
            observation = observe(cloud, self._arm, self._robot, self._p.open_share, turn)
            observation = self._memory.recall(observation, turn.task)
            start_s = time.perf_counter()
            prediction = policy.act(observation)
            milliseconds = 1e3 * (time.perf_counter() - start_s)
            keyframe = keyframe_to_message(prediction.keyframe, self._robot.base_frame, cloud.stamp_ns)
        except Exception as error:  # counted, and said with its cause
            self._loop.turn_failed(turn, f"policy: {type(error).__name__}: {error}", self._seen_ns())
            return
        sent = self._loop.answer(turn, cloud.stamp_ns, time.monotonic(), lambda: self._keyframe.publish(keyframe))
        self._latency.add(milliseconds)
        self._latency_topic.publish(Float32(data=milliseconds))
        if sent:
            self._memory.sent(prediction.keyframe)
            self._display.show(Thought(cloud, prediction, f"{turn.step + 1}: {turn.instruction}"))
            self._foresight.judge(cloud)
            self._foresight.look(observation, cloud)

    def _on_draw(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Draw the keyframes since the last instruction; the response's message is how many pictures were sent."""
        try:
            response.success, response.message = True, str(self._display.draw_all())
        except Exception as error:  # a picture that fails must not end the node
            response.success, response.message = False, f"{type(error).__name__}: {error}"
        return response

    def _unexpected(self, error: Exception) -> None:
        self.get_logger().error(f"showing a prediction failed: {type(error).__name__}: {error}")

    def _report(self, reason: str, problem: bool) -> None:
        if problem:
            self.get_logger().warning(reason)
        if self._connected:
            self._status.publish(String(data=json.dumps(self._loop.status())))

    def _describe(self) -> diagnostics.NodeStatus:
        values = {**self._loop.status(), "latency": self._latency.summary(), **self._foresight.values()}
        troubles = [*filter(None, (self._foresight.surprise(), self._executor_presence.missing()))]
        level = diagnostics.WARN if self._loop.failures or troubles else diagnostics.OK
        return diagnostics.NodeStatus("; ".join([self._loop.reason, *troubles]), level, values)


def main() -> int:
    """Console script."""
    return runtime.run(PolicyNode)


if __name__ == "__main__":
    raise SystemExit(main())
