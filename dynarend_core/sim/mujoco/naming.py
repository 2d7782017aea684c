"""Which words name what is seen: every geom of a scene gets a phrase that a person would use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np

from dynarend_core.sim.mujoco.scene import FINGER_BODIES, HAND_BODY, PANDA_PREFIX
from dynarend_core.types import Array


@dataclass(frozen=True)
class SceneNames:
    """Phrases of a compiled scene.

    Attributes:
        names: Each phrase once.
        id_of_geom: ``(g,)`` uint8: i + 1 for ``names[i]``, 0 for geoms without a name.
    """

    names: tuple[str, ...]
    id_of_geom: Array


def name_scene(model: mujoco.MjModel, semantic_names: Mapping[str, str]) -> SceneNames:
    """Name the geoms of a scene by their body, but those fixed to the world, or with a phrase, by themselves.

    Args:
        model: Compiled scene.
        semantic_names: The task's phrases (:meth:`~dynarend_core.sim.mujoco.task.Task.semantic_names`).
    """
    phrases = [_phrase(model, g, semantic_names) for g in range(model.ngeom)]
    names = tuple(dict.fromkeys(p for p in phrases if p))
    number = {"": 0, **{name: i + 1 for i, name in enumerate(names)}}
    return SceneNames(names, np.array([number[p] for p in phrases], dtype=np.uint8))


def _phrase(model: mujoco.MjModel, geom: int, semantic_names: Mapping[str, str]) -> str:
    if own := semantic_names.get(model.geom(geom).name):
        return own
    body = int(model.geom_bodyid[geom])
    name = model.body(body).name if body else model.geom(geom).name
    if name == HAND_BODY or name in FINGER_BODIES:
        return "gripper"
    if name.startswith(PANDA_PREFIX):
        return "robot arm"
    return semantic_names.get(name) or " ".join(re.sub(r"\d", "", name).replace("_", " ").split())
