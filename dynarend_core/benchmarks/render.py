"""How long the simulator takes to render its cameras."""

from __future__ import annotations

from typing import Any

from dynarend_core.benchmarks.scene import HEIGHT, WIDTH
from dynarend_core.benchmarks.timing import measure
from dynarend_core.sim.environment import EVALUATION_SEED_START
from dynarend_core.types import CameraView

TASK, VARIATION, SEED = "open_drawer", 0, EVALUATION_SEED_START


def time_rendering(repeats: int = 20) -> tuple[dict[str, Any], tuple[CameraView, ...]]:
    """Render all cameras of a task's first scene.

    Returns:
        Fields ``all_views_128_ms``, ``all_views_vga_ms`` (with percentiles), ``cameras``; and the VGA views.

    Raises:
        SimulationError: the scene cannot be built; without OpenGL, mujoco's own errors.
    """
    from dynarend_core.sim.mujoco.world import MujocoWorld

    world = MujocoWorld(image_size=128)
    try:
        world.reset(TASK, VARIATION, SEED)
        views = world.views(size=(WIDTH, HEIGHT))
        fields: dict[str, Any] = measure(world.views, repeats).fields("all_views_128")
        fields |= measure(lambda: world.views(size=(WIDTH, HEIGHT)), repeats).fields("all_views_vga")
    finally:
        world.close()
    return {**fields, "cameras": [view.name for view in views]}, views
