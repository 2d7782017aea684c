"""The model of the robot is found, or its absence explained."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from dynarend_core.errors import MissingDependencyError
from dynarend_core.planning.panda import panda_mjcf_path


def test_the_model_is_found_without_importing_its_package() -> None:
    if importlib.util.find_spec("mujoco_controllers") is None:
        pytest.skip("mujoco-controllers is not installed")
    assert panda_mjcf_path().name == "panda.xml"
    assert "mujoco_controllers" not in sys.modules


def test_a_missing_model_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        panda_mjcf_path()
