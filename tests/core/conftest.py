"""Shared by the core's tests: a toy world, and an untrained policy small enough for any machine."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dynarend_core.datasets.records import EpisodeRecord, FrameRecord, Transition
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.geometry.rotations import rotation_x
from dynarend_core.networks.checkpoint import CheckpointInfo, build_network
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.rendering.radiance_field import FieldConfig
from dynarend_core.rendering.renderer import RenderConfig, Renderer
from dynarend_core.training.presets import preset
from dynarend_core.types import CameraView, GripperState, Keyframe


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


@pytest.fixture
def small_renderer(debug_info):
    """Untrained renderer of the debug network, with a semantic head."""
    torch.manual_seed(0)
    config = RenderConfig(FieldConfig(channels=8, hidden=16, semantic_channels=4), strata=8, guided=4)
    return Renderer(config, debug_info.network.coarse.width, torch.tensor(debug_info.aabb_base)).eval()


@pytest.fixture(scope="session")
def toy_store():
    """Function that records a coloured table, seen by two cameras, at a folder: ``toy_store(root, episodes=3)``."""
    return _write_store


@pytest.fixture
def named_store(toy_store, tmp_path):
    """The coloured tables, their upper half a "red button", the lower a "blue drawer"."""
    store = toy_store(tmp_path / "data")
    ids = np.ones((64, 64), np.uint8)
    ids[32:] = 2
    for i in store.episodes("toy"):
        record = store.read("toy", i)
        frames = tuple(dataclasses.replace(f, object_ids=(ids, ids)) for f in record.frames)
        store.write("toy", i, dataclasses.replace(record, frames=frames, object_names=("red button", "blue drawer")))
    return store


def _write_store(root, episodes=3):
    store = DemonstrationStore(root)
    K = np.array([[60.0, 0, 32], [0, 60, 32], [0, 0, 1]])
    poses = {"front": np.array([0.45, 0.0, 0.8]), "side": np.array([0.45, 0.2, 0.8])}
    rows, columns = np.mgrid[0:64, 0:64]
    for i in range(episodes):
        colours = np.random.default_rng(i).integers(60, 255, (2, 2, 3))
        rgb = colours[rows // 32, columns // 32].astype(np.uint8)
        depth = np.full((64, 64), 0.75, np.float32)
        views = tuple(CameraView(n, rgb, depth, K, se3.make(rotation_x(np.pi), t)) for n, t in poses.items())
        grippers = [GripperState(se3.make(rotation_x(np.pi), np.array([0.4, 0.0, z])), z > 0.1) for z in (0.4, 0.05)]
        frames = [FrameRecord(views, g, np.zeros(7)) for g in grippers]
        move = Transition(0, 1, Keyframe(grippers[1].T_base_gripper, False, True), 0)
        store.write("toy", i, EpisodeRecord("toy", 0, i, ("press it",), "press it", tuple(frames), (move,)))
    return store
