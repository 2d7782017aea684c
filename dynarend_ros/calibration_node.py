"""Records a calibration session: a view for each call of `capture`, advice in words, and the solution on `solve`.

`snapshot` records a view without a board: what `dynarend calibrate --check` compares.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from dynarend_core.errors import DynaRendError, InvalidInputError, ObservationError
from dynarend_core.geometry import se3
from dynarend_core.perception.calibration.boards import Board, BoardConfig, BoardKind
from dynarend_core.perception.calibration.calibrator import calibrate
from dynarend_core.perception.calibration.guide import suggest
from dynarend_core.perception.calibration.report import camera_file
from dynarend_core.perception.calibration.session import SessionInfo, SessionWriter
from dynarend_core.perception.calibration.sighting import CalibrationView, Rejection, Sighting, sight
from dynarend_core.perception.camera_file import CameraFile, SetUp, check_same_camera
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import T_HAND_TIP
from dynarend_ros import qos, runtime, topics
from dynarend_ros.calibration_parameters import CalibrationParameters
from dynarend_ros.conversions import (
    depth_from_message,
    intrinsics_from_message,
    joint_state_from_message,
    rgb_from_message,
    stamp_to_ns,
    transform_to_message,
)
from dynarend_ros.parameters import NodeParameters

_STILL_RAD = 0.002
_STILL_S = 0.5


class CalibrationNode(runtime.SpinningNode):
    """Keeps the newest images and joints; works when asked. Nothing here moves the arm."""

    def __init__(self) -> None:
        super().__init__("calibration_node")
        p = self._p = NodeParameters(self, CalibrationParameters).values
        self._board = Board(BoardConfig(BoardKind(p.board), p.columns, p.rows, p.square_m, p.marker_m))
        self._set_up, self._kinematics = SetUp(p.set_up), ArmKinematics()
        self._sightings: list[Sighting] = []
        self._rejections: list[Rejection] = []
        self._views: list[CalibrationView] = []
        self._newest: dict[str, tuple[float, Any]] = {}
        self._joints: list[tuple[float, np.ndarray]] = []
        self._writer: SessionWriter | None = None
        link = se3.from_pose(np.array(p.link_from_optical[:3]), np.array(p.link_from_optical[3:]))
        self._session = SessionInfo(
            self._set_up, p.camera, self._board.config, p.base_frame, p.gripper_frame, "", p.link_frame, link
        )
        images = qos.images(p.image_reliability)
        for kind, topic in ((Image, topics.colour), (Image, topics.depth), (CameraInfo, topics.camera_info)):
            name = topic(p.camera)
            self.create_subscription(kind, name, partial(self.take, name), images)
        self.create_subscription(JointState, topics.JOINT_STATES, self.take_joints, images)
        self._advice = self.create_publisher(String, topics.CALIBRATION_ADVICE, qos.LATCHED)
        self._transform = self.create_publisher(TransformStamped, topics.calibrated_transform(p.camera), qos.LATCHED)
        for name, work in (
            (topics.CAPTURE, self.capture),
            (topics.SNAPSHOT, self.snapshot),
            (topics.SOLVE, self.solve),
        ):
            self.create_service(Trigger, name, partial(self._answer, work))
        self._say(suggest([], self._set_up).words)

    def _answer(
        self, work: Callable[[], tuple[bool, str]], _request: Trigger.Request, answer: Trigger.Response
    ) -> Trigger.Response:
        try:
            answer.success, answer.message = work()
        except Exception as error:  # one answer that fails must not end the node, and the session with it
            if not isinstance(error, DynaRendError | OSError):
                self.get_logger().error(traceback.format_exc())
            answer.success, answer.message = False, f"{type(error).__name__}: {error}"
        self.get_logger().info(answer.message)
        return answer

    def _say(self, words: str) -> None:
        self._advice.publish(String(data=words))

    def take(self, topic: str, message: object) -> None:
        """Keep the newest message of the camera."""
        self._newest[topic] = time.monotonic(), message

    def take_joints(self, message: JointState) -> None:
        """Keep half a second of joint positions; a message that lacks one, or is not finite, says nothing."""
        try:
            q = joint_state_from_message(message).select(self._p.arm_joints)
        except InvalidInputError:
            return
        now_s = time.monotonic()
        self._joints.append((now_s, q))
        self._joints = [entry for entry in self._joints if entry[0] > now_s - _STILL_S]

    def _resting_joints(self) -> np.ndarray:
        """Joint positions, if the arm has rested for half a second."""
        recent = [q for arrival_s, q in self._joints if arrival_s > time.monotonic() - _STILL_S]
        if len(recent) < 2:
            raise ObservationError(f"no joint_states with {', '.join(self._p.arm_joints)} in the last {_STILL_S} s")
        moved = float(np.ptp(np.stack(recent), axis=0).max())
        if moved > _STILL_RAD:
            raise ObservationError(f"the arm still moves ({moved:.3f} rad in {_STILL_S} s): wait, then capture again")
        return recent[-1]

    def _camera_message(self, topic: str) -> Any:
        """Newest message of one of the camera's topics, if it came just now: after the arm had come to rest."""
        arrival_s, message = self._newest.get(topic, (-np.inf, None))
        if time.monotonic() - arrival_s > _STILL_S:
            raise ObservationError(f"nothing on {topic} in the last {_STILL_S} s: does the camera's driver run?")
        return message

    def _view(self) -> CalibrationView:
        p, q = self._p, self._resting_joints()
        colour = self._camera_message(topics.colour(p.camera))
        K = intrinsics_from_message(self._camera_message(topics.camera_info(p.camera)))
        has_depth = topics.depth(p.camera) in self._newest
        depth_m = depth_from_message(self._camera_message(topics.depth(p.camera))) if has_depth else None
        T = self._kinematics.forward(q) @ se3.inverse(T_HAND_TIP)
        self._session = replace(self._session, optical_frame=colour.header.frame_id)
        return CalibrationView(rgb_from_message(colour), depth_m, K, T, q, stamp_to_ns(colour.header.stamp))

    def capture(self) -> tuple[bool, str]:
        """Record one view, or say why it is of no use; then the advice for the next."""
        view = self._view()
        seen = sight(view, self._board, len(self._views), self._sightings)
        if isinstance(seen, Rejection):
            self._rejections.append(seen)
            self._say(seen.reason)
            return False, f"refused: {seen.reason}"
        self._record(view)
        self._sightings.append(seen)
        advice = suggest(self._sightings, self._set_up).words
        self._say(advice)
        return True, f"view {seen.index}: {len(seen.detection.ids)} corners; next: {advice}"

    def snapshot(self) -> tuple[bool, str]:
        """Record one view for ``dynarend calibrate --check``, whether or not it shows the board.

        Raises:
            ObservationError: joints or images are missing, the arm moves, or there is no depth.
        """
        view = self._view()
        if view.depth_m is None:
            raise ObservationError(f"nothing on {topics.depth(self._p.camera)} yet: the check needs depth")
        self._record(view)
        return True, f"view {len(self._views) - 1} of {self._p.session}, not looked at: for dynarend calibrate --check"

    def _record(self, view: CalibrationView) -> None:
        if self._writer is None:
            self._writer = SessionWriter(Path(self._p.session), self._session)
        self._writer.add(view)
        self._views.append(view)

    def solve(self) -> tuple[bool, str]:
        """Solve; write the camera file and publish the transform, or say why not."""
        report = calibrate(self._sightings, self._rejections, self._set_up)
        if not report.ok:
            self._say("; ".join(report.problems))
            return False, "refused: " + "; ".join(report.problems)
        camera, path = camera_file(report, self._session, self._views[-1]), Path(self._p.camera_file)
        check_same_camera(path, camera.camera)
        camera.save(path)
        self._publish(camera)
        return True, (
            f"{self._p.camera_file}: known to {report.uncertainty_mm:.1f} mm and {report.uncertainty_deg:.2f} deg, "
            f"left-out views missed by {report.left_out_mm:.1f} mm; {'; '.join(report.warnings) or 'no warnings'}"
        )

    def _publish(self, camera: CameraFile) -> None:
        """Parent -> the driver's root frame, never its optical frame: that one has a parent already."""
        now_ns = self.get_clock().now().nanoseconds
        self._transform.publish(
            transform_to_message(camera.T_parent_link, camera.parent_frame, camera.link_frame, now_ns)
        )


def main() -> int:
    """Console script."""
    return runtime.run(CalibrationNode)


if __name__ == "__main__":
    raise SystemExit(main())
