"""RLBench's four policy cameras: poses, fields of view and depth ranges as its recordings state them."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.planning.panda import T_HAND_TIP

Array = np.ndarray

NEAR_M = 0.01
"""Nearest depth of all cameras [m]."""

_RLBENCH_TO_OPTICAL = np.diag([-1.0, -1.0, 1.0])  # RLBench: x left, y up, z forward
_OPTICAL_TO_MUJOCO = np.diag([1.0, -1.0, -1.0])  # MuJoCo: x right, y up, z backward


@dataclass(frozen=True)
class CameraSpec:
    """One camera of the scene.

    Attributes:
        name: Camera name.
        parent: Body it is mounted on; ``"world"`` for a fixed one.
        T_parent_camera: ``(4, 4)`` optical frame in the parent body's frame.
        fov_y: Vertical field of view [rad].
        far_m: Depths beyond read as invalid [m].
    """

    name: str
    parent: str
    T_parent_camera: Array
    fov_y: float
    far_m: float

    def add_to(self, spec: mujoco.MjSpec) -> None:
        """Mount the camera on its parent body."""
        R = self.T_parent_camera[:3, :3] @ _OPTICAL_TO_MUJOCO
        spec.body(self.parent).add_camera(
            name=self.name,
            pos=self.T_parent_camera[:3, 3],
            quat=rotations.quat_wxyz_from_matrix(R),
            fovy=np.degrees(self.fov_y),
        )


def _camera(name: str, parent: str, position: list[float], R: list[list[float]], fov: float, far: float) -> CameraSpec:
    T = se3.make(_orthonormal(np.array(R)) @ _RLBENCH_TO_OPTICAL, np.array(position))
    return CameraSpec(name, parent, T_HAND_TIP @ T if parent == "hand" else T, float(np.radians(fov)), far)


def _orthonormal(R: Array) -> Array:
    """Nearest rotation: the recorded digits are rounded."""
    U, _, Vt = np.linalg.svd(R)
    return U @ Vt


CAMERAS = (
    _camera(
        "front", "world", [1.35, 0.0, 1.58],
        [[0.0, -0.42262, -0.90631], [-1.0, 0.0, 0.0], [0.0, 0.90631, -0.42262]], 40.0, 4.5,
    ),
    _camera(
        "left_shoulder", "world", [-0.175, 0.2, 1.98],
        [[0.17365, 0.89254, 0.41620], [0.98481, -0.15738, -0.07339], [0.0, 0.42262, -0.90631]], 40.0, 3.2,
    ),
    _camera(
        "right_shoulder", "world", [-0.175, -0.2, 1.98],
        [[-0.17365, 0.89254, 0.41620], [0.98481, 0.15738, 0.07339], [0.0, 0.42262, -0.90631]], 40.0, 3.2,
    ),
    _camera(
        "wrist", "hand", [-0.05, 0.002, -0.0921],
        [[0.0, -0.99619, 0.08716], [1.0, 0.0, 0.0], [0.0, 0.08716, 0.99619]], 60.0, 3.5,
    ),
)  # fmt: skip
"""World-frame cameras of RLBench, and the wrist camera mounted on the hand (given in the tip frame)."""

CAMERA_NAMES = tuple(camera.name for camera in CAMERAS)
