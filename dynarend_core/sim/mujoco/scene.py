"""The world every task stands in: Panda, table, floor, wall, lights and RLBench's cameras, as an MjSpec.

MuJoCo's world frame is RLBench's. Colours and sizes follow the recorded RLBench demonstrations.
"""

from __future__ import annotations

import itertools

import mujoco

from dynarend_core.geometry.frames import T_WORLD_BASE, TABLE_Z_WORLD
from dynarend_core.planning.panda import FINGER_MAX, panda_mjcf_path
from dynarend_core.sim.mujoco.cameras import COLLISION_GROUP, VISUAL_GROUP, add_cameras

PANDA_PREFIX = "panda_"
HAND_BODY = "panda_hand"
FINGER_BODIES = ("panda_left_finger", "panda_right_finger")
GRIPPER_STIFFNESS = 4000.0
"""Closing force per metre of tendon error [N/m]: about 28 N on a 14 mm bar (the model's own 100 N/m slips)."""

ARM_TORQUE = 87.0
"""Limit of every arm servo [N m]. The model's 12 N m on the wrist make its stiff servos chatter once they saturate."""

WHITE, DARK = [0.92, 0.92, 0.93, 1.0], [0.25, 0.25, 0.26, 1.0]


def base_spec(visual_meshes: bool = False) -> mujoco.MjSpec:
    """The scene without a task; ``visual_meshes`` keeps the Panda's fine meshes, for pictures."""
    spec = mujoco.MjSpec()
    spec.modelname = "dynarend"
    spec.option.timestep = 0.002
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0
    spec.visual.quality.shadowsize = 0
    spec.visual.quality.offsamples = 0
    spec.visual.global_.offwidth = 1280
    spec.visual.global_.offheight = 960
    spec.visual.headlight.ambient = [0.42, 0.42, 0.42]
    spec.visual.headlight.diffuse = [0.06, 0.06, 0.06]
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]
    _add_room(spec)
    _add_panda(spec, visual_meshes)
    add_cameras(spec, HAND_BODY)
    return spec


def _add_room(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    box, plane = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_PLANE
    world.add_geom(name="floor", type=plane, size=[4, 4, 0.1], rgba=[0.85, 0.83, 0.79, 1])
    world.add_geom(name="wall", type=box, pos=[-2.56, 0, 2], size=[0.05, 4, 2], rgba=[0.0, 0.16, 0.19, 1])
    world.add_geom(
        name="table", type=box, pos=[0.2975, 0, TABLE_Z_WORLD - 0.02], size=[0.8025, 0.555, 0.02],
        rgba=[0.8, 0.647, 0.345, 1], friction=[0.6, 0.005, 0.0001],
    )  # fmt: skip
    for i, (x, y) in enumerate(itertools.product((-0.45, 1.05), (-0.5, 0.5))):
        world.add_geom(
            name=f"table_leg{i}", type=box, pos=[x, y, 0.365], size=[0.03, 0.03, 0.365], rgba=[0.6, 0.48, 0.26, 1]
        )
    # Upward faces get about 1.0, so that a colour given is the colour seen and white does not saturate.
    for direction, diffuse in (([0.0, 0.0, -1.0], 0.42), ([-0.8, 0.45, -0.4], 0.12), ([-0.2, -0.9, -0.4], 0.12)):
        world.add_light(type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, dir=direction, diffuse=[diffuse] * 3,
                        specular=[0.0] * 3, castshadow=False, pos=[0, 0, 3])  # fmt: skip


def _add_panda(spec: mujoco.MjSpec, visual_meshes: bool) -> None:
    panda = mujoco.MjSpec.from_file(str(panda_mjcf_path()))
    for unwanted in [*panda.lights, *panda.keys]:
        panda.delete(unwanted)
    for body in panda.bodies:
        body.gravcomp = 1.0
        finger = PANDA_PREFIX + body.name in FINGER_BODIES
        for geom in list(body.geoms):
            if geom.group == VISUAL_GROUP and not visual_meshes:
                panda.delete(geom)
            elif geom.group == COLLISION_GROUP:
                geom.rgba = DARK if finger else WHITE
                if finger:
                    geom.friction, geom.condim = [1.5, 0.02, 0.001], 4
    if not visual_meshes:
        used = {geom.meshname for body in panda.bodies for geom in body.geoms}
        for mesh in list(panda.meshes):
            if mesh.name not in used:
                panda.delete(mesh)
    for servo in panda.actuators[:7]:
        servo.forcerange = [-ARM_TORQUE, ARM_TORQUE]
    gripper = panda.actuators[-1]
    gripper.gainprm[0] = GRIPPER_STIFFNESS * FINGER_MAX / 255.0
    gripper.biasprm[1:3] = [-GRIPPER_STIFFNESS, -40.0]
    spec.worldbody.add_frame(pos=T_WORLD_BASE[:3, 3]).attach_body(panda.body("link0"), PANDA_PREFIX, "")
