"""Other instructions about the scene as it is, and what the expert would do next under each of them."""

from __future__ import annotations

from dynarend_core.datasets.records import Alternative
from dynarend_core.sim.mujoco.world import MujocoWorld


def alternatives(world: MujocoWorld) -> tuple[Alternative, ...]:
    """The answers to every other instruction that the scene allows; empty where it allows none.

    Args:
        world: A scene at its start.
    """
    found = []
    for other in world.task.variants():
        words = tuple(other.instructions()[:-1])
        found.append(Alternative(words, other.waypoints(world)[0]))
    return tuple(found)
