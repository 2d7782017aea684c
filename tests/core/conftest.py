"""Shared by the core's tests: a toy world, and an untrained policy small enough for any machine."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.checkpoint import CheckpointInfo, build_network
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.training.presets import preset


@pytest.fixture(scope="session")
def coloured_boxes():
    """The module ``coloured_boxes.py`` beside this file."""
    if "coloured_boxes" not in sys.modules:
        spec = importlib.util.spec_from_file_location("coloured_boxes", Path(__file__).parent / "coloured_boxes.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["coloured_boxes"] = module
        spec.loader.exec_module(module)
    return sys.modules["coloured_boxes"]


@pytest.fixture(scope="session")
def encoder():
    """One sentence encoder for all tests: loading it takes seconds."""
    return SentenceEncoder()


@pytest.fixture
def debug_info():
    """Checkpoint description of the debug preset."""
    return CheckpointInfo("debug", preset("debug").network, SCENE_AABB_BASE.tolist(), tasks=["coloured_boxes"])


@pytest.fixture
def debug_network(debug_info):
    """Untrained debug network, the same at every call."""
    torch.manual_seed(0)
    return build_network(debug_info)
