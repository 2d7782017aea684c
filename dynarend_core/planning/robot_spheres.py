"""The Panda as a few dozen spheres: cheap to check against a distance field, slightly larger than the real links."""

from __future__ import annotations

import numpy as np

from dynarend_core.planning import _chain

Array = np.ndarray

HAND_LINK = 8
"""Index of the hand among the frames of :func:`dynarend_core.planning._chain.link_frames`."""

# (frame, x, y, z, radius) [m], fitted to the convex collision meshes of the Menagerie model: each covers its share
# of a link to within 5 mm. The fingers (frame 8, z > 0.055) are drawn open and closed at once.
_TABLE = np.array(
    [
        (0, -0.078, 0.000, 0.024, 0.090),
        (0, 0.000, 0.030, 0.065, 0.092),
        (0, 0.000, -0.030, 0.065, 0.092),
        (1, 0.000, -0.002, -0.148, 0.070),
        (1, 0.000, -0.026, -0.088, 0.071),
        (1, 0.000, -0.078, -0.016, 0.070),
        (1, 0.000, -0.017, -0.005, 0.070),
        (2, 0.000, -0.048, 0.000, 0.069),
        (2, 0.000, -0.148, 0.000, 0.071),
        (2, 0.000, 0.006, 0.055, 0.075),
        (2, 0.000, -0.075, 0.065, 0.069),
        (3, 0.000, 0.000, -0.081, 0.067),
        (3, 0.056, 0.030, -0.055, 0.067),
        (3, 0.082, 0.044, -0.002, 0.069),
        (3, 0.031, 0.019, 0.007, 0.065),
        (4, -0.081, 0.084, 0.000, 0.069),
        (4, -0.049, 0.013, 0.009, 0.066),
        (4, -0.030, 0.061, 0.035, 0.067),
        (4, 0.000, 0.004, 0.042, 0.071),
        (5, 0.000, 0.000, -0.245, 0.056),
        (5, 0.000, 0.036, -0.216, 0.054),
        (5, 0.000, 0.000, -0.211, 0.054),
        (5, 0.000, 0.059, -0.157, 0.052),
        (5, 0.000, 0.087, -0.082, 0.052),
        (5, 0.000, 0.090, -0.002, 0.054),
        (5, 0.000, 0.045, -0.002, 0.054),
        (6, 0.077, -0.022, 0.000, 0.059),
        (6, 0.077, 0.037, 0.003, 0.058),
        (6, 0.010, 0.003, 0.009, 0.059),
        (7, 0.000, 0.000, 0.075, 0.050),
        (7, 0.033, 0.034, 0.077, 0.050),
        (8, 0.000, -0.072, 0.006, 0.037),
        (8, 0.000, -0.024, 0.008, 0.037),
        (8, 0.000, 0.024, 0.008, 0.037),
        (8, 0.000, 0.072, 0.006, 0.037),
        (8, 0.000, -0.068, 0.044, 0.039),
        (8, 0.000, 0.000, 0.050, 0.038),
        (8, 0.000, 0.068, 0.044, 0.039),
        (8, 0.000, 0.055, 0.063, 0.017),
        (8, 0.000, 0.056, 0.079, 0.015),
        (8, 0.000, 0.052, 0.099, 0.016),
        (8, 0.000, -0.055, 0.063, 0.017),
        (8, 0.000, -0.056, 0.079, 0.015),
        (8, 0.000, -0.052, 0.099, 0.016),
        (8, 0.000, 0.000, 0.099, 0.016),
    ]
)


class RobotSpheres:
    """Spheres fixed to the links of the arm, hand and fingers.

    Attributes:
        links: ``(k,)`` frame each sphere moves with: 0 base, 1 to 7 links, 8 hand.
        radii: ``(k,)`` [m].
        local: ``(k, 3)`` centres in those frames [m].
    """

    def __init__(self) -> None:
        self.links: Array = _TABLE[:, 0].astype(np.int64)
        self.local: Array = np.ascontiguousarray(_TABLE[:, 1:4])
        self.radii: Array = np.ascontiguousarray(_TABLE[:, 4])

    def centres(self, q: Array) -> Array:
        """``(k, 3)`` centres in the base frame at joint positions ``(7,)``."""
        frames = _chain.link_frames(np.ascontiguousarray(q, dtype=np.float64))[self.links]
        return np.einsum("kij,kj->ki", frames[:, :3, :3], self.local) + frames[:, :3, 3]
