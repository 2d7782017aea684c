"""Which perturbations there are, and which of them a task knows.

Ranges are those of the Colosseum's configurations (Pumacay et al., 2024). Every factor draws from its own generator: so
``all`` draws for each factor what that factor draws alone, and the task's own placement stays that of ``none``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.sim.environment import UNDISTURBED
from dynarend_core.sim.mujoco.perturbations import distractors, objects, surroundings
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import Task
from dynarend_core.sim.mujoco.tasks import TASKS

ALL = "all"


@dataclass(frozen=True)
class Factor:
    """One perturbation.

    Attributes:
        change: Alters a built scene that is not compiled yet.
        applies: Whether it makes sense for a task.
        before_build: It must be known before the task is built.
    """

    change: Callable[[mujoco.MjSpec, Task, np.random.Generator], None]
    applies: Callable[[type[Task]], bool] = lambda _task: True
    before_build: bool = False


def _object(roles: Roles) -> Part:
    return roles.object


def _receptacle(roles: Roles) -> Part:
    return roles.receptacle


def _shown(part: Callable[[Roles], Part]) -> Callable[[type[Task]], bool]:
    return lambda task: bool(part(task.roles).bodies) and part(task.roles).looks


FACTORS: dict[str, Factor] = {
    "object_size": Factor(objects.object_size, lambda task: task.roles.object.size is not None, before_build=True),
    "receptacle_size": Factor(
        objects.receptacle_size, lambda task: task.roles.receptacle.size is not None, before_build=True
    ),
    "object_color": Factor(objects.recolor(_object), _shown(_object)),
    "object_texture": Factor(objects.retexture(_object), _shown(_object)),
    "receptacle_color": Factor(objects.recolor(_receptacle), _shown(_receptacle)),
    "receptacle_texture": Factor(objects.retexture(_receptacle), _shown(_receptacle)),
    "light_color": Factor(surroundings.light_color),
    "table_texture": Factor(surroundings.table_texture),
    "table_color": Factor(surroundings.table_color),
    "background_texture": Factor(surroundings.background_texture),
    "camera_pose": Factor(surroundings.camera_pose),
    "distractors": Factor(distractors.distractors),
    "friction": Factor(objects.friction, lambda task: bool(task.roles.sliding)),
    "mass": Factor(objects.mass, lambda task: bool(task.roles.weighed)),
}
"""The single factors, in the order in which they are applied: textures are tinted with colours drawn before."""

PERTURBATIONS: tuple[str, ...] = (*FACTORS, ALL)
"""Every name but ``none``."""


def applicable(task: str) -> tuple[str, ...]:
    """The perturbations that make sense for a task, ``all`` (of them together) included.

    Raises:
        ConfigurationError: unknown task.
    """
    if task not in TASKS:
        raise ConfigurationError(f"unknown task {task!r}; choose from {', '.join(sorted(TASKS))}")
    return (*(name for name, factor in FACTORS.items() if factor.applies(TASKS[task])), ALL)


def tasks_with(perturbation: str) -> list[str]:
    """The tasks for which a perturbation makes sense; all for ``none``.

    Raises:
        ConfigurationError: unknown perturbation.
    """
    if perturbation not in (UNDISTURBED, *PERTURBATIONS):
        raise ConfigurationError(
            f"unknown perturbation {perturbation!r}; choose from {', '.join((UNDISTURBED, *PERTURBATIONS))}"
        )
    return [task for task in TASKS if perturbation in (UNDISTURBED, *applicable(task))]


def factors_of(task: str, perturbation: str) -> tuple[str, ...]:
    """The single factors that a perturbation of a task consists of; none for ``none``.

    Raises:
        ConfigurationError: unknown task or perturbation, or one that makes no sense for the task.
    """
    choices = applicable(task)
    if perturbation == UNDISTURBED:
        return ()
    if task not in tasks_with(perturbation):
        raise ConfigurationError(
            f"{perturbation} does not apply to {task}; choose from {', '.join((UNDISTURBED, *choices))}"
        )
    return choices[:-1] if perturbation == ALL else (perturbation,)


def generator(factor: str, task: str, variation: int, seed: int) -> np.random.Generator:
    """The factor's own random numbers for one scene."""
    # crc32, not hash(): the draw must be the same in every process
    return np.random.default_rng([seed, abs(variation), zlib.crc32(task.encode()), zlib.crc32(factor.encode())])
