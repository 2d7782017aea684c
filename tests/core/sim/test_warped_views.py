"""Warped views against rendered ones: what they claim to know must be so."""

from __future__ import annotations

import numpy as np
import pytest

from dynarend_core.datasets.warping import warped_view
from dynarend_core.sim.mujoco.world import MujocoWorld


@pytest.mark.parametrize("task", ["open_drawer", "meat_off_grill", "push_buttons"])
def test_warped_views_agree_with_rendered_ones(world: MujocoWorld, task: str) -> None:
    world.reset(task, 0, 3)
    inputs, rng = world.views(size=128), np.random.default_rng(0)
    known, wrong, colour = [], [], []
    for _ in range(6):
        truth, _ = world.orbit_view("truth", rng)
        view = warped_view(inputs, "warp", truth.K, truth.T_base_camera, truth.depth_m.shape)
        told = np.isfinite(view.depth_m)
        known.append(told.mean())
        wrong.append(1.0 - (np.abs(view.depth_m - truth.depth_m)[told] < 0.03).mean())
        colour.append(np.abs(view.rgb.astype(int) - truth.rgb)[told].mean())
    assert np.mean(known) > 0.65
    assert np.mean(wrong) < 0.02
    assert np.mean(colour) < 5.0
