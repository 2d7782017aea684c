import pytest
import torch

from dynarend_core.benchmarks.memory import peak_bytes
from dynarend_core.benchmarks.pretraining import time_pretraining
from dynarend_core.benchmarks.scene import synthetic_views


def test_peak_memory_is_what_is_held_at_once():
    """Two 4 MB squares at a time, never three: the first is gone before the last is made."""
    x = torch.ones(1000, 1000)

    def chain():
        y = x + 1
        for _ in range(3):
            y = y * 2
        return float(y[0, 0])

    assert 2 * x.nbytes <= peak_bytes(chain) < 2.1 * x.nbytes


@pytest.fixture(scope="module")
def fields():
    return time_pretraining("debug", synthetic_views(), threads=1, repeats=1)


def test_the_parts_of_a_step_fit_into_it(fields):
    assert 0 < fields["encode_ms"] + fields["render_ms"] < 2 * fields["step_ms"]
    assert fields["render_share"] == pytest.approx(fields["render_ms"] / fields["step_ms"], abs=1e-3)
    assert fields["rays"] == 2 * 48 * fields["scenes"]
    assert fields["rays_per_s"] == pytest.approx(1e3 * fields["rays"] / fields["render_ms"], abs=1)
    assert 0 < fields["render_memory_per_scene_mib"] < fields["memory_per_scene_mib"]


def test_the_renderer_leaves_the_plain_loop_far_behind(fields):
    assert fields["rays_per_s"] > 20 * fields["reference_rays_per_s"]
