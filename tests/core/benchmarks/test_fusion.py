"""The comparison with Open3D: same points where it is installed, a plain word where it is not."""

import importlib.util
import time

import numpy as np
import pytest

from dynarend_core.benchmarks import fusion_open3d
from dynarend_core.benchmarks.fusion import time_fusion
from dynarend_core.benchmarks.scene import synthetic_views
from dynarend_core.errors import MissingDependencyError
from dynarend_core.perception.fusion import CloudFuser, FusionConfig

VIEWS = synthetic_views(width=64, height=48)


def test_without_open3d_the_report_says_so(monkeypatch):
    def missing():
        raise MissingDependencyError("make bench-setup")

    monkeypatch.setattr(fusion_open3d, "open3d", missing)
    cloud, fields = time_fusion(VIEWS, 1, repeats=3)
    assert fields["open3d_unavailable"] == "make bench-setup"
    assert "open3d_ms" not in fields
    assert fields["points"] == len(cloud)


def test_the_faster_interface_counts(monkeypatch):
    def peer(seconds):
        return lambda: (time.sleep(seconds), (np.zeros((5, 3)), np.zeros((5, 3))))[1]

    monkeypatch.setattr(fusion_open3d, "fusers", lambda *_: {"legacy": peer(0.05), "tensor": peer(0.2)})
    monkeypatch.setattr(fusion_open3d, "open3d", lambda: type("module", (), {"__version__": "0"}))
    fields = time_fusion(VIEWS, 1, repeats=3)[1]
    assert (fields["open3d_interface"], fields["open3d_points"]) == ("legacy", 5)
    assert 50 <= fields["open3d_ms"] < fields["open3d_other_ms"]
    assert fields["open3d_ratio"] > 1


@pytest.mark.skipif(
    importlib.util.find_spec("open3d") is None, reason="open3d is in the environment of make bench only"
)
@pytest.mark.parametrize("interface", ["legacy", "tensor"])
def test_open3d_makes_the_same_cloud(interface):
    config = FusionConfig(voxel_m=0.05)
    ours = CloudFuser(config).fuse(VIEWS)
    points, colours = fusion_open3d.fusers(VIEWS, config)[interface]()
    assert colours.shape == points.shape
    assert (points >= config.aabb_base[0] - 1e-5).all()
    assert (points <= config.aabb_base[1] + 1e-5).all()
    # its voxels lie elsewhere: means of the same points in other boxes
    assert 0.7 < len(points) / len(ours) < 2.0
    distance = np.linalg.norm(points[:, None] - ours.xyz[None], axis=2).min(axis=1)
    assert np.percentile(distance, 99) < 0.05
