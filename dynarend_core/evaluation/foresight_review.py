"""What a policy foresaw at each keyframe of a demonstration, beside what came."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from dynarend_core.errors import DatasetError
from dynarend_core.evaluation.demonstration import DemonstratedStep
from dynarend_core.foresight import (
    Foresight,
    Picture,
    PictureErrors,
    PredictionError,
    picture_errors,
    prediction_error,
)
from dynarend_core.types import CameraView, Prediction
from dynarend_core.visualization.splat import Viewpoint


@dataclass(frozen=True)
class ReviewedStep:
    """One keyframe: what the policy was given, what it foresaw, and what one camera really saw.

    Attributes:
        number: Number of the keyframe, from 1.
        step: The demonstrated step; its observation holds what the policy was given.
        prediction: The policy's action and value maps.
        before: The shown camera's image when the action was chosen.
        after: Its image when the keyframe was reached.
        present: The scene as it is, rendered from that camera.
        future: The scene at the next keyframe, rendered before the action.
        now: Errors of ``present`` against ``before``.
        then: Errors of ``future`` against ``after``.
        unchanged: Errors of ``before`` taken for ``after``: expecting that nothing happens.
        prediction_error: Foreseen change against the change that came.
    """

    number: int
    step: DemonstratedStep
    prediction: Prediction
    before: CameraView
    after: CameraView
    present: Picture
    future: Picture
    now: PictureErrors
    then: PictureErrors
    unchanged: PictureErrors
    prediction_error: PredictionError


def review(
    foresight: Foresight, steps: Iterable[DemonstratedStep], cameras: tuple[str, ...], shown: str | None
) -> Iterator[ReviewedStep]:
    """Ask, look ahead, and compare at each step.

    Args:
        foresight: Policy and renderer.
        steps: Demonstrated steps with the images of all cameras.
        cameras: Cameras the policy is given.
        shown: Camera whose view is rendered, given or not; None takes the first that stands still.

    Raises:
        DatasetError: An unknown camera, a shown camera that moves with the arm, or none that stands still.
    """
    steps = list(steps)
    shown = shown or _still_camera(steps, cameras)
    for number, step in enumerate(steps, 1):
        before, after = _find(step.observation.views, shown), _find(step.after, shown)
        if not _same_place(before, after):
            raise DatasetError(f"camera {shown!r} moved between two keyframes; show one that stands still")
        given = tuple(_find(step.observation.views, name) for name in cameras)
        step = dataclasses.replace(step, observation=dataclasses.replace(step.observation, views=given))
        yield _reviewed(foresight, number, step, before, after)


def _reviewed(
    foresight: Foresight, number: int, step: DemonstratedStep, before: CameraView, after: CameraView
) -> ReviewedStep:
    aabb = foresight.policy.aabb
    foreseen = foresight.look(step.observation)
    present, future = (render(Viewpoint.of(after)) for render in (foreseen.present, foreseen.future))
    return ReviewedStep(
        number,
        step,
        foresight.policy.act(step.observation),
        before,
        after,
        present,
        future,
        now=picture_errors(present, before, aabb),
        then=picture_errors(future, after, aabb),
        unchanged=picture_errors(Picture.of(before), after, aabb),
        prediction_error=prediction_error(present, future, before, after, aabb),
    )


def _find(views: tuple[CameraView, ...], name: str) -> CameraView:
    for view in views:
        if view.name == name:
            return view
    raise DatasetError(f"the episode has no camera {name!r}; it has {', '.join(v.name for v in views)}")


def _still_camera(steps: list[DemonstratedStep], cameras: tuple[str, ...]) -> str:
    for name in cameras:
        if all(_same_place(_find(s.observation.views, name), _find(s.after, name)) for s in steps):
            return name
    raise DatasetError(f"each of the cameras {', '.join(cameras)} moves; a camera that stands still must be shown")


def _same_place(first: CameraView, second: CameraView) -> bool:
    return bool(np.allclose(first.T_base_camera, second.T_base_camera, atol=1e-3))
