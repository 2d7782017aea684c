"""The shape of a parallel gripper in its tip frame (z forward between the fingers, fingers open along y)."""

from __future__ import annotations

import itertools

import numpy as np

from dynarend_core.geometry import se3

Array = np.ndarray

_CLOSED_GAP_M = 0.008
_OPEN_GAP_M = 0.08
_LIGHT = np.array([0.35, 0.25, 0.90]) / np.linalg.norm([0.35, 0.25, 0.90])


def boxes(is_open: bool) -> list[Array]:
    """Palm, wrist and two fingers as ``(2, 3)`` corners in the tip frame [m]; sizes of the Panda's hand."""
    gap = _OPEN_GAP_M if is_open else _CLOSED_GAP_M
    finger = np.array([[-0.010, gap / 2, -0.055], [0.010, gap / 2 + 0.014, 0.010]])
    mirrored = finger.copy()
    mirrored[:, 1] = -finger[::-1, 1]
    palm = np.array([[-0.031, -0.100, -0.112], [0.031, 0.100, -0.055]])
    wrist = np.array([[-0.040, -0.040, -0.150], [0.040, 0.040, -0.112]])
    return [finger, mirrored, palm, wrist]


def surface(T_base_gripper: Array, is_open: bool, color: Array, spacing_m: float) -> tuple[Array, Array]:
    """Dense points on the gripper's faces, base frame, and their shaded colours ``(n, 3)``."""
    points, normals = [], []
    for box in boxes(is_open):
        for axis, side in itertools.product(range(3), range(2)):
            face = _face_grid(box, axis, side, spacing_m)
            normal = np.zeros(3)
            normal[axis] = 2 * side - 1
            points.append(face)
            normals.append(np.broadcast_to(normal, face.shape))
    xyz = se3.apply(T_base_gripper, np.concatenate(points))
    facing = np.concatenate(normals) @ T_base_gripper[:3, :3].T @ _LIGHT
    return xyz, np.clip(np.asarray(color) * (0.72 + 0.38 * facing)[:, None], 0, 255)


def edges(T_base_gripper: Array, is_open: bool) -> Array:
    """``(m, 2, 3)`` line segments of all boxes, base frame [m]."""
    segments = []
    for box in boxes(is_open):
        corners = np.array(list(itertools.product(*box.T)))
        pairs = [(a, b) for a in range(8) for b in range(a + 1, 8) if bin(a ^ b).count("1") == 1]
        segments += [se3.apply(T_base_gripper, corners[list(pair)]) for pair in pairs]
    return np.array(segments)


def _face_grid(box: Array, axis: int, side: int, spacing_m: float) -> Array:
    a, b = (i for i in range(3) if i != axis)
    counts = [max(2, int(np.ceil((box[1, i] - box[0, i]) / spacing_m)) + 1) for i in (a, b)]
    grid_a, grid_b = np.meshgrid(
        *(np.linspace(float(box[0, i]), float(box[1, i]), n) for i, n in zip((a, b), counts, strict=True))
    )
    face = np.empty((grid_a.size, 3))
    face[:, a], face[:, b], face[:, axis] = grid_a.ravel(), grid_b.ravel(), box[side, axis]
    return face
