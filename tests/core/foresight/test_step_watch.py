"""A step is looked at once, judged once, and costs one rendering each time it is asked for."""

import dataclasses

import numpy as np
import pytest

from dynarend_core.foresight import Picture, StepWatch
from dynarend_core.perception.fusion import fuse
from dynarend_core.rendering.renderer import Renderer
from dynarend_core.visualization.splat import Viewpoint, look_at

WHERE = look_at(np.array([0.45, 0.3, 1.0]), np.array([0.45, 0.0, 0.0]), np.deg2rad(50), 24, 24)


@pytest.fixture
def cloud(record):
    return fuse(record.frames[0].views)


def test_a_step_is_judged_once_and_not_after_it_was_called_off(foresight, record, cloud, monkeypatch):
    images = []
    render = Renderer.image
    monkeypatch.setattr(Renderer, "image", lambda *args, **named: images.append(1) or render(*args, **named))
    watch = StepWatch(foresight, WHERE)
    observation = dataclasses.replace(record.observation(record.transitions[0]), cloud=cloud)
    assert watch.judge(cloud) is None
    assert not images
    future = watch.look(observation, cloud)
    assert len(images) == 1
    np.testing.assert_array_equal(future.rgb, foresight.look(observation).future(WHERE).rgb)
    error = watch.judge(cloud)
    assert error.score > 0
    assert np.isfinite([error.psnr_db, error.depth_cm]).all()
    assert watch.judge(cloud) is None
    watch.look(observation, cloud)
    watch.forget()
    assert watch.judge(cloud) is None


class Brighter:
    """Foresees that grey turns brighter, whatever it is shown."""

    def __init__(self, aabb):
        self.aabb = aabb

    def look(self, observation):
        return self

    def present(self, view):
        return Picture(np.full((view.height, view.width, 3), 90, np.uint8), np.full((view.height, view.width), 1.0))

    def future(self, view):
        return dataclasses.replace(self.present(view), rgb=self.present(view).rgb + 60)


def test_clouds_stand_for_the_cameras(foresight, record, cloud):
    def painted(grey):
        return dataclasses.replace(cloud, rgb=np.full_like(cloud.rgb, grey))

    scores = {}
    for grey in (30, 90, 150):
        watch = StepWatch(Brighter(foresight.policy.aabb), WHERE)
        watch.look(record.observation(record.transitions[0]), painted(90))
        scores[grey] = watch.judge(painted(grey)).score
    assert scores[150] < 0.01  # as foreseen
    assert scores[30] > 3  # the opposite
    assert scores[90] > 50  # nothing


def test_a_viewpoint_of_a_camera_is_that_camera(record):
    view = record.frames[0].views[0]
    half = Viewpoint.of(view, 32)
    assert (half.width, half.height, half.focal_px) == (32, 32, view.K[0, 0] / 2)
