"""The measure itself: a renderer that knows the truth must win, and baselines must lose where they should."""

import dataclasses

import numpy as np
import pytest

from dynarend_core.errors import DatasetError
from dynarend_core.foresight import Foresight, Picture
from dynarend_core.foresight.scenes import stored_scenes
from dynarend_core.policy import Policy
from dynarend_core.training.render_validation import RenderValidation
from dynarend_core.types import CameraView


class Oracle(Foresight):
    """Renders the true present wherever and whenever it is asked."""

    def __init__(self, policy, scene):
        self.policy, self.scene = policy, scene

    def look(self, observation):
        assert self.scene.camera not in [v.name for v in observation.views]
        return self

    def present(self, view):
        return Picture.of(self.scene.now)

    future = present


@pytest.fixture
def scene(toy_store, tmp_path):
    """In the future a quarter of the picture has another colour and comes 10 cm nearer."""
    (scene,) = stored_scenes(toy_store(tmp_path, 1), "side", 1)
    now = scene.now
    rgb, depth = now.rgb.copy(), now.depth_m.copy()
    rgb[:32, :32] = 255 - rgb[:32, :32] // 2
    depth[:32, :32] -= 0.1
    return dataclasses.replace(scene, future=CameraView("side", rgb, depth, now.K, now.T_base_camera))


@pytest.fixture
def policy(debug_network, debug_info, encoder):
    return Policy(debug_network, debug_info, encoder=encoder)


def test_the_truth_has_no_error_and_a_copy_fails_exactly_where_the_scene_changed(scene, policy):
    done = []
    reports, picture = RenderValidation(lambda count: iter([scene] * count), on_scene=done.append).run(
        Oracle(policy, scene), 2
    )
    by = {(r.when, r.source): r for r in reports}
    assert by["now", "rendered"].psnr_db == 100.0
    assert by["now", "rendered"].depth_mean_cm == 0.0
    assert by["future", "copy"].depth_cm == 0.0
    assert by["change", "copy"].depth_cm == pytest.approx(10.0, abs=0.1)
    assert by["change", "copy"].psnr_db < by["future", "copy"].psnr_db
    assert by["change", "rendered"].psnr_db == by["change", "copy"].psnr_db  # the oracle foresees nothing
    assert {r.camera for r in reports} == {"side"}
    assert {s for w, s in by if w == "now"} == {"rendered", "warp", "splat", "constant"}
    assert {s for w, s in by if w == "future"} == {"rendered", "warp", "splat", "constant", "copy"}
    assert all(r.scenes == 2 for r in reports)
    assert done == [1, 2]
    assert picture.ndim == 3


def test_a_still_scene_has_no_changed_pixels(scene, policy):
    still = dataclasses.replace(scene, future=scene.now)
    reports, _ = RenderValidation(lambda count: iter([still])).run(Oracle(policy, still), 1)
    assert {r.when for r in reports} == {"now", "future"}


def test_a_view_of_nothing_is_passed_over_and_only_such_views_are_an_error(scene, policy):
    nothing = dataclasses.replace(scene.now, depth_m=np.full_like(scene.now.depth_m, np.nan))
    blind = dataclasses.replace(scene, future=nothing)
    reports, _ = RenderValidation(lambda count: iter([blind, scene])).run(Oracle(policy, scene), 2)
    assert {r.scenes for r in reports} == {1}
    with pytest.raises(DatasetError, match="another camera"):
        RenderValidation(lambda count: iter([blind])).run(Oracle(policy, scene), 1)
