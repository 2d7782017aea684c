"""Perturbations of a task's object and receptacle: colour, texture, size, friction, mass."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from dynarend_core.sim.mujoco.perturbations import textures
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import COLORS, Task

FRICTION = (0.75, 1.0)
"""Range of the sliding friction."""

COLOR_DISTANCE = 0.4
"""How far a body's new colour lies from its old one at least, RGB in [0, 1]."""

Change = Callable[[mujoco.MjSpec, Task, np.random.Generator], None]


def recolor(part: Callable[[Roles], Part]) -> Change:
    """Each body of the part gets another one of the twenty named colours; a texture that follows is tinted."""

    def change(spec: mujoco.MjSpec, task: Task, rng: np.random.Generator) -> None:
        free = list(COLORS.values())
        for name in part(task.roles).bodies:
            geoms = _geoms(spec, name, part(task.roles).keeps)
            before = [np.asarray(geom.rgba)[:3] for geom in geoms]
            far = [c for c in free if min(np.linalg.norm(old - c) for old in before) > COLOR_DISTANCE]
            color = far[rng.integers(len(far))]
            free.remove(color)
            for geom in geoms:
                geom.rgba = [*color, 1.0]
            task.recolored.add(name)

    return change


def retexture(part: Callable[[Roles], Part]) -> Change:
    """Each body of the part gets a texture in place of its colours, or tinted with the one that it was given."""

    def change(spec: mujoco.MjSpec, task: Task, rng: np.random.Generator) -> None:
        for name in part(task.roles).bodies:
            textures.add_material(spec, f"{name}_texture", rng)
            geoms = _geoms(spec, name, part(task.roles).keeps)
            textures.cover(geoms, f"{name}_texture", tinted=name in task.recolored)

    return change


def object_size(_spec: mujoco.MjSpec, task: Task, rng: np.random.Generator) -> None:
    """One factor for all of the objects; the task builds and judges with it."""
    assert task.roles.object.size is not None
    task.object_scale = float(rng.uniform(*task.roles.object.size))


def receptacle_size(_spec: mujoco.MjSpec, task: Task, rng: np.random.Generator) -> None:
    """One factor for all of the receptacles; the task builds and judges with it."""
    assert task.roles.receptacle.size is not None
    task.receptacle_scale = float(rng.uniform(*task.roles.receptacle.size))


def friction(spec: mujoco.MjSpec, task: Task, rng: np.random.Generator) -> None:
    """One sliding friction for all bodies that slide."""
    value = rng.uniform(*FRICTION)
    for name in task.roles.sliding:
        for geom in _geoms(spec, name):
            geom.friction = [value, *geom.friction[1:]]


def mass(spec: mujoco.MjSpec, task: Task, rng: np.random.Generator) -> None:
    """Each body gets another mass, distributed as before."""
    for name in task.roles.weighed:
        geoms = _geoms(spec, name)
        factor = rng.uniform(*task.roles.mass_kg) / sum(geom.mass for geom in geoms)
        for geom in geoms:
            geom.mass *= factor


def _geoms(spec: mujoco.MjSpec, body: str, keeps: tuple[tuple[float, float, float], ...] = ()) -> list[mujoco.MjsGeom]:
    """What hangs on a body, without what keeps its look."""
    found: list[mujoco.MjsGeom] = []
    bodies = [spec.body(body)]
    while bodies:
        here = bodies.pop(0)
        found += [g for g in here.geoms if not any(np.allclose(g.rgba[:3], rgb) for rgb in keeps)]
        bodies += here.bodies
    return found
