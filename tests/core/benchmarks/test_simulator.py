"""Timings of the simulator."""

from __future__ import annotations

import importlib.util

import pytest

from dynarend_core.benchmarks.simulator import time_simulator
from dynarend_core.sim.mujoco.tasks import TASKS

if importlib.util.find_spec("mujoco_controllers") is None:
    pytest.skip("the Panda model is not installed", allow_module_level=True)


def test_a_camera_and_a_second_of_physics_are_timed_once_a_task() -> None:
    fields = time_simulator()
    for name in ("camera", "camera_cpu", "physics_second", "physics_second_cpu"):
        assert fields[f"{name}_repeats"] == len(TASKS)
        assert 0.0 < fields[f"{name}_p10_ms"] <= fields[f"{name}_ms"] <= fields[f"{name}_p90_ms"]
