import itertools

import pytest

from dynarend_core.benchmarks.fusion import time_fusion
from dynarend_core.benchmarks.scene import synthetic_views
from dynarend_core.benchmarks.timing import measure, measure_in_turn


@pytest.fixture(scope="module")
def views():
    return synthetic_views()


def test_warm_up_calls_are_not_timed_and_all_repeats_are():
    calls = itertools.count()
    timing = measure(lambda: next(calls), repeats=7, warm_up=2)
    assert timing.repeats == 7
    assert next(calls) == 9
    assert 0.0 <= timing.p10_ms <= timing.median_ms <= timing.p90_ms


def test_slow_functions_stop_at_the_budget_but_not_before_three_calls():
    assert measure(lambda: None, repeats=1000, budget_s=0.0).repeats == 3


def test_compared_functions_are_called_in_turn():
    calls = []
    timings = measure_in_turn((lambda: calls.append("a"), lambda: calls.append("b")), repeats=3, warm_up=1)
    assert calls == ["a", "b"] * 4
    assert [t.repeats for t in timings] == [3, 3]


def test_fields_are_flat_and_named():
    timing = measure(lambda: None, repeats=3)
    assert set(timing.fields("ours")) == {"ours_ms", "ours_p10_ms", "ours_p90_ms", "ours_repeats"}


def test_fusion_is_timed_on_four_vga_views_of_a_scene_worth_fusing(views):
    cloud, fields = time_fusion(views, threads=1, repeats=1)
    assert fields["views"] == "4 x 640x480"
    assert fields["ours_ms"] > 0
    assert fields["points"] == len(cloud) > 30_000


def test_every_synthetic_camera_looks_at_the_table(views):
    assert len({view.name for view in views}) == 4
    for view in views:
        height, width = view.depth_m.shape
        assert 0.3 < view.depth_m[height // 2, width // 2] < 2.0, view.name
