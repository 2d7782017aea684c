"""Several looks at one scene, each as if it stood a little elsewhere, and what most of them agree on.

A network that was trained on moved scenes answers a moved scene a little differently. The mean of like answers is
nearer than one of them, and a place that only one look prefers is outvoted. Each look is a whole pass of the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_z
from dynarend_core.types import Keyframe

Array = np.ndarray

TURN_DEG, SHIFT_M = 15.0, 0.05
"""How far a scene is moved at most: well within the augmentation of training."""
AGREE_M = 0.03


def scene_motions(count: int, aabb: Array) -> list[Array]:
    """``count`` rigid motions ``(4, 4)`` of the scene in the base frame: none first, then turns and shifts.

    Turns are about the vertical through the middle of the workspace ``aabb``, ``(2, 3)`` [m]. Always the same ones, so
    that the same observation has the same answer.
    """
    rng, middle = np.random.default_rng(0), (aabb[0] + aabb[1]) / 2.0
    motions = [np.eye(4)]
    for _ in range(count - 1):
        R = rotation_z(np.deg2rad(rng.uniform(-TURN_DEG, TURN_DEG)))
        motions.append(se3.make(R, middle + rng.uniform(-SHIFT_M, SHIFT_M, 3) - R @ middle))
    return motions


def agreed(keyframes: Sequence[Keyframe]) -> tuple[Keyframe, float]:
    """The answer of the largest group of keyframes that lie within 3 cm of one of them; of equal ones, the first's.

    Its position is the group's mean, its rotation that of the keyframe nearest to it, gripper command and collision
    flag those of the majority.

    Returns:
        The keyframe, and the group's share of all.
    """
    positions = np.array([k.T_base_gripper[:3, 3] for k in keyframes])
    near = np.linalg.norm(positions[:, None] - positions, axis=-1) < AGREE_M
    group: list[int] = np.flatnonzero(near[near.sum(axis=1).argmax()]).tolist()
    position = positions[group].mean(axis=0)
    nearest = group[int(np.linalg.norm(positions[group] - position, axis=1).argmin())]
    keyframe = Keyframe(
        se3.make(keyframes[nearest].T_base_gripper[:3, :3], position),
        gripper_open=_most([keyframes[i].gripper_open for i in group]),
        ignore_collisions=_most([keyframes[i].ignore_collisions for i in group]),
    )
    return keyframe, len(group) / len(keyframes)


def _most(votes: Sequence[bool]) -> bool:
    """The majority; the first one's at a draw."""
    share = float(np.mean(votes))
    return votes[0] if share == 0.5 else share > 0.5
