"""Parts of task objects: hollow shapes of convex pieces, and feet to stand on.

A box on a table has four contacts, a ring of eight boxes has 32, and physics slows down as much. An object that stands
on three feet has three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from dynarend_core.geometry import rotations
from dynarend_core.types import Array

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
    **contact: Any,
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
        contact: Options of the geoms, such as friction or ``STIFF``.
    """
    widest = inner_radius + wall + 0.5 * height * np.tan(flare)
    half = [wall / 2, widest * np.tan(np.pi / sides), height / 2 / np.cos(flare)]
    for i in range(sides):
        turn = rotations.rotation_z(2 * np.pi * i / sides)
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, size=half, rgba=list(rgba), mass=mass / sides, **contact,
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


def add_prism(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    outline: ArrayLike,
    bottom: float,
    top: float,
    rgba: Sequence[float],
    geom_name: str = "",
    **options: Any,
) -> None:
    """Add an upright prism.

    Args:
        spec: The scene, which gets the prism's mesh.
        body: Body that gets the geom.
        name: Of the mesh; unique in the scene.
        outline: ``(n, 2)`` corners of a convex polygon [m].
        bottom: Lower end in the body frame [m].
        top: Upper end [m].
        rgba: Colour.
        geom_name: Of the geom, if it needs one; unique in the scene.
        options: As ``MjsBody.add_geom``.
    """
    corners = np.asarray(outline, dtype=np.float64)
    vertices = [[*corner, z] for z in (bottom, top) for corner in corners]
    spec.add_mesh(name=name, uservert=np.ravel(vertices))
    geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, rgba=list(rgba), **options)
    if geom_name:
        geom.name = geom_name


def regular_polygon(sides: int, radius: float, start: float = 0.0) -> Array:
    """``(sides, 2)`` corners at distance ``radius`` [m], the first at angle ``start`` [rad]."""
    angles = start + 2 * np.pi * np.arange(sides) / sides
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def around_hole(hole: ArrayLike, half: float) -> list[Array]:
    """Convex polygons that fill a square round a convex hole that contains its centre.

    Args:
        hole: ``(n, 2)`` corners, counterclockwise [m].
        half: Half edge of the square [m].
    """
    corners = np.asarray(hole, dtype=np.float64)
    rim = corners * (half / np.abs(corners).max(axis=1))[:, None]
    pieces = []
    for i in range(len(corners)):
        k = (i + 1) % len(corners)
        piece = [corners[i], corners[k], rim[k]]
        start, end = (np.arctan2(p[1], p[0]) % (2 * np.pi) for p in (rim[i], rim[k]))
        for angle in np.arange(7, 0, -2) * np.pi / 4:
            if 0 < (angle - start) % (2 * np.pi) < (end - start) % (2 * np.pi):
                piece.append(np.sqrt(2) * half * np.array([np.cos(angle), np.sin(angle)]))
        pieces.append(np.array([*piece, rim[i]]))
    return pieces
