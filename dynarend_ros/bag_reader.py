"""What a bag holds, looked at twice: first stamps and joints, then the images of the few moments that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader, ReaderError

from dynarend_core.errors import DatasetError, DynaRendError
from dynarend_core.geometry.transform_tree import TransformTree
from dynarend_core.planning.robot import Robot
from dynarend_core.types import Array, CameraView
from dynarend_ros import topics
from dynarend_ros.bag_writer import decode, header_stamp_ns
from dynarend_ros.conversions import (
    depth_from_message,
    intrinsics_from_message,
    rgb_from_message,
    stamp_to_ns,
    transform_from_message,
)

LONGEST_NS = 3600 * 1_000_000_000
POSE_TOLERANCE_NS = 50_000_000
"""How far from an image's stamp the pose of a camera that moves may be."""


@dataclass
class BagContent:
    """A bag without its images.

    Attributes:
        stamps_ns: Camera to the stamps at which it has colour, depth and a pose, rising.
        joints_ns: ``(m,)`` stamps of the joint states, rising.
        q: ``(m, n)`` arm joint positions [rad].
        width_m: ``(m,)`` opening of the gripper [m].
        K: Camera to its pinhole matrix.
        poses: Camera to stamps and poses in the base frame, from ``<camera>/transform``.
        moving: Cameras whose poses differ among themselves.
        tree: Transforms of ``/tf`` and ``/tf_static``.
        optical: Camera to the frame its images are in.
        instruction: The last one heard.
        notes: What the recorder wrote beside the messages.
    """

    stamps_ns: dict[str, list[int]]
    joints_ns: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    q: Array = field(default_factory=lambda: np.zeros((0, 7)))
    width_m: Array = field(default_factory=lambda: np.zeros(0))
    K: dict[str, Array] = field(default_factory=dict)
    poses: dict[str, list[tuple[int, Array]]] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)
    tree: TransformTree = field(default_factory=lambda: TransformTree(1e-9 * LONGEST_NS))
    optical: dict[str, str] = field(default_factory=dict)
    instruction: str = ""
    notes: dict[str, str] = field(default_factory=dict)


class BagReader:
    """Reads one bag.

    Args:
        folder: The bag.
        cameras: Cameras to take from it.
        robot: Whose joints and gripper it shows.

    Raises:
        DatasetError: no bag, a damaged one, one without a topic that is needed, or without the pose of a camera.
    """

    def __init__(self, folder: Path, cameras: Sequence[str], robot: Robot) -> None:
        self._folder, self._cameras, self._robot = folder, tuple(cameras), robot
        self._roles: dict[str, tuple[str, str]] = {}
        for camera in cameras:
            for role, name in (
                ("colour", topics.colour),
                ("depth", topics.depth),
                ("info", topics.camera_info),
                ("pose", topics.camera_transform),
            ):
                self._roles["/" + name(camera)] = (role, camera)
        self._roles |= {f"/{topics.JOINT_STATES}": ("joints", ""), f"/{topics.INSTRUCTION}": ("instruction", "")}
        self._roles |= {"/tf": ("tf", ""), "/tf_static": ("tf_static", "")}
        self.content = self._scan()
        self._check(self.content)
        self.content.stamps_ns = {camera: self._posed(camera) for camera in self._cameras}

    def views(self, stamps_ns: dict[str, int]) -> tuple[CameraView, ...]:
        """Calibrated views, one for each camera at its stamp.

        Raises:
            DynaRendError: an image that cannot be used, or a pose that is not known.
        """
        wanted = {("/" + name(c), ns): c for c, ns in stamps_ns.items() for name in (topics.colour, topics.depth)}
        found: dict[tuple[str, int], Any] = {}
        with self._opened() as bag:
            for connection, _, data in bag.messages(self._connections(bag, ("colour", "depth"))):
                key = (connection.topic, header_stamp_ns(bytes(data[:12])))
                if key in wanted:
                    found[key] = decode(data, connection.msgtype)
        return tuple(self._view(camera, ns, found) for camera, ns in stamps_ns.items())

    def _view(self, camera: str, stamp_ns: int, found: dict[tuple[str, int], Any]) -> CameraView:
        colour, depth = (found["/" + name(camera), stamp_ns] for name in (topics.colour, topics.depth))
        T, K = self._pose(camera, stamp_ns), self.content.K[camera]
        return CameraView(camera, rgb_from_message(colour), depth_from_message(depth), K, T, stamp_ns)

    def _pose(self, camera: str, stamp_ns: int) -> Array:
        """``(4, 4)`` camera in the base frame.

        Raises:
            TransformError: /tf does not have it.
            DatasetError: ``<camera>/transform`` does not have it for that time.
        """
        poses = self.content.poses.get(camera)
        if poses:
            pose_ns, T = min(poses, key=lambda pose: abs(pose[0] - stamp_ns))
            if camera in self.content.moving and abs(pose_ns - stamp_ns) > POSE_TOLERANCE_NS:
                raise DatasetError(
                    f"{camera}/transform has no pose within {1e-6 * POSE_TOLERANCE_NS:g} ms of the image"
                )
            return T
        return self.content.tree.lookup(self._robot.base_frame, self.content.optical[camera], stamp_ns)

    def _opened(self) -> Reader:
        try:
            return Reader(self._folder)
        except (ReaderError, OSError) as error:
            raise DatasetError(f"{self._folder} is not a rosbag2 folder: {error}") from error

    def _connections(self, bag: Reader, roles: Sequence[str]) -> list[Connection]:
        return [c for c in bag.connections if self._roles.get(c.topic, ("", ""))[0] in roles]

    def _scan(self) -> BagContent:
        seen: dict[tuple[str, str], set[int]] = {(r, c): set() for r in ("colour", "depth") for c in self._cameras}
        joints: dict[int, tuple[Array, float]] = {}
        content = BagContent({})
        try:
            with self._opened() as bag:
                content.notes = self._notes()
                every = {role for role, _ in self._roles.values()}
                for connection, _, data in bag.messages(self._connections(bag, sorted(every))):
                    role, camera = self._roles[connection.topic]
                    if role in ("colour", "depth"):
                        seen[role, camera].add(header_stamp_ns(bytes(data[:12])))
                        if camera in content.optical:
                            continue
                    self._take(content, role, camera, joints, decode(data, connection.msgtype))
        except ReaderError as error:
            raise DatasetError(f"{self._folder} is damaged: {error}") from error
        content.moving = {
            c for c, poses in content.poses.items() if any(not np.allclose(T, poses[0][1], atol=1e-6) for _, T in poses)
        }
        content.stamps_ns = {c: sorted(seen["colour", c] & seen["depth", c]) for c in self._cameras}
        order = sorted(joints)
        content.joints_ns = np.array(order, dtype=np.int64)
        content.q = np.array([joints[ns][0] for ns in order]).reshape(-1, len(self._robot.joints))
        content.width_m = np.array([joints[ns][1] for ns in order])
        return content

    def _notes(self) -> dict[str, str]:
        """``custom_data`` of the bag's metadata; a bag of ``ros2 bag record`` has none."""
        file = self._folder / "metadata.yaml"
        content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
        notes = content.get("rosbag2_bagfile_information", {}).get("custom_data") or {}
        return {str(key): str(value) for key, value in notes.items()}

    def _take(
        self, content: BagContent, role: str, camera: str, joints: dict[int, tuple[Array, float]], message: Any
    ) -> None:
        if role == "joints":
            self._take_joints(joints, message)
        elif role == "colour":
            content.optical[camera] = message.header.frame_id
        elif role == "info":
            content.K[camera] = intrinsics_from_message(message)
        elif role == "pose":
            entry = (stamp_to_ns(message.header.stamp), transform_from_message(message))
            content.poses.setdefault(camera, []).append(entry)
        elif role == "instruction":
            content.instruction = message.data
        elif role in ("tf", "tf_static"):
            for link in message.transforms:
                T, ns = transform_from_message(link), stamp_to_ns(link.header.stamp)
                content.tree.set(link.header.frame_id, link.child_frame_id, T, ns, role == "tf_static")

    def _take_joints(self, joints: dict[int, tuple[Array, float]], message: Any) -> None:
        """Arm and fingers of one message; fingers that come in messages of their own keep their last opening."""
        positions = dict(zip(message.name, message.position, strict=False))
        gripper, stamp_ns = self._robot.gripper, stamp_to_ns(message.header.stamp)
        if all(name in positions for name in gripper.joints):
            self._width_m = gripper.width(np.array([positions[name] for name in gripper.joints]))
        if all(name in positions for name in self._robot.joints):
            q = np.array([positions[name] for name in self._robot.joints])
            joints[stamp_ns] = (q, getattr(self, "_width_m", np.nan))

    def _check(self, content: BagContent) -> None:
        missing = [c for c in self._cameras if not content.stamps_ns[c]]
        unknown = [c for c in self._cameras if c not in content.K]
        if missing or unknown:
            what = [f"{c}: no colour and depth of equal stamps" for c in missing]
            raise DatasetError(f"{self._folder}: " + "; ".join([*what, *(f"{c}: no camera_info" for c in unknown)]))
        if len(content.joints_ns) < 2 or np.isnan(content.width_m).all():
            raise DatasetError(f"{self._folder} has no joint_states of arm and gripper of robot {self._robot.name!r}")

    def _posed(self, camera: str) -> list[int]:
        """Stamps at which a camera's pose is known, rising: a recording begins before its first transform arrives.

        Raises:
            DatasetError: it is known at none.
        """
        posed, problem = [], ""
        for stamp_ns in self.content.stamps_ns[camera]:
            try:
                self._pose(camera, stamp_ns)
                posed.append(stamp_ns)
            except DynaRendError as error:
                problem = problem or str(error)
        if not posed:
            raise DatasetError(f"{self._folder}: no pose of camera {camera!r} in the base frame: {problem}")
        return posed
