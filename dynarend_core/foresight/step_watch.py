"""Watches steps from one fixed viewpoint: what was foreseen before an action, and whether it came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dynarend_core.foresight.picture import Picture
from dynarend_core.foresight.prediction_error import PredictionError, prediction_error
from dynarend_core.types import CameraView, Observation, PointCloud
from dynarend_core.visualization.splat import Viewpoint, splat

Array = np.ndarray

_POINT_M = 0.012
"""A little more than a voxel of the cloud, so that no gaps open between drawn points."""


class Pictures(Protocol):
    """What was foreseen; :class:`dynarend_core.foresight.Foreseen` is one."""

    def present(self, view: Viewpoint) -> Picture:
        """The scene as it is."""
        ...

    def future(self, view: Viewpoint) -> Picture:
        """The scene at the next keyframe."""
        ...


class Looks(Protocol):
    """What looks ahead; :class:`dynarend_core.foresight.Foresight` does."""

    aabb: Array

    def look(self, observation: Observation) -> Pictures:
        """Encode an observation."""
        ...


@dataclass(frozen=True)
class _Expected:
    foreseen: Pictures
    future: Picture
    before: CameraView


class StepWatch:
    """Keeps what was foreseen until it can be compared. Clouds stand for cameras: they are drawn from the viewpoint.

    Args:
        foresight: Looks ahead.
        where: Viewpoint of all pictures.
    """

    def __init__(self, foresight: Looks, where: Viewpoint) -> None:
        self._foresight, self._where = foresight, where
        self._expected: _Expected | None = None

    def look(self, observation: Observation, cloud: PointCloud) -> Picture:
        """The rendered next keyframe; remembered until :meth:`judge` or :meth:`forget`.

        Raises:
            ObservationError: The observation cannot be encoded.
        """
        foreseen = self._foresight.look(observation)
        future = foreseen.future(self._where)
        self._expected = _Expected(foreseen, future, self._seen(cloud))
        return future

    def judge(self, cloud: PointCloud) -> PredictionError | None:
        """Compare what was foreseen with the cloud after the action, once; None if nothing was foreseen.

        Raises:
            InvalidInputError: The cloud shows nothing of the workspace from the viewpoint.
        """
        expected, self._expected = self._expected, None
        if expected is None:
            return None
        present = expected.foreseen.present(self._where)
        return prediction_error(present, expected.future, expected.before, self._seen(cloud), self._foresight.aabb)

    def forget(self) -> None:
        """What was foreseen no longer matters: a new task begins, or the action was called off."""
        self._expected = None

    def _seen(self, cloud: PointCloud) -> CameraView:
        rgb, depth = splat(cloud.xyz, cloud.rgb, _POINT_M, self._where)
        depth = np.where(np.isfinite(depth), depth, np.nan)
        return CameraView("cloud", rgb.round().astype(np.uint8), depth, self._where.K, self._where.T_base_camera)
