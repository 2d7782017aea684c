"""Perturbations of what every task stands in: lights, table, cameras."""

from __future__ import annotations

import mujoco
import numpy as np

from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.cameras import FIXED_CAMERAS
from dynarend_core.sim.mujoco.perturbations import textures
from dynarend_core.sim.mujoco.task import Task

LIGHT_RGB = (0.0, 0.5)
"""Range of each channel of the lamps' light, diffuse and specular."""

TABLE_RGB = (0.25, 1.0)
"""Range of each channel of the table's colour."""

TEXTURES_PER_M = 2.0
"""How often a texture repeats on table, floor and wall [1/m]."""

CAMERA_SHIFT_M, CAMERA_TURN_RAD = 0.1, 0.05
"""How far a camera moves and turns at most, along and about each axis of the world."""


def light_color(spec: mujoco.MjSpec, _task: Task, rng: np.random.Generator) -> None:
    """One colour for all lamps; the ambient light stays."""
    rgb = rng.uniform(*LIGHT_RGB, size=3)
    for light in spec.lights:
        light.diffuse = light.specular = rgb


def table_color(spec: mujoco.MjSpec, _task: Task, rng: np.random.Generator) -> None:
    """Another colour of the table and its legs."""
    rgb = rng.uniform(*TABLE_RGB, size=3)
    for geom in table_geoms(spec):
        geom.rgba = [*rgb, 1.0]


def table_geoms(spec: mujoco.MjSpec) -> list[mujoco.MjsGeom]:
    """The table's top and legs."""
    return [geom for geom in spec.worldbody.geoms if geom.name.startswith("table")]


def table_texture(spec: mujoco.MjSpec, _task: Task, rng: np.random.Generator) -> None:
    """A pattern on the table and its legs in place of their colour."""
    textures.add_material(spec, "table_texture", rng, TEXTURES_PER_M)
    textures.cover(table_geoms(spec), "table_texture")


def background_texture(spec: mujoco.MjSpec, _task: Task, rng: np.random.Generator) -> None:
    """One pattern on floor and wall."""
    textures.add_material(spec, "background_texture", rng, TEXTURES_PER_M)
    textures.cover([spec.geom("floor")], "background_texture")
    # A uniform texture is laid out by a box's x and y, and the wall stands along y and z.
    wall = spec.geom("wall")
    material = spec.add_material(name="wall_texture")
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "background_texture"
    material.texrepeat = 2 * TEXTURES_PER_M * wall.size[1:]
    textures.cover([wall], "wall_texture")


def camera_pose(spec: mujoco.MjSpec, _task: Task, rng: np.random.Generator) -> None:
    """The fixed cameras move and turn, each by itself; the one on the hand stays."""
    for name in FIXED_CAMERAS:
        camera = spec.camera(name)
        camera.pos = camera.pos + rng.uniform(-CAMERA_SHIFT_M, CAMERA_SHIFT_M, size=3)
        about_x, about_y, about_z = rng.uniform(-CAMERA_TURN_RAD, CAMERA_TURN_RAD, size=3)
        turn = rotations.rotation_z(about_z) @ rotations.rotation_y(about_y) @ rotations.rotation_x(about_x)
        camera.quat = rotations.quat_wxyz_from_matrix(turn @ rotations.matrix_from_quat_wxyz(camera.quat))
