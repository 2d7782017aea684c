"""Publishes where calibrated cameras are, from their files: the driver's root frame in the hand or base frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from dynarend_core.errors import DynaRendError
from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_vector
from dynarend_core.geometry.transform_tree import TransformError
from dynarend_core.perception.camera_file import CameraFile, SetUp
from dynarend_core.types import Array
from dynarend_ros import qos, topics, transforms
from dynarend_ros.conversions import transform_from_message, transform_to_message

PERIOD_S = 1.0
MOVED_MM, MOVED_DEG = 0.5, 0.05
"""A driver whose own frames differ by more from those in the camera file is named, and believed."""

_SAME = 1e-6


class CalibratedFrames:
    """Publishes every camera file once, and again when the file or the driver's own frames change.

    With TF, ``/tf_static`` gets parent -> link, where link is the root of the driver's own frames. The driver's frames
    lead on to the optical frame, so nothing has two parents. A link that somebody else has already given a parent is
    left alone, and named in ``problems``; so is one that two files place. Without TF, fixed cameras are published on
    ``<camera>/transform``.

    Args:
        node: The node it belongs to.
        places: Camera files, and folders whose ``*.yaml`` are camera files; a folder may still be empty.
        tf: The node's listener; None: cameras are published on their topics.
    """

    def __init__(self, node: Node, places: Sequence[str], tf: transforms.Transforms | None) -> None:
        self.problems: dict[str, str] = {}
        self._node, self._tf = node, tf
        self._places = [Path(place) for place in places if place]
        self._cameras: dict[Path, tuple[int, CameraFile]] = {}
        self._sent: dict[str, Array] = {}
        self._foreign: dict[str, tuple[str, Array]] = {}
        self._drivers: dict[str, Array] = {}
        self._topics: dict[str, Any] = {}
        if not self._places:
            return
        if tf is not None:
            self._broadcaster = transforms.TransformBroadcaster(node)
            kind = transforms.tf_message_type()
            node.create_subscription(kind, "/tf_static", lambda m: self.on_static(m.transforms), transforms.STATIC_QOS)
        # the first look is a period away: who else gives a camera its place is to be heard before
        node.create_timer(PERIOD_S, self.update, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def update(self) -> None:
        """Read files that are new or have changed, and publish what has changed."""
        self._read()
        now_ns = self._node.get_clock().now().nanoseconds
        changed, contested = [], self._contested()
        for _, camera in self._cameras.values():
            goal = self._goal(camera)
            if goal in contested:
                continue
            T = self._place(camera)
            before = self._sent.get(goal)
            if T is None or (before is not None and np.array_equal(T, before)):
                continue
            self._sent[goal] = T
            child = camera.link_frame if self._tf is not None else camera.optical_frame
            message = transform_to_message(T, camera.parent_frame, child, now_ns)
            self._node.get_logger().info(f"{camera.camera}: {camera.parent_frame} -> {child} from its camera file")
            if self._tf is not None:
                changed.append(message)
            else:
                self._publisher(camera.camera).publish(message)
        if changed:
            self._broadcaster.send_static(changed)

    def on_static(self, messages: Sequence[TransformStamped]) -> None:
        """Notice what others say of the frames that are, or may come to be, ours."""
        for message in messages:
            link = message.child_frame_id
            try:
                T = transform_from_message(message)
            except DynaRendError:
                continue
            if link in self._sent and np.allclose(T, self._sent[link], atol=_SAME):
                self._foreign.pop(link, None)
            else:
                self._foreign[link] = message.header.frame_id, T

    def _goal(self, camera: CameraFile) -> str:
        """What a camera file says the place of, as no other may: the driver's root frame, or without TF a topic's."""
        return camera.link_frame if self._tf is not None else topics.camera_transform(camera.camera)

    def _contested(self) -> set[str]:
        """Goals of several files: which of them is right, nobody here can know."""
        files: dict[str, list[Path]] = {}
        for path, (_, camera) in self._cameras.items():
            files.setdefault(self._goal(camera), []).append(path)
        for goal, paths in files.items():
            if len(paths) == 1:
                self.problems.pop(goal, None)
                continue
            named = " and ".join(f"{path} (camera {self._cameras[path][1].camera!r})" for path in paths)
            self._name(goal, f"{named} both say where it is: neither is published; take one out, or calibrate anew")
        return {goal for goal, paths in files.items() if len(paths) > 1}

    def _read(self) -> None:
        files = self._files()
        for path in set(self._cameras) - set(files):
            del self._cameras[path]
        for path in files:
            try:
                changed_ns = path.stat().st_mtime_ns
                if path in self._cameras and self._cameras[path][0] == changed_ns:
                    continue
                self._cameras[path] = (changed_ns, CameraFile.load(path))
                self.problems.pop(str(path), None)
            except (DynaRendError, OSError) as error:
                self._name(str(path), str(error))

    def _files(self) -> list[Path]:
        found = [sorted(place.glob("*.yaml")) if place.is_dir() else [place] for place in self._places]
        return list(dict.fromkeys(path.resolve() for paths in found for path in paths if path.suffix))

    def _place(self, camera: CameraFile) -> Array | None:
        """What is to be published of a camera now; None: nothing."""
        if self._tf is None:
            if camera.set_up is SetUp.EYE_IN_HAND:
                self._name(camera.camera, "a camera on the hand needs TF: set extrinsics to tf")
                return None
            return camera.T_parent_optical
        T = camera.T_parent_optical @ se3.inverse(self._driver_frames(camera, self._tf))
        parent, other = self._foreign.get(camera.link_frame, (camera.parent_frame, T))
        if parent != camera.parent_frame or not np.allclose(other, T, atol=_SAME):
            self._name(
                camera.camera,
                f"somebody else places {camera.link_frame} in {parent!r}: end that publisher, or take the camera's "
                "file out of camera_files, then start this node again",
            )
            return None
        self.problems.pop(camera.camera, None)
        return T

    def _driver_frames(self, camera: CameraFile, tf: transforms.Transforms) -> Array:
        """The driver's optical frame in its link: as it publishes it, or until then as the camera file has it."""
        try:
            T = tf.lookup(camera.link_frame, camera.optical_frame)
        except TransformError:
            return camera.T_link_optical
        D = se3.inverse(camera.T_link_optical) @ T
        mm, deg = 1e3 * np.linalg.norm(D[:3, 3]), np.degrees(np.linalg.norm(rotation_vector(D[:3, :3])))
        if mm <= MOVED_MM and deg <= MOVED_DEG:
            return camera.T_link_optical
        before = self._drivers.get(camera.link_frame)
        if before is None or not np.array_equal(before, T):
            self._drivers[camera.link_frame] = T
            self._node.get_logger().warning(
                f"{camera.camera}: the driver's {camera.link_frame} -> {camera.optical_frame} is {mm:.1f} mm and "
                f"{deg:.2f} deg from link_from_optical in the camera file; the driver's is used"
            )
        return T

    def _name(self, key: str, problem: str) -> None:
        if self.problems.get(key) != problem:
            self._node.get_logger().warning(f"{key}: {problem}")
        self.problems[key] = problem

    def _publisher(self, camera: str) -> Any:
        if camera not in self._topics:
            self._topics[camera] = self._node.create_publisher(
                TransformStamped, topics.camera_transform(camera), qos.POSES
            )
        return self._topics[camera]
