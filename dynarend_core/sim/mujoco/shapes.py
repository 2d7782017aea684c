"""Parts of task objects: hollow shapes of convex pieces, and feet to stand on.

A box on a table has four contacts, a ring of eight boxes has 32, and physics slows down as much. An object that stands
on three feet has three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from dynarend_core.geometry import rotations

FOOT_RADIUS = 0.003
"""Radius of a foot [m]."""

STIFF: dict[str, Any] = {"solref": [0.004, 1.0], "priority": 1, "friction": [1.0, 0.02, 0.001], "condim": 4}
"""Contact of a light body that the fingers squeeze: MuJoCo's default lets them sink a centimetre into 50 g."""


def add_ring(
    body: mujoco.MjsBody,
    z: float,
    height: float,
    inner_radius: float,
    wall: float,
    *,
    rgba: Sequence[float],
    mass: float,
    sides: int = 8,
    flare: float = 0.0,
    friction: Sequence[float] = (1.0, 0.005, 0.0001),
) -> None:
    """Add a regular polygonal ring about the body's z axis; one side faces +x.

    Args:
        body: Body that gets ``sides`` boxes.
        z: Height of the ring's middle in the body frame [m].
        height: Its height [m].
        inner_radius: From the axis to the middle of a side's inner face, at the ring's middle height [m].
        wall: Thickness [m].
        rgba: Colour.
        mass: Of the whole ring [kg].
        sides: Number of boxes.
        flare: How far the sides lean outwards [rad].
        friction: MuJoCo's sliding, torsional and rolling friction.
    """
    widest = inner_radius + wall + 0.5 * height * np.tan(flare)
    half = [wall / 2, widest * np.tan(np.pi / sides), height / 2 / np.cos(flare)]
    for i in range(sides):
        turn = rotations.rotation_z(2 * np.pi * i / sides)
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, size=half, rgba=list(rgba), mass=mass / sides, friction=list(friction),
            pos=turn @ [inner_radius + wall / 2, 0, 0] + [0, 0, z],
            quat=rotations.quat_wxyz_from_matrix(turn @ rotations.rotation_y(flare)),
        )  # fmt: skip


def add_feet(body: mujoco.MjsBody, z: float, radius: float, rgba: Sequence[float]) -> None:
    """Add three small spheres on a circle, so that the body stands on three points.

    Args:
        body: Body that gets the spheres.
        z: Height of their lowest points in the body frame [m]; half a millimetre below everything else.
        radius: Of the circle [m].
        rgba: Colour.
    """
    for angle in (0.0, 2 * np.pi / 3, 4 * np.pi / 3):
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[FOOT_RADIUS, 0, 0], rgba=list(rgba), mass=0.002,
            pos=[radius * np.cos(angle), radius * np.sin(angle), z + FOOT_RADIUS],
        )  # fmt: skip
