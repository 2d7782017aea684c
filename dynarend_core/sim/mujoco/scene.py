"""What every task's scene has: the Panda, RLBench's table, floor and wall, light, cameras."""

from __future__ import annotations

import mujoco
import numpy as np

from dynarend_core.geometry import rotations
from dynarend_core.geometry.frames import T_WORLD_BASE, TABLE_Z_WORLD
from dynarend_core.planning.panda import FINGER_MAX, T_HAND_TIP, panda_mjcf_path
from dynarend_core.sim.mujoco.cameras import CAMERAS, NEAR_M
from dynarend_core.sim.mujoco.renderer import FAR_M

TIMESTEP_S = 0.002
BOX = mujoco.mjtGeom.mjGEOM_BOX
CYLINDER = mujoco.mjtGeom.mjGEOM_CYLINDER

MECHANISM = {"contype": 2, "conaffinity": 0}
"""Collision bits of moving furniture parts (drawers, buttons): they meet the robot, not what they slide in."""

_ROBOT_COLORS = {"left_finger": 0.12, "right_finger": 0.12, "hand": 0.86, "link5": 0.82, "link7": 0.55}
_AMBIENT, _DIFFUSE = 0.48, 0.49  # vertical faces of RLBench's cabinet are 0.48 as bright as its top


def color(*rgb: int) -> list[float]:
    """Opaque rgba from 8-bit values."""
    return [*(c / 255.0 for c in rgb), 1.0]


def make_scene_spec(visual_meshes: bool = False) -> mujoco.MjSpec:
    """The scene without a task; copy it, add the task's objects, compile.

    Args:
        visual_meshes: Draw the robot with its detailed meshes (fifteen times slower) instead of the hulls.

    Raises:
        MissingDependencyError: the Panda model is not installed.
    """
    spec = mujoco.MjSpec.from_file(str(panda_mjcf_path()))
    spec.option.timestep = TIMESTEP_S
    spec.stat.extent = 1.0
    spec.visual.map.znear, spec.visual.map.zfar = NEAR_M, FAR_M
    spec.visual.quality.shadowsize = 0
    spec.visual.quality.offsamples = 0
    spec.visual.global_.offwidth = spec.visual.global_.offheight = 1280
    for element in [*spec.keys, *spec.lights]:
        spec.delete(element)
    _prepare_robot(spec, visual_meshes)
    _add_room(spec)
    for camera in CAMERAS:
        camera.add_to(spec)
    return spec


def _prepare_robot(spec: mujoco.MjSpec, visual_meshes: bool) -> None:
    spec.body("link0").pos = T_WORLD_BASE[:3, 3]
    for body in spec.bodies:
        body.gravcomp = 1.0
    for geom in list(spec.geoms):
        if geom.group == 3:
            shade = _ROBOT_COLORS.get(geom.parent.name, 0.93)
            geom.rgba = [shade, shade, shade, 1.0]
            geom.conaffinity = 3
            geom.group = 5 if visual_meshes else 0
            geom.friction = [1.0, 0.005, 0.0001]
        elif visual_meshes:
            geom.group = 0
        else:
            spec.delete(geom)
    used = {geom.meshname for geom in spec.geoms}
    for mesh in list(spec.meshes):
        if (mesh.name or mesh.file.rsplit(".", 1)[0]) not in used:
            spec.delete(mesh)
    spec.body("hand").add_site(
        name="tip", pos=T_HAND_TIP[:3, 3], quat=rotations.quat_wxyz_from_matrix(T_HAND_TIP[:3, :3])
    )
    # Menagerie's gripper servo takes half a second; this one closes in 0.1 s with about 3 N a finger.
    servo = spec.actuator("actuator8")
    servo.gainprm[0], servo.biasprm[1], servo.biasprm[2] = 1000.0 * FINGER_MAX / 255.0, -1000.0, -30.0


def _add_room(spec: mujoco.MjSpec) -> None:
    """Table, floor, wall behind the robot; sizes and colours measured in RLBench's recordings."""
    world = spec.worldbody
    world.add_geom(
        name="table", type=BOX, pos=[0.2975, 0.0, TABLE_Z_WORLD - 0.02], size=[0.8025, 0.555, 0.02],
        rgba=color(204, 165, 88),
    )  # fmt: skip
    world.add_geom(name="floor", type=BOX, pos=[0, 0, -0.05], size=[4, 4, 0.05], rgba=color(217, 211, 202))
    world.add_geom(name="wall", type=BOX, pos=[-2.56, 0, 1.5], size=[0.05, 4, 2.0], rgba=color(0, 85, 100))
    spec.visual.headlight.ambient = np.full(3, _AMBIENT)
    spec.visual.headlight.diffuse = np.zeros(3)
    spec.visual.headlight.specular = np.zeros(3)
    world.add_light(
        name="sun", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0, 0, 3], dir=[-0.02, -0.12, -1.0],
        diffuse=np.full(3, _DIFFUSE), specular=np.zeros(3), ambient=np.zeros(3), castshadow=False,
    )  # fmt: skip
