import numpy as np

from dynarend_core.benchmarks.policy import time_policy
from dynarend_core.types import PointCloud


def test_acting_never_runs_the_renderer(tmp_path):
    rng = np.random.default_rng(0)
    xyz = rng.uniform([0.2, -0.3, 0.0], [0.7, 0.3, 0.2], (500, 3)).astype(np.float32)
    cloud = PointCloud(xyz, rng.integers(0, 256, (500, 3), dtype=np.uint8))
    fields = time_policy("debug", cloud, 1, tmp_path, repeats=3)
    assert fields["debug_renderer_calls"] == 0
    assert fields["debug_future_128_ms"] > fields["debug_with_renderer_ms"] > 0
    assert fields["debug_weights"] == "random"
