"""Other instructions about the scene as it is, and what the expert would do next under each of them."""

from __future__ import annotations

from dynarend_core.datasets.records import Alternative
from dynarend_core.sim.mujoco.world import MujocoWorld


def alternatives(world: MujocoWorld) -> tuple[Alternative, ...]:
    """The answers to every other instruction that the scene allows; empty where it allows none.

    Args:
        world: The scene as it is now.
    """
    found = []
    for other in world.task.variants():
        keyframe = other.next_keyframe(world)
        if keyframe is not None:
            found.append(Alternative(tuple(other.instructions()[:-1]), keyframe))
    return tuple(found)
