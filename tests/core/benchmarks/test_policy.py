import numpy as np
import torch

from dynarend_core.benchmarks.policy import time_policy
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.checkpoint import CheckpointInfo, build_network
from dynarend_core.rendering.renderer import Renderer
from dynarend_core.training.presets import PRESETS, preset
from dynarend_core.types import PointCloud


def test_acting_never_runs_the_renderer(tmp_path):
    rng = np.random.default_rng(0)
    xyz = rng.uniform([0.2, -0.3, 0.0], [0.7, 0.3, 0.2], (500, 3)).astype(np.float32)
    cloud = PointCloud(xyz, rng.integers(0, 256, (500, 3), dtype=np.uint8))
    fields = time_policy("debug", cloud, 1, tmp_path, repeats=3)
    assert fields["debug_renderer_calls"] == 0
    assert fields["debug_future_128_ms"] > fields["debug_with_renderer_ms"] > 0
    assert fields["debug_weights"] == "random"


def test_a_renderer_can_be_timed_with_every_preset():
    for name in PRESETS:
        info = CheckpointInfo(name, preset(name).network, SCENE_AABB_BASE.tolist())
        stem = build_network(info).coarse.stem
        render = preset(name).rendering.render.fitted(stem.skip_channels)
        renderer = Renderer(render, info.network.coarse.width, torch.zeros(2, 3))
        read = renderer.field.skip_in.in_channels if renderer.field.skip_in else 0
        assert read == sum(stem.skip_channels[:1])
