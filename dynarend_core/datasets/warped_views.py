"""Target views by warping: what the input cameras saw, looked at from an orbit about the workspace."""

from __future__ import annotations

import numpy as np

from dynarend_core.datasets.records import FrameRecord
from dynarend_core.datasets.warping import warped_view
from dynarend_core.errors import DatasetError
from dynarend_core.geometry.orbit import LOWEST_Z_M, random_orbit
from dynarend_core.types import CameraView

AT_HAND_M = 0.25
"""A camera nearer to the gripper's tip rides on the hand, or looks at little else [m]."""


class WarpedViews:
    """Turns a random camera that is not at the hand by up to 30 degrees about the workspace's centre.

    A :class:`~dynarend_core.datasets.target_source.TargetViewSource`.

    Args:
        count: Views a frame, named ``warp0``, ``warp1``, ...
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def views(self, frame: FrameRecord, rng: np.random.Generator) -> tuple[CameraView, ...]:
        """See :class:`~dynarend_core.datasets.target_source.TargetViewSource`.

        Raises:
            DatasetError: every camera is near the hand, or too low.
        """
        tip = frame.gripper.T_base_gripper[:3, 3]
        places = [v.T_base_camera[:3, 3] for v in frame.views]
        usable = [p[2] >= LOWEST_Z_M and np.linalg.norm(p - tip) > AT_HAND_M for p in places]
        bases = [v for v, good in zip(frame.views, usable, strict=True) if good]
        if not bases:
            raise DatasetError(
                f"no camera stands {AT_HAND_M} m from the gripper and {LOWEST_Z_M} m above the table, so none can be "
                f"turned about the workspace (cameras: {', '.join(v.name for v in frame.views)}); check T_base_camera"
            )
        made = []
        for i in range(self.count):
            base = bases[rng.integers(len(bases))]
            T = random_orbit(base.T_base_camera, rng)
            made.append(warped_view(frame.views, f"warp{i}", base.K, T, base.depth_m.shape))
        return tuple(made)
