"""From a few words to a compiled scene: task, variation, seed and perturbation."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import mujoco
import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.sim.environment import UNDISTURBED
from dynarend_core.sim.mujoco.grasp import Grasp
from dynarend_core.sim.mujoco.perturbations.catalogue import FACTORS, factors_of, generator
from dynarend_core.sim.mujoco.scene import base_spec
from dynarend_core.sim.mujoco.task import Task
from dynarend_core.sim.mujoco.tasks import TASKS


@dataclass(frozen=True)
class SceneRequest:
    """What determines a scene.

    Attributes:
        task: Task name.
        variation: Variation index.
        seed: Seed of the placement and of the perturbation.
        perturbation: ``none``, a factor or ``all`` (see :mod:`dynarend_core.sim.mujoco.perturbations.catalogue`).
    """

    task: str
    variation: int
    seed: int
    perturbation: str = UNDISTURBED


def build_scene(request: SceneRequest, visual_meshes: bool = False) -> tuple[Task, mujoco.MjModel, np.random.Generator]:
    """Build a scene; equal arguments give equal scenes, with and without fine meshes.

    Returns:
        The task, the compiled scene, and the generator that placed the objects, for what is drawn later.

    Raises:
        ConfigurationError: unknown task, variation or perturbation, one that makes no sense for the task, or a negative
            seed.
        SimulationError: no placement within reach.
    """
    name, variation, seed = request.task, request.variation, request.seed
    factors = factors_of(name, request.perturbation)
    if seed < 0:
        raise ConfigurationError(f"the seed must not be negative, got {seed}")
    rng = np.random.default_rng([seed, abs(variation), zlib.crc32(name.encode())])
    task = TASKS[name](variation, rng)
    spec = base_spec(visual_meshes)
    early = [factor for factor in factors if FACTORS[factor].before_build]
    for factor in early:
        FACTORS[factor].change(spec, task, generator(factor, name, variation, seed))
    task.build(spec)
    for factor in factors:
        if factor not in early:
            FACTORS[factor].change(spec, task, generator(factor, name, variation, seed))
    Grasp.add_welds(spec, task.graspable)
    return task, spec.compile(), rng
