from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("mujoco_controllers") is None:
    pytest.skip("the Panda model is not installed", allow_module_level=True)

from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.world import MujocoWorld


@pytest.fixture(scope="session")
def environment() -> Iterator[MujocoEnvironment]:
    environment = MujocoEnvironment(image_size=64)
    yield environment
    environment.close()


@pytest.fixture(scope="session")
def world(environment: MujocoEnvironment) -> MujocoWorld:
    return environment.world
