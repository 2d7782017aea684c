"""Poses on an orbit about the workspace: where extra target views are taken from (docs/pretraining.md)."""

from __future__ import annotations

import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE

Array = np.ndarray

ORBIT_MAX_RAD = np.deg2rad(30.0)
"""Largest turn of a target view about the workspace's centre (the paper's orbits, 30 degrees)."""

LOWEST_Z_M = 0.10
"""Target cameras stay this far above the table, which is the plane z = 0 of the base frame [m]."""

_TRIES = 200


def workspace_centre() -> Array:
    """``(3,)`` what orbits go round, base frame [m]."""
    return SCENE_AABB_BASE.mean(axis=0)


def turned(T_base_camera: Array, axis: Array, angle: float) -> Array:
    """The camera turned about the workspace's centre: same distance from it, same place of it in the image.

    Args:
        T_base_camera: ``(4, 4)``.
        axis: ``(3,)`` unit vector, base frame.
        angle: [rad].
    """
    centre = workspace_centre()
    R = rotations.matrix_from_rotation_vector(np.asarray(axis) * angle)
    return se3.make(R, centre - R @ centre) @ T_base_camera


def random_orbit(T_base_camera: Array, rng: np.random.Generator, max_angle: float = ORBIT_MAX_RAD) -> Array:
    """Turn a camera by up to ``max_angle`` [rad] in a random direction; never below :data:`LOWEST_Z_M`.

    Raises:
        InvalidInputError: the camera is in the workspace's centre, or so low that no turn lifts it.
    """
    outward = T_base_camera[:3, 3] - workspace_centre()
    distance = np.linalg.norm(outward)
    if distance < 1e-6:
        raise InvalidInputError("a camera in the centre of the workspace has no orbit about it")
    for _ in range(_TRIES):
        axis = np.cross(outward / distance, rng.normal(size=3))  # across the line of sight: the whole angle is a move
        T = turned(T_base_camera, axis / np.linalg.norm(axis), rng.uniform(0.0, max_angle))
        if T[2, 3] >= LOWEST_Z_M:
            return T
    raise InvalidInputError(
        f"no turn of up to {np.rad2deg(max_angle):.0f} degrees brings the camera at {T_base_camera[:3, 3].round(2)} m "
        f"more than {LOWEST_Z_M} m above the table; choose another base camera"
    )
