from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

import pytest

if importlib.util.find_spec("mujoco_controllers") is None:
    pytest.skip("the Panda model is not installed", allow_module_level=True)

from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.world import MujocoWorld
from dynarend_core.types import FailureReason, Keyframe


@pytest.fixture(scope="session")
def environment() -> Iterator[MujocoEnvironment]:
    environment = MujocoEnvironment(image_size=64)
    yield environment
    environment.close()


@pytest.fixture(scope="session")
def world(environment: MujocoEnvironment) -> MujocoWorld:
    return environment.world


@pytest.fixture(scope="session")
def attempt(environment: MujocoEnvironment) -> Callable[[list[Keyframe]], FailureReason]:
    """Steps through keyframes until one of them decides the episode; says how it went wrong, if it did."""

    def run(keyframes: list[Keyframe]) -> FailureReason:
        for target in keyframes:
            result = environment.step(target)
            if result.success or result.failure_reason is not FailureReason.NONE:
                return result.failure_reason
        return FailureReason.NONE

    return run
