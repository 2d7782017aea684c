"""The MuJoCo world as a robot: cameras, joint states and clock out, joint trajectories in."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import numpy as np
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import Image, JointState, TimeReference
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from dynarend_core.errors import DynaRendError, InvalidInputError, SimulationError
from dynarend_core.planning.panda import FINGER_MAX, JOINT_NAMES
from dynarend_core.sim.mujoco.world import MujocoWorld
from dynarend_core.types import FailureReason
from dynarend_ros import qos, runtime, topics
from dynarend_ros.controller_rules import accepted
from dynarend_ros.conversions import joint_state_to_message, rgb_to_message, stamp_from_ns
from dynarend_ros.parameters import NodeParameters, parameter
from dynarend_ros.sim_cameras import SimCameras

CAMERAS = ("front", "left_shoulder", "right_shoulder", "wrist")
REST_SPEED = 0.05
"""Joint speed below which an arm that is given a new motion had come to rest [rad/s]."""

FINGER_JOINTS = ("panda_finger_joint1", "panda_finger_joint2")


@dataclass(frozen=True)
class SimParameters:
    """Parameters of the simulator node. The scene's parameters take effect with the `reset` service."""

    task: str = parameter("open_drawer", "Task of the scene.", dynamic=True)
    variation: int = parameter(0, "Variation of the task.", low=0, dynamic=True)
    seed: int = parameter(0, "Seed of the placement.", low=0, dynamic=True)
    phrasing: int = parameter(-1, "Which wording of the instruction; -1 draws one from the seed.", low=-1, dynamic=True)
    perturbation: str = parameter("none", "How the scene differs from the usual one: docs/tasks.md.", dynamic=True)
    image_size: int = parameter(128, "Width and height of the camera images [px].", low=16, high=1024)
    camera_rate_hz: float = parameter(
        15.0, "Sets of images per second of wall time; 0 switches the cameras off.", low=0.0, high=120.0, dynamic=True
    )
    real_time_factor: float = parameter(
        1.0, "Speed while the arm moves; 0: as fast as possible. At rest always 1.", low=0.0, high=1000.0, dynamic=True
    )
    step_s: float = parameter(0.02, "Simulated time between two joint states [s].", low=0.002, high=0.2)
    overview_cameras: tuple[str, ...] = parameter(
        ("front", "left_shoulder"), "Cameras of the overview, one below the other."
    )
    overview_size: int = parameter(256, "Size of the overview picture [px].", low=32, high=1024)
    overview_rate_hz: float = parameter(2.0, "Overview pictures per second, if subscribed.", low=0.0, high=60.0)
    base_frame: str = parameter("panda_link0", "Frame of the camera poses.")


class SimNode(runtime.SpinningNode):
    """Drives :class:`MujocoWorld` between the callbacks, so physics and rendering stay on one thread."""

    def __init__(self) -> None:
        super().__init__("sim_node")
        self._settings = NodeParameters(self, SimParameters)
        p = self._settings.values
        self._world = MujocoWorld(image_size=p.image_size)
        self._offset_s = 1.0
        self._episode = 0
        self._due_s = self._camera_due_s = self._overview_due_s = self._status_due_s = time.monotonic()
        self._was_moving = False
        self._success = False
        self._broken = False
        self._cameras = SimCameras(self, CAMERAS, p.base_frame)
        self._clock_topic = self.create_publisher(ClockMessage, "/clock", qos.RELIABLE)
        self._joints = self.create_publisher(JointState, topics.JOINT_STATES, qos.RELIABLE)
        self._reference = self.create_publisher(TimeReference, topics.TIME_REFERENCE, qos.RELIABLE)
        self._overview = self.create_publisher(Image, topics.OVERVIEW, qos.RELIABLE)
        self._instruction = self.create_publisher(String, topics.INSTRUCTION, qos.LATCHED)
        self._status = self.create_publisher(String, topics.TASK_STATUS, qos.LATCHED)
        self.create_subscription(JointTrajectoryMessage, topics.ARM_TRAJECTORY, self._on_arm, qos.RELIABLE)
        self.create_subscription(JointTrajectoryMessage, topics.GRIPPER_TRAJECTORY, self._on_gripper, qos.RELIABLE)
        self.create_service(Trigger, topics.RESET, self._on_reset)
        self._reset_world()
        self.get_logger().info("ready")

    def on_shutdown(self) -> None:
        """Free the renderers."""
        self._world.close()

    def stamp_ns(self) -> int:
        """Simulated time [ns]; never goes back, also not over a reset."""
        return round((self._offset_s + self._world.time_s) * 1e9)

    def tick(self) -> float:
        """Advance the world if its time has come, publish what is due; returns the time to the next advance [s]."""
        p = self._settings.values
        now_s = time.monotonic()
        if now_s < self._due_s:
            return self._due_s - now_s
        if not self._advance(p.step_s):
            self._due_s = now_s + 0.1
            return 0.1
        moving = self._world.moving
        speed = p.real_time_factor if moving else 1.0
        pace_s = p.step_s / speed if speed > 0 else 0.0
        self._due_s = max(self._due_s + pace_s, now_s - 0.1)  # after a stall do not race to catch up
        came_to_rest, self._was_moving = self._was_moving and not moving, moving
        self._publish_state()
        self._check_success(at_rest=not moving)
        if p.camera_rate_hz > 0 and (now_s >= self._camera_due_s or came_to_rest):
            self._camera_due_s = max(self._camera_due_s + 1.0 / p.camera_rate_hz, now_s)
            self._publish_cameras()
        if p.overview_rate_hz > 0 and (now_s >= self._overview_due_s or came_to_rest):
            self._overview_due_s = now_s + 1.0 / p.overview_rate_hz
            self._publish_overview()
        if now_s >= self._status_due_s:
            self._publish_status()
        return max(self._due_s - time.monotonic(), 0.0)

    def _advance(self, duration_s: float) -> bool:
        """Run physics; False if it diverged, now or before: then all is silent until `reset` builds a new scene."""
        if not self._broken:
            try:
                self._world.advance(duration_s)
            except SimulationError as error:
                self._broken = True
                self.get_logger().error(f"{error}; call reset")
                self._publish_status()
        return not self._broken

    def _reset_world(self) -> None:
        p = self._settings.values
        self._offset_s += self._world.time_s + 1.0 if self._episode else 0.0
        phrasing = None if p.phrasing < 0 else p.phrasing
        self._world.reset(p.task, p.variation, p.seed, phrasing=phrasing, perturbation=p.perturbation)
        self._episode += 1
        self._success = self._broken = False
        self._due_s = time.monotonic()
        self._publish_state()
        self._publish_status()
        self._instruction.publish(String(data=self._world.instruction))
        self.get_logger().info(f"{p.task} variation {p.variation} seed {p.seed}: {self._world.instruction!r}")

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Rebuild the scene; the response carries the instruction, or why the scene could not be built."""
        try:
            self._reset_world()
            response.success, response.message = True, self._world.instruction
        except DynaRendError as error:
            response.success, response.message = False, f"{type(error).__name__}: {error}"
            self.get_logger().error(response.message)
        return response

    def _on_arm(self, message: JointTrajectoryMessage) -> None:
        """As strict as a joint_trajectory_controller: what it refuses changes nothing."""
        try:
            trajectory, start_ns = accepted(message, JOINT_NAMES, self.stamp_ns())
        except DynaRendError as error:
            self.get_logger().error(f"trajectory refused, the arm does as before: {error}")
            return
        # The next motion may come while the world still waits for the last one to settle.
        self._check_success(at_rest=float(np.abs(self._world.qd).max()) < REST_SPEED)
        self._world.follow(trajectory, 1e-9 * start_ns - self._offset_s)

    def _on_gripper(self, message: JointTrajectoryMessage) -> None:
        try:
            if not message.points or not message.points[-1].positions:
                raise InvalidInputError("no finger position")
            self._world.command_gripper(message.points[-1].positions[0] > 0.5 * FINGER_MAX)
        except DynaRendError as error:
            self.get_logger().error(f"gripper command refused: {error}")

    def _publish_state(self) -> None:
        stamp_ns = self.stamp_ns()
        self._clock_topic.publish(ClockMessage(clock=stamp_from_ns(stamp_ns)))
        finger = 0.5 * self._world.gripper().width_m
        q = np.concatenate([self._world.q, [finger, finger]])
        qd = np.concatenate([self._world.qd, [0.0, 0.0]])
        self._joints.publish(joint_state_to_message((*JOINT_NAMES, *FINGER_JOINTS), q, qd, stamp_ns))

    def _publish_cameras(self) -> None:
        stamp_ns, wall_ns = self.stamp_ns(), time.time_ns()
        self._cameras.publish(self._world.views(), stamp_ns)
        # The exposure in wall time: latencies are measured from it, simulated time runs at its own pace.
        reference = TimeReference(time_ref=stamp_from_ns(wall_ns), source="wall")
        reference.header.stamp = stamp_from_ns(stamp_ns)
        self._reference.publish(reference)

    def _publish_overview(self) -> None:
        if self._overview.get_subscription_count():
            p = self._settings.values
            views = self._world.views(p.overview_cameras, size=(p.overview_size, p.overview_size))
            picture = np.vstack([view.rgb for view in views])
            self._overview.publish(rgb_to_message(picture, "", self.stamp_ns()))

    def _check_success(self, at_rest: bool) -> None:
        """As in the in-process environment: success counts once the arm has come to rest."""
        if not self._success and at_rest and self._world.success():
            self._success = True
            self._publish_overview()  # before the news, so that whoever hears it has the picture of this moment
            self._publish_status()

    def _publish_status(self) -> None:
        self._status_due_s = time.monotonic() + 0.2
        p = self._settings.values
        status = {
            "task": p.task,
            "variation": p.variation,
            "seed": p.seed,
            "episode": self._episode,
            "instruction": self._world.instruction,
            "success": self._success,
            "failure": FailureReason.SIMULATOR.value if self._broken else self._world.failure().value,
            "time_s": round(self._world.time_s, 3),
            "frames_published": self._cameras.published,
        }
        self._status.publish(String(data=json.dumps(status)))


def main() -> int:
    """Console script."""
    return runtime.run(SimNode)


if __name__ == "__main__":
    raise SystemExit(main())
