"""Whether the arm may move, decided in a process of its own: watchdog, latched faults, one stop path.

The executor moves only while ``safety_state`` says ARMED or RUNNING and is fresh. This is no certified emergency stop.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Empty, Float32, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from dynarend_core.errors import DynaRendError
from dynarend_ros import diagnostics, qos, runtime, topics
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions import joint_state_from_message, stamp_to_ns, trajectory_from_message
from dynarend_ros.driver_state import watch_driver
from dynarend_ros.gentle_stop import cancel_then_hold
from dynarend_ros.joint_state_sources import JointStateSources
from dynarend_ros.parameters import NodeParameters, if_fewer, if_higher, if_higher_or_off, parameter
from dynarend_ros.robots import find_robot
from dynarend_ros.safety_state import Outcome, SafetyLimits, SafetyMachine, SafetyState

_ENDS = {
    GoalStatus.STATUS_SUCCEEDED: Outcome.SUCCEEDED,
    GoalStatus.STATUS_ABORTED: Outcome.FAILED,
    GoalStatus.STATUS_CANCELED: Outcome.CANCELLED,
}
FROZEN_S = 0.5
"""A loop that stood still for so long knows nothing of the present."""
WAKES_S = 0.1
"""It then listens for so long before it judges; the executor stopped when it fell silent."""

_LEVELS = {SafetyState.FAULT: diagnostics.ERROR, SafetyState.PAUSED: diagnostics.WARN}


@dataclass(frozen=True)
class SafetyParameters:
    """Parameters of the safety node."""

    robot: str = parameter("panda", "Robot of config/robots, or the path of such a file.")
    arm_topic: str = parameter("", "Topic of the arm's controller; empty: the robot's.")
    nodes: tuple[str, ...] = parameter(
        ("fusion_node", "policy_node", "executor_node"), "Nodes whose end is a fault.", relaxed=if_fewer
    )
    node_lease_s: float = parameter(
        0.15, "Silence of a node's process that is its end [s].", low=0.1, high=10.0, relaxed=if_higher
    )
    node_silence_s: float = parameter(
        2.0,
        "Longest time in which a node's own loop gives no sign of life [s, steady].",
        low=0.3,
        high=60.0,
        relaxed=if_higher,
    )
    joint_states_max_age_s: float = parameter(
        0.2, "Older joint states are a fault [s, steady].", low=0.02, high=10.0, relaxed=if_higher
    )
    cloud_max_age_s: float = parameter(
        2.0, "An older cloud is a fault [s, steady]; 0: not watched.", low=0.0, high=60.0, relaxed=if_higher_or_off
    )
    heartbeat_timeout_s: float = parameter(
        1.0,
        "Silence of `operator_heartbeat` that is a fault [s, steady]; 0: no heartbeat asked.",
        low=0.0,
        high=60.0,
        relaxed=if_higher_or_off,
    )
    policy_latency_max_s: float = parameter(
        5.0, "Longest thinking of the policy [s].", low=0.01, high=600.0, relaxed=if_higher
    )
    max_failures: int = parameter(
        3, "Keyframes that fail in a row before it is a fault.", low=1, high=100, relaxed=if_higher
    )
    armed_timeout_s: float = parameter(
        300.0, "Armed without a keyframe for so long: disarmed [s].", low=1.0, relaxed=if_higher
    )
    publish_rate_hz: float = parameter(20.0, "Rate of `safety_state` and of the watchdog.", low=5.0, high=200.0)


class SafetyNode(runtime.SpinningNode):
    """Watches inputs, operator and executor, and says on ``safety_state`` whether the arm may move."""

    ONE_PER_NAMESPACE = True

    def __init__(self) -> None:
        super().__init__("safety_node")
        p = self._p = NodeParameters(self, SafetyParameters).values
        ages = {
            topics.JOINT_STATES: p.joint_states_max_age_s,
            topics.CLOUD: p.cloud_max_age_s,
            topics.HEARTBEAT: p.heartbeat_timeout_s,
        }
        limits = SafetyLimits(
            max_age_s={name: age for name, age in ages.items() if age > 0.0},
            max_policy_latency_s=p.policy_latency_max_s,
            max_failures=p.max_failures,
            armed_timeout_s=p.armed_timeout_s,
            nodes=p.nodes,
            node_silence_s=p.node_silence_s,
        )
        robot = self._robot = find_robot(p.robot)
        self._arm = ArmState(robot.joints, robot.gripper.joints, p.joint_states_max_age_s, speeds=robot.joint_speeds)
        self._state_topic = self.create_publisher(DiagnosticStatus, topics.SAFETY_STATE, qos.SAFETY_STATE)
        arm_topic = p.arm_topic or f"{robot.controller}/joint_trajectory"
        self._commands = ArmCommands(self, arm_topic, robot, self._arm)
        self.create_subscription(JointTrajectory, arm_topic, self._on_command, qos.RELIABLE)
        self._event = self.create_publisher(String, topics.EXECUTION_EVENT, qos.RELIABLE)
        self._executor_stop = self.create_client(Trigger, topics.STOP)
        cancel = f"{robot.controller}/follow_joint_trajectory/_action/cancel_goal"
        self._controller_cancel = self.create_client(CancelGoal, cancel)
        self._machine = SafetyMachine(limits, time.monotonic, self._stop_arm)
        self._logged = ""
        self._ticked_s, self._wakes_s = time.monotonic(), 0.0
        self._watch_inputs()
        self._watch_nodes()
        watch_driver(self, robot.driver, self._machine.robot_problem)
        self._offer_services()
        self.create_timer(1.0 / p.publish_rate_hz, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.DiagnosticsPublisher(self, self._describe, hardware_id=robot.name)
        self._publish()

    def _watch_inputs(self) -> None:
        joints = self.create_subscription(
            JointState, topics.JOINT_STATES, self._on_joints, qos.images("best_effort", 1)
        )
        self._sources = JointStateSources(self, joints, self._arm, self._p.joint_states_max_age_s)
        # Raw: the age of a cloud is watched, its contents are not worth the time.
        self.create_subscription(
            PointCloud2, topics.CLOUD, lambda _: self._machine.seen(topics.CLOUD), qos.RELIABLE, raw=True
        )
        self.create_subscription(
            Empty, topics.HEARTBEAT, lambda _: self._machine.seen(topics.HEARTBEAT), qos.images("best_effort", 1)
        )
        self.create_subscription(
            Float32,
            topics.POLICY_LATENCY,
            lambda message: self._machine.policy_latency(1e-3 * message.data),
            qos.RELIABLE,
        )
        self.create_subscription(GoalStatus, topics.EXECUTION_STATUS, self._on_execution, qos.EXECUTION_STATUS)

    def _watch_nodes(self) -> None:
        def changed(name: str, event: Any) -> None:
            self._machine.node_present(name, event.alive_count > 0)
            self._publish()

        for name in self._p.nodes:
            events = qos.subscription_events(liveliness=partial(changed, name))
            profile = qos.watched(self._p.node_lease_s)
            self.create_subscription(
                Empty, topics.alive(name), partial(self._on_alive, name), profile, event_callbacks=events
            )

    def _on_alive(self, name: str, _message: Empty) -> None:
        """Makes up for an event that DDS did not give: of a node that came, or by its silence of one that went."""
        self._machine.node_present(name, True)

    def _offer_services(self) -> None:
        operations: dict[str, Callable[[], tuple[bool, str]]] = {
            topics.ARM: self._arm_with_notes,
            topics.DISARM: self._machine.disarm,
            topics.RESET_FAULT: self._machine.reset_fault,
            topics.SAFETY_STOP: lambda: self._machine.pause("stopped by the operator"),
        }
        for name, operation in operations.items():
            self.create_service(Trigger, name, self._service(operation))

    def _service(
        self, operation: Callable[[], tuple[bool, str]]
    ) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
        def answer(_request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            response.success, response.message = operation()
            self._publish()
            return response

        return answer

    def _arm_with_notes(self) -> tuple[bool, str]:
        """What weakens the watch does not keep anybody from arming, but is said there."""
        armed, text = self._machine.arm()
        return armed, "; ".join([text, *self._notes()])

    def _notes(self) -> list[str]:
        return [*filter(None, [self._arm.repeats()]), *self._sources.troubles()]

    def on_shutdown(self) -> None:
        """Nobody will watch from here on."""
        if self._machine.state.allows_motion:
            self._machine.fault("the safety node is shutting down")
        self._publish()

    def lingers(self) -> bool:
        """Told to hold, the arm is watched until it rests."""
        return self._commands.stopping

    def _on_joints(self, message: JointState) -> None:
        try:
            news = self._arm.update(joint_state_from_message(message))
        except DynaRendError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            return
        if news:  # a driver that repeats its last state sees the arm no more
            self._machine.seen(topics.JOINT_STATES)
        elif self._arm.repeats():
            self.get_logger().error(f"{topics.JOINT_STATES}: {self._arm.repeats()}", throttle_duration_sec=2.0)

    def _on_command(self, message: JointTrajectory) -> None:
        if len(message.points) < 2:
            self._commands.heard(message)
            self._arm.halts()
            return
        if not self._machine.state.allows_motion:
            return  # a stranger's: whether the arm follows it is seen, not known
        self._commands.heard(message)
        with contextlib.suppress(DynaRendError):  # the controller refuses it, too
            path = trajectory_from_message(message, self._robot.joints)
            if path is not None:
                self._arm.follows(path, stamp_to_ns(message.header.stamp))

    def _on_execution(self, message: GoalStatus) -> None:
        stamp_ns = stamp_to_ns(message.goal_info.stamp)
        if message.status == GoalStatus.STATUS_EXECUTING:
            self._machine.keyframe_began(stamp_ns)
        elif message.status in _ENDS:
            self._machine.keyframe_ended(stamp_ns, _ENDS[message.status])
        self._publish()

    def _stop_arm(self, reason: str) -> None:
        """The one stop path: executor, MoveIt, controller. Each is told, since any of them may be gone."""
        self._publish()  # the executor also stops when it reads this
        cancel_then_hold(self._controller_cancel, self._commands.hold)
        self._arm.halts()
        if self._executor_stop.service_is_ready():
            self._executor_stop.call_async(Trigger.Request())
        self._event.publish(String(data="stop"))
        self.get_logger().warning(f"stop: {reason}")

    def _tick(self) -> None:
        now_s = time.monotonic()
        if now_s - self._ticked_s > FROZEN_S:  # what was said meanwhile is heard first, or old knowledge moves the arm
            self._wakes_s = now_s + WAKES_S
        self._ticked_s = now_s
        if now_s < self._wakes_s:
            return
        self._machine.tick()
        if not self._machine.state.allows_motion and self._commands.insist():
            self.get_logger().error("told to hold, the arm moves on: told again")
        self._publish()

    def _publish(self) -> None:
        machine = self._machine
        text = f"{machine.state.value}: {machine.reason}"
        if text != self._logged:
            self._logged = text
            self.get_logger().info(text)
        self._state_topic.publish(
            DiagnosticStatus(
                level=_LEVELS.get(machine.state, diagnostics.OK),
                name=topics.SAFETY_STATE,
                message=machine.state.value,
                values=[KeyValue(key="reason", value=machine.reason)],
            )
        )

    def _describe(self) -> diagnostics.NodeStatus:
        machine = self._machine
        values: dict[str, object] = {f"{name}_age_s": round(age, 3) for name, age in machine.ages_s().items()}
        values |= {"state": machine.state.value, "failures": machine.failures}
        notes = self._notes()
        text = "; ".join([f"{machine.state.value}: {machine.reason}", *notes])
        level = diagnostics.WARN if notes else diagnostics.OK
        return diagnostics.NodeStatus(text, _LEVELS.get(machine.state, level), values)


def main() -> int:
    """Console script."""
    return runtime.run(SafetyNode)


if __name__ == "__main__":
    raise SystemExit(main())
