"""Things that have nothing to do with the task: one to four, of seven shapes that no task names, in random patterns."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.geometry.frames import TABLE_Z_WORLD
from dynarend_core.sim.mujoco.perturbations import textures
from dynarend_core.sim.mujoco.primitives import add_box, add_cylinder
from dynarend_core.sim.mujoco.scene import PANDA_PREFIX
from dynarend_core.sim.mujoco.task import Task

COUNT_SHARES = (0.15, 0.55, 0.15, 0.15)
"""How often there are one, two, three and four."""

MIN_DISTANCE_M = 0.05
"""Between a distractor and everything else on the table."""

SCALE = (0.8, 1.2)
REGION = np.array([[-0.02, -0.44], [0.52, 0.44]])
"""Where they lie, world frame [m]."""

PLACEMENTS = 300
WHITE = (1.0, 1.0, 1.0)
CONTACT = {"mass": 0.03, "condim": 6, "friction": [0.8, 0.02, 0.005]}
"""Rolling friction keeps round ones where they are."""

_Add = Callable[[mujoco.MjsBody, float], None]


def distractors(spec: mujoco.MjSpec, _task: Task, rng: np.random.Generator) -> None:
    """Lay distractors on the table where there is room.

    Raises:
        SimulationError: there is room for none.
    """
    count = 1 + int(rng.choice(len(COUNT_SHARES), p=COUNT_SHARES))
    names = [f"clutter{i}" for i in range(count)]
    for name, shape in zip(names, rng.choice(len(SHAPES), size=count, replace=False), strict=True):
        # Out of the way until its place is found.
        body = spec.worldbody.add_body(name=name, pos=[0.0, 0.0, -10.0])
        body.add_freejoint()
        SHAPES[shape](body, rng.uniform(*SCALE))
        textures.add_material(spec, f"{name}_texture", rng)
        textures.cover(body.geoms, f"{name}_texture")
    for name, place in _places(spec.compile(), names, rng).items():
        body = spec.body(name)
        if place is None:
            spec.delete(body)
        else:
            body.pos, body.quat = place[:3], place[3:]


def _places(model: mujoco.MjModel, names: list[str], rng: np.random.Generator) -> dict[str, np.ndarray | None]:
    """Poses ``(7,)`` of the distractors, position and quaternion wxyz; None where there is no room for one."""
    data = mujoco.MjData(model)
    taken = [g for g in range(model.ngeom) if _stands(model, g)]
    places: dict[str, np.ndarray | None] = {}
    for name in names:
        body = model.body(name)
        own = range(body.geomadr[0], body.geomadr[0] + body.geomnum[0])
        qpos = data.joint(body.jntadr[0]).qpos
        places[name] = None
        for _ in range(PLACEMENTS):
            quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(rng.uniform(-np.pi, np.pi)))
            qpos[:] = [*rng.uniform(*REGION), TABLE_Z_WORLD + 0.0006, *quat]
            mujoco.mj_kinematics(model, data)
            if all(_distance(model, data, g, other) >= MIN_DISTANCE_M for g in own for other in taken):
                places[name] = qpos.copy()
                taken += own
                break
    if not any(place is not None for place in places.values()):
        raise SimulationError(f"no room for a distractor in {PLACEMENTS} placements")
    return places


def _stands(model: mujoco.MjModel, geom: int) -> bool:
    """Whether a geom is of the task, neither of the robot, which moves, nor of the room."""
    body = model.body(model.geom_bodyid[geom]).name
    room = model.geom(geom).name.startswith(("floor", "wall", "table"))
    return not room and not body.startswith((PANDA_PREFIX, "clutter"))


def _distance(model: mujoco.MjModel, data: mujoco.MjData, a: int, b: int) -> float:
    gap = np.linalg.norm(data.geom_xpos[a] - data.geom_xpos[b]) - model.geom_rbound[a] - model.geom_rbound[b]
    if gap >= MIN_DISTANCE_M:
        return float(gap)
    return float(mujoco.mj_geomDistance(model, data, a, b, MIN_DISTANCE_M, None))


def _hammer(body: mujoco.MjsBody, s: float) -> None:
    add_box(body, [0, 0, 0.012 * s], np.multiply(s, [0.06, 0.008, 0.008]), WHITE, **CONTACT)
    add_box(body, [0.065 * s, 0, 0.015 * s], np.multiply(s, [0.014, 0.035, 0.015]), WHITE, **CONTACT)


def _dumbbell(body: mujoco.MjsBody, s: float) -> None:
    for end in (-1, 1):
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, pos=[0, end * 0.04 * s, 0.025 * s], size=[0.025 * s, 0, 0],
                      **CONTACT)  # fmt: skip
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.009 * s, 0, 0], **CONTACT,
                  fromto=[0, -0.04 * s, 0.025 * s, 0, 0.04 * s, 0.025 * s])  # fmt: skip


def _banana(body: mujoco.MjsBody, s: float) -> None:
    corners = np.array([[-0.065, 0.03], [-0.025, 0.0], [0.025, 0.0], [0.065, 0.03]]) * s
    for start, end in itertools.pairwise(corners):
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.016 * s, 0, 0], **CONTACT,
                      fromto=[*start, 0.016 * s, *end, 0.016 * s])  # fmt: skip


def _bat(body: mujoco.MjsBody, s: float) -> None:
    add_cylinder(body, [0, 0, 0.006 * s], 0.045 * s, 0.006 * s, WHITE, **CONTACT)
    add_box(body, [0.075 * s, 0, 0.009 * s], np.multiply(s, [0.04, 0.011, 0.009]), WHITE, **CONTACT)


def _cross(body: mujoco.MjsBody, s: float) -> None:
    for half in ([0.05, 0.014, 0.016], [0.014, 0.05, 0.016]):
        add_box(body, [0, 0, 0.016 * s], np.multiply(s, half), WHITE, **CONTACT)


def _arch(body: mujoco.MjsBody, s: float) -> None:
    for side in (-1, 1):
        add_box(body, [side * 0.035 * s, 0, 0.02 * s], np.multiply(s, [0.012, 0.02, 0.02]), WHITE, **CONTACT)
    add_box(body, [0, 0, 0.048 * s], np.multiply(s, [0.047, 0.02, 0.008]), WHITE, **CONTACT)


def _stool(body: mujoco.MjsBody, s: float) -> None:
    for angle in (0.0, 2 * np.pi / 3, 4 * np.pi / 3):
        add_cylinder(body, [0.025 * s * np.cos(angle), 0.025 * s * np.sin(angle), 0.022 * s], 0.006 * s, 0.022 * s,
                     WHITE, **CONTACT)  # fmt: skip
    add_cylinder(body, [0, 0, 0.05 * s], 0.036 * s, 0.006 * s, WHITE, **CONTACT)


SHAPES: tuple[_Add, ...] = (_hammer, _dumbbell, _banana, _bat, _cross, _arch, _stool)
