"""Policy folder in, pictures of now and of the next keyframe out."""

import dataclasses

import numpy as np
import pytest

from dynarend_core.errors import CheckpointError, InvalidInputError
from dynarend_core.foresight import Foresight, Picture, picture_errors, prediction_error, workspace_pixels
from dynarend_core.foresight.prediction_error import change_score
from dynarend_core.networks.checkpoint import save_checkpoint
from dynarend_core.rendering.renderer import Renderer
from dynarend_core.rendering.renderer_file import save_renderer
from dynarend_core.visualization.splat import Viewpoint


@pytest.fixture
def observation(record):
    return record.observation(record.transitions[0])


def test_pictures_have_the_asked_size_and_differ_between_now_and_future(foresight, record, observation):
    foreseen = foresight.look(observation)
    where = Viewpoint.of(record.frames[0].views[0], width=16)
    present, future = foreseen.present(where), foreseen.future(where)
    assert present.rgb.shape == (16, 16, 3)
    assert present.rgb.dtype == np.uint8
    assert present.depth_m.shape == present.opacity.shape == (16, 16)
    assert present.semantic.shape == (16, 16, 4)
    assert (present.opacity >= 0).all()
    assert (present.opacity <= 1.0001).all()
    assert np.abs(present.depth_m - future.depth_m).max() > 0


def test_a_small_picture_is_the_large_one_at_fewer_pixels(foresight, record, observation):
    view = record.frames[0].views[0]
    foreseen = foresight.look(observation)
    large, small = (foreseen.present(Viewpoint.of(view, width)).depth_m for width in (64, 32))
    np.testing.assert_allclose(large.reshape(32, 2, 32, 2).mean(axis=(1, 3)), small, atol=0.01)


def test_looking_renders_nothing(foresight, observation, monkeypatch):
    def refuse(*_):
        raise AssertionError("rendered without being asked")

    monkeypatch.setattr(Renderer, "forward", refuse)
    foresight.look(observation)
    foresight.policy.act(observation)


def test_a_folder_gives_the_same_pictures(foresight, renderer, record, observation, debug_info, tmp_path):
    save_checkpoint(tmp_path, foresight.policy.network, debug_info)
    with pytest.raises(CheckpointError, match="--fit-renderer"):
        Foresight.from_policy(tmp_path)
    save_renderer(tmp_path, renderer)
    where = Viewpoint.of(record.frames[0].views[0], 8)
    pictures = [f.look(observation).future(where).rgb for f in (foresight, Foresight.from_policy(tmp_path))]
    np.testing.assert_array_equal(*pictures)


def test_the_renderer_of_another_network_is_refused(foresight, renderer):
    wide = Renderer(renderer.config, renderer.width + 8, renderer.box)
    moved = Renderer(renderer.config, renderer.width, renderer.box + 0.1)
    for other in (wide, moved):
        with pytest.raises(CheckpointError, match="same training run"):
            Foresight(foresight.policy, other)


def test_errors_of_a_picture_are_what_was_put_in(foresight, record):
    view = record.frames[0].views[0]
    aabb = foresight.policy.aabb
    assert workspace_pixels(view, aabb).all()
    picture = Picture(np.clip(view.rgb.astype(int) - 51, 0, 255).astype(np.uint8), view.depth_m + 0.02)
    errors = picture_errors(picture, view, aabb)
    assert errors.psnr_db == pytest.approx(-10 * np.log10(0.2**2), abs=0.01)
    assert errors.depth_cm == pytest.approx(2.0, abs=1e-3)
    assert errors.depth_mean_cm == pytest.approx(2.0, abs=1e-3)
    assert not workspace_pixels(view, aabb + 5.0).any()
    with pytest.raises(InvalidInputError, match="nothing of the workspace"):
        picture_errors(picture, view, aabb + 5.0)


def test_the_score_tells_success_from_failure():
    rng = np.random.default_rng(0)
    change, other = rng.normal(0, 0.2, (2, 100, 3))
    still = rng.normal(0, 0.001, (100, 3))
    assert change_score(change, change) == 0
    assert change_score(0.5 * change + 0.2 * other, change) < 0.5  # faint, and partly wrong
    assert change_score(change, still) > 50
    assert change_score(still, change) == pytest.approx(1.0, abs=0.05)
    assert change_score(change, other) == pytest.approx(2.0, abs=0.4)
    assert change_score(change, -change) == pytest.approx(4.0, abs=0.1)
    assert change_score(still, still[::-1]) < 0.1


def test_a_world_that_does_not_move_disappoints_who_foresees_a_change(record, foresight):
    view, aabb = record.frames[0].views[0], foresight.policy.aabb
    present, future = (Picture(np.full((16, 16, 3), v, np.uint8), np.full((16, 16), 0.75)) for v in (100, 150))
    assert prediction_error(present, future, view, view, aabb).score > 50
    assert prediction_error(present, present, view, view, aabb).score == 0.0
    brighter = dataclasses.replace(view, rgb=view.rgb // 2 + 50)
    moved = dataclasses.replace(view, T_base_camera=view.T_base_camera + 0.1)
    darker = dataclasses.replace(view, rgb=view.rgb // 2)
    assert prediction_error(present, future, darker, brighter, aabb).score < 0.01
    assert prediction_error(present, future, brighter, darker, aabb).score > 3.5
    with pytest.raises(InvalidInputError, match="moved"):
        prediction_error(present, future, view, moved, aabb)
