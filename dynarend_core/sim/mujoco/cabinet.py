"""A cabinet of three drawers, and how the expert opens one.

Its size, its handles (a bar of 14 mm, 16.5 mm off the front) and the expert's approach (8.7 cm before the grasp), grasp
and pull (24 cm) follow RLBench's recorded demonstrations; masses, friction and the drawers' inside are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.robot_spheres import HAND_LINK, RobotSpheres
from dynarend_core.sim.mujoco.carrying import approach, is_near, like_hand
from dynarend_core.sim.mujoco.primitives import scale_body, scaled_height
from dynarend_core.sim.mujoco.task import keyframe
from dynarend_core.types import Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

WOOD, SIDE, FRONT = [0.75, 0.66, 0.52, 1], [0.68, 0.59, 0.46, 1], [0.84, 0.79, 0.72, 1]
METAL, INSIDE = [0.7, 0.7, 0.71, 1], [0.92, 0.87, 0.82, 1]
HALF, BOTTOM_Z, TOP_Z = 0.195, 0.75, 1.218
HANDLE_Z = (0.915, 1.035, 1.155)
HANDLE_OUT = 0.0165
HANDLE_HALF = 0.0375
GRASP_DEPTH = 0.011
"""How far the tip goes past the middle of the bar, towards the drawer's front [m]."""

GRASP_Y = HALF + HANDLE_OUT - GRASP_DEPTH
"""Where the tip grasps a closed drawer's handle, cabinet frame [m]."""

LEVELS = ("bottom", "middle", "top")

HELD_M = 0.008
"""A closed gripper wider than this holds a handle."""

PULL = 0.24
"""How far a drawer is pulled [m]."""


def cabinet_names() -> dict[str, str]:
    """Phrases of drawers and handles, by body and geom name."""
    return {
        f"{part}{i}": f"{level} drawer{extra}"
        for i, level in enumerate(LEVELS)
        for part, extra in (("drawer", ""), ("handle", " handle"))
    }


def pulling(center: np.ndarray, yaw: float, drawer: int, scale: float = 1.0) -> list[Keyframe]:
    """Keyframes that open a drawer: in front of the handle, round it, and back; the cabinet is scaled by ``scale``."""
    R_world_cabinet = rotations.rotation_z(yaw)
    # Gripper z into the drawer (-y of the cabinet), fingers opening vertically.
    R = R_world_cabinet @ np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    grasp = np.array([*center, 0.0]) + R_world_cabinet @ [0.0, GRASP_Y * scale, scaled_height(HANDLE_Z[drawer], scale)]
    outward = R_world_cabinet @ np.array([0.0, 1.0, 0.0])
    return [
        keyframe(R, grasp + 0.087 * outward, True, False),
        keyframe(R, grasp, False, True),
        keyframe(R, grasp + PULL * outward, False, True),
    ]


def next_pull(world: MujocoWorld, frames: list[Keyframe], pulled_m: float, outward: np.ndarray) -> Keyframe:
    """The next keyframe to open a drawer that is ``pulled_m`` [m] out along ``(3,)`` ``outward`` already.

    ``frames`` are those of :func:`pulling`.
    """
    before, grasp = (_shifted(frame, pulled_m * outward) for frame in frames[:2])
    gripper = world.gripper()
    holds = not gripper.is_open and gripper.width_m > HELD_M
    if holds and is_near(gripper.T_base_gripper, grasp.T_base_gripper, 0.02):
        return like_hand(frames[2], gripper.T_base_gripper)
    return approach(world, before, grasp)


def _shifted(frame: Keyframe, offset: np.ndarray) -> Keyframe:
    return Keyframe(se3.make(t=offset) @ frame.T_base_gripper, frame.gripper_open, frame.ignore_collisions)


def arm_clears_drawer(q: np.ndarray, center: np.ndarray, yaw: float, drawer: int, scale: float = 1.0) -> bool:
    """Whether the arm, without its hand, stays off the cabinet and the drawer that its hand has pulled.

    Args:
        q: ``(7,)`` joint positions while the hand pulls or backs off [rad].
        center: ``(2,)`` the cabinet's middle, world frame [m].
        yaw: The cabinet's turn [rad].
        drawer: Which one is pulled.
        scale: How much larger than usual the cabinet is.
    """
    T = se3.inverse(se3.make(rotations.rotation_z(yaw), np.array([*center, 0.0]))) @ T_WORLD_BASE
    tip = se3.apply(T, ArmKinematics().forward(q)[None, :3, 3])[0]
    pulled = float(np.clip(tip[1] - GRASP_Y * scale, 0.0, PULL))
    spheres = RobotSpheres()
    arm = spheres.links < HAND_LINK
    centres, radii = se3.apply(T, spheres.centres(q))[arm], spheres.radii[arm]
    half, z = HALF * scale, scaled_height(HANDLE_Z[drawer], scale)
    boxes = [
        ([-half, -half, BOTTOM_Z], [half, half, scaled_height(TOP_Z, scale)]),
        ([-half, half, z - 0.065 * scale], [half, half + pulled, z + 0.055 * scale]),
    ]
    return all((np.linalg.norm(centres - np.clip(centres, *box), axis=1) > radii).all() for box in boxes)


def add_cabinet(spec: mujoco.MjSpec, center: np.ndarray, yaw: float, scale: float = 1.0) -> None:
    """A scaled cabinet at ``center`` ``(2,)`` [m]; slide joints and bodies ``drawer0`` (bottom) to ``drawer2``."""
    quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(yaw))
    body = spec.worldbody.add_body(name="cabinet", pos=[*center, 0.0], quat=quat)
    box = mujoco.mjtGeom.mjGEOM_BOX

    def panel(pos: list[float], size: list[float], rgba: list[float]) -> None:
        body.add_geom(type=box, pos=pos, size=size, rgba=rgba)

    panel([0, 0, TOP_Z - 0.004], [HALF, HALF, 0.004], WOOD)
    panel([0, 0, 0.845], [HALF, HALF, 0.003], WOOD)
    panel([0, -HALF + 0.004, 1.03], [HALF, 0.004, 0.18], SIDE)
    for side in (-1, 1):
        panel([side * (HALF - 0.004), 0, 1.03], [0.004, HALF, 0.18], SIDE)
        for end in (-1, 1):
            body.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, pos=[side * 0.17, end * 0.17, 0.796],
                          size=[0.006, 0.046, 0], rgba=METAL)  # fmt: skip
    for i, z in enumerate(HANDLE_Z):
        _add_drawer(body, i, z)
    scale_body(spec, body, scale, foot=BOTTOM_Z)


def _add_drawer(cabinet: mujoco.MjsBody, index: int, z: float) -> None:
    drawer = cabinet.add_body(name=f"drawer{index}", pos=[0, 0, z], gravcomp=1)
    drawer.add_joint(name=f"drawer{index}", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 1, 0], range=[0, 0.3],
                     limited=True, damping=8, frictionloss=1.0)  # fmt: skip
    box = mujoco.mjtGeom.mjGEOM_BOX
    drawer.add_geom(type=box, pos=[0, HALF - 0.004, -0.004], size=[HALF - 0.012, 0.005, 0.058], rgba=FRONT,
                    mass=0.3)  # fmt: skip
    drawer.add_geom(type=box, pos=[0, 0, -0.052], size=[HALF - 0.014, HALF - 0.02, 0.003],
                    rgba=INSIDE, mass=0.2)  # fmt: skip
    for side in (-1, 1):
        drawer.add_geom(type=box, pos=[side * (HALF - 0.018), 0, -0.02], size=[0.003, HALF - 0.02, 0.03],
                        rgba=FRONT, mass=0.1)  # fmt: skip
    drawer.add_geom(name=f"handle{index}", type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.007, 0, 0], rgba=METAL,
                    mass=0.05, fromto=[-HANDLE_HALF, HALF + HANDLE_OUT, 0, HANDLE_HALF, HALF + HANDLE_OUT, 0],
                    friction=[1.5, 0.02, 0.001])  # fmt: skip
    for x in (-0.03, 0.03):
        drawer.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.004, 0, 0], rgba=METAL, mass=0.01,
                        fromto=[x, HALF, 0, x, HALF + HANDLE_OUT, 0])  # fmt: skip
