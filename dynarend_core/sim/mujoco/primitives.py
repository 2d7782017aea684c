"""Short words for what tasks are built from: boxes, cylinders, and bodies that lie about freely."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from dynarend_core.geometry import rotations

GRIPPY = {"friction": [1.0, 0.02, 0.002], "condim": 4}
"""Contact of objects that are picked up: they neither slide nor spin in the fingers before they are held."""

UNTOUCHABLE = {"contype": 0, "conaffinity": 0}
"""Seen but not felt: marks on the table, sensors' outlines."""


def add_box(body: mujoco.MjsBody, pos: ArrayLike, half: ArrayLike, rgb: ArrayLike, **options: Any) -> None:
    """A box around ``pos`` in the body's frame with half edges ``half`` [m]; options as ``MjsBody.add_geom``."""
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=np.asarray(pos), size=np.asarray(half),
                  rgba=[*np.asarray(rgb), 1.0], **options)  # fmt: skip


def add_cylinder(
    body: mujoco.MjsBody, pos: ArrayLike, radius: float, half_height: float, rgb: ArrayLike, **options: Any
) -> None:
    """A cylinder along the body's z axis, sizes in [m]; options as ``MjsBody.add_geom``."""
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, pos=np.asarray(pos), size=[radius, half_height, 0.0],
                  rgba=[*np.asarray(rgb), 1.0], **options)  # fmt: skip


def add_standing_body(
    spec: mujoco.MjSpec, name: str, pos: ArrayLike, yaw: float, movable: bool = True
) -> mujoco.MjsBody:
    """A body turned by ``yaw`` [rad] about z; movable ones have a free joint."""
    quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(yaw))
    body = spec.worldbody.add_body(name=name, pos=np.asarray(pos), quat=quat)
    if movable:
        body.add_freejoint()
    return body
