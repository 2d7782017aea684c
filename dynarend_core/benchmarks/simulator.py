"""How long the simulator takes for a picture and for a second of physics, over all tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dynarend_core.benchmarks.timing import call_ms, timing
from dynarend_core.sim.environment import EVALUATION_SEED_START


def time_simulator() -> dict[str, Any]:
    """One scene of every task: all its cameras at 128 pixels, and a second of the arm's way to the first keyframe.

    Returns:
        Fields ``camera_ms`` (one RGB-D camera) and ``physics_second_ms``, with percentiles over the tasks.

    Raises:
        SimulationError: a scene cannot be built; without OpenGL, mujoco's own errors.
    """
    from dynarend_core.planning.planner import MotionPlanner
    from dynarend_core.sim.mujoco.tasks import TASKS
    from dynarend_core.sim.mujoco.world import MujocoWorld

    world, planner = MujocoWorld(image_size=128), MotionPlanner()
    cameras, physics = [], []
    try:
        for task in TASKS:
            world.reset(task, 0, EVALUATION_SEED_START)
            count = len(world.views())  # the first time uploads the scene
            cameras.append(call_ms(world.views) / count)
            target = replace(world.task.waypoints(world)[0], ignore_collisions=True)
            world.follow(planner.plan(world.q, target))
            physics.append(call_ms(lambda: world.advance(1.0)))
    finally:
        world.close()
    return timing(cameras).fields("camera") | timing(physics).fields("physics_second")
