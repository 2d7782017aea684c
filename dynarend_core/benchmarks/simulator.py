"""How long the simulator takes for a picture and for a second of physics, over all tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from dynarend_core.benchmarks.timing import timing
from dynarend_core.sim.environment import EVALUATION_SEED_START


def time_simulator() -> dict[str, Any]:
    """One scene of every task: all its cameras at 128 pixels, and a second of the arm's way to the first keyframe.

    Returns:
        Fields ``camera_ms`` (one RGB-D camera) and ``physics_second_ms``, with percentiles over the tasks; with
        ``_cpu`` in the name the time of the processor, which other programs hardly spoil.

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
            cameras.append(_wall_and_cpu_ms(world.views) / count)
            target = replace(world.task.waypoints(world)[0], ignore_collisions=True)
            world.follow(planner.plan(world.q, target))
            physics.append(_wall_and_cpu_ms(lambda: world.advance(1.0)))
    finally:
        world.close()
    fields: dict[str, Any] = {}
    for name, times in (("camera", cameras), ("physics_second", physics)):
        wall, cpu = np.transpose(times)
        fields |= timing(wall).fields(name) | timing(cpu).fields(f"{name}_cpu")
    return fields


def _wall_and_cpu_ms(function: Callable[[], object]) -> np.ndarray:
    """``(2,)`` time that one call takes, and of that the processor's, all threads together [ms]."""
    start, start_cpu = time.perf_counter(), time.process_time()
    function()
    return 1e3 * np.array([time.perf_counter() - start, time.process_time() - start_cpu])
