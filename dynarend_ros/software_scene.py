"""What software cameras look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.perception.realsense_config import Profile
from dynarend_core.types import CameraView

Scene = Callable[[], Sequence[CameraView]]

MOVING = ("wrist",)
"""Cameras of the simulator that ride on the arm."""

DEPTH_NOISE_M = 0.001
"""About what a D435 shows at 1 m. It also tells a living picture from a frozen one."""


def open_scene(kind: str, cameras: Sequence[str], profile: Profile, task: str) -> Callable[[], Scene]:
    """What opens a scene.

    ``mujoco`` and ``raycast`` are drawn once and get new noise with every frame; ``mujoco_live`` is rendered for every
    frame, and 15 Hz of four VGA cameras fill more than one core without a GPU.
    """
    if kind == "mujoco_live":
        return lambda: _mujoco(cameras, profile, task)
    if kind == "mujoco":
        return lambda: _noisy(_mujoco(cameras, profile, task)())
    return lambda: _noisy(_raycast(cameras, profile))


def _noisy(stills: Sequence[CameraView]) -> Scene:
    rng = np.random.default_rng(0)
    h, w = np.max([still.depth_m.shape for still in stills], axis=0)
    noise = rng.normal(0.0, DEPTH_NOISE_M, (h + 64, w + 64)).astype(np.float32)

    def look() -> Sequence[CameraView]:
        views = []
        for still in stills:
            (y, x), (rows, columns) = rng.integers(0, 64, 2), still.depth_m.shape
            views.append(replace(still, depth_m=still.depth_m + noise[y : y + rows, x : x + columns]))
        return views

    return look


def _mujoco(cameras: Sequence[str], profile: Profile, task: str) -> Scene:
    """The simulator's cameras on a scene of ``task`` whose physics runs along with the frames."""
    from dynarend_core.sim.mujoco.cameras import CAMERAS
    from dynarend_core.sim.mujoco.world import MujocoWorld

    if unknown := sorted(set(cameras) - set(CAMERAS)):
        raise ConfigurationError(f"the simulator has no cameras {unknown}; it has {', '.join(CAMERAS)}")
    world = MujocoWorld()
    world.reset(task, 0, 0)

    def look() -> Sequence[CameraView]:
        world.advance(1.0 / profile.fps)
        return world.views(tuple(cameras), (profile.width, profile.height))

    return look


def _raycast(cameras: Sequence[str], profile: Profile) -> Sequence[CameraView]:
    """A table with balls from as many sides as there are cameras, without OpenGL."""
    from dynarend_core.benchmarks.scene import synthetic_views

    stills = synthetic_views(width=profile.width, height=profile.height)
    if len(cameras) > len(stills):
        raise ConfigurationError(f"the ray-cast scene has {len(stills)} cameras, asked for {len(cameras)}")
    return [replace(still, name=name) for still, name in zip(stills, cameras, strict=False)]
