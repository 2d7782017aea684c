"""Short words for what tasks are built from: boxes, cylinders, and bodies that lie about freely."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from dynarend_core.geometry import rotations
from dynarend_core.geometry.frames import TABLE_Z_WORLD

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


def scale_body(spec: mujoco.MjSpec, body: mujoco.MjsBody, scale: float, foot: float = 0.0) -> None:
    """Make a body and all that hangs on it larger; given masses and ranges of joints stay.

    Args:
        spec: The scene, for the body's meshes.
        body: Its geoms and bodies are complete.
        scale: Factor; 1 leaves everything as it is, to the bit.
        foot: Height that stays where it is, body frame [m].
    """
    if scale == 1.0:
        return
    fixed = np.array([0.0, 0.0, foot])
    for geom in body.geoms:
        geom.size = scale * geom.size
        if np.isnan(geom.fromto[0]):
            geom.pos = fixed + scale * (geom.pos - fixed)
        else:
            geom.fromto = np.tile(fixed, 2) + scale * (geom.fromto - np.tile(fixed, 2))
        if geom.type == mujoco.mjtGeom.mjGEOM_MESH:
            mesh = spec.mesh(geom.meshname)
            mesh.scale = scale * mesh.scale
    for child in body.bodies:
        child.pos = fixed + scale * (child.pos - fixed)
        scale_body(spec, child, scale)


def scaled_height(z: float, scale: float) -> float:
    """Where a point at height ``z`` comes when what stands on the table is scaled, world frame [m]."""
    return z + (scale - 1.0) * (z - TABLE_Z_WORLD)


def add_standing_body(
    spec: mujoco.MjSpec, name: str, pos: ArrayLike, yaw: float, movable: bool = True
) -> mujoco.MjsBody:
    """A body turned by ``yaw`` [rad] about z; movable ones have a free joint."""
    quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(yaw))
    body = spec.worldbody.add_body(name=name, pos=np.asarray(pos), quat=quat)
    if movable:
        body.add_freejoint()
    return body
