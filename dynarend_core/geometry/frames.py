"""Where RLBench's world, the Panda's base and the policy's workspace lie relative to each other.

Sources: RLBench's recorded demonstrations (camera and tip poses) and PerAct/RVT's scene bounds.
"""

from __future__ import annotations

import numpy as np

from dynarend_core.geometry import se3

TABLE_Z_WORLD = 0.75
"""Height of RLBench's table top in its world frame [m]."""

T_WORLD_BASE = se3.make(t=np.array([-0.2686, -0.0059, TABLE_Z_WORLD]))
"""Panda base frame (Menagerie ``link0``) in RLBench's world frame."""

SCENE_AABB_WORLD = np.array([[-0.3, -0.5, 0.6], [0.7, 0.5, 1.6]])
"""Scene bounds of PerAct, RVT and this project, world frame [m]."""

SCENE_AABB_BASE = SCENE_AABB_WORLD - T_WORLD_BASE[:3, 3]
"""The same 1 m cube in the base frame [m]."""
