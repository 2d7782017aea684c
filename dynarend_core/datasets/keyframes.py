"""Which frames of a recorded demonstration are keyframes, by PerAct's rule (``docs/data.md``)."""

from __future__ import annotations

import numpy as np

from dynarend_core.errors import InvalidInputError

Array = np.ndarray

STOP_VELOCITY = 0.1
"""A joint slower than this [rad/s] counts as standing."""

STOP_COOLDOWN_FRAMES = 4
"""Frames after a stop during which no further stop is reported: one pause is one keyframe."""


def discover_keyframes(gripper_open: Array, joint_velocities: Array) -> list[int]:
    """Indices of the frames at which the gripper changed, the arm stopped, or the recording ended.

    Frame 0 is never a keyframe. If the last two keyframes are neighbours, the earlier one is dropped.

    Args:
        gripper_open: ``(t,)`` bool or 0/1.
        joint_velocities: ``(t, 7)`` [rad/s].

    Raises:
        InvalidInputError: lengths differ, or fewer than two frames.
    """
    is_open = np.asarray(np.greater(gripper_open, 0.5))
    velocities = np.asarray(joint_velocities, dtype=np.float64)
    n = len(is_open)
    if n < 2 or is_open.ndim != 1 or velocities.ndim != 2 or len(velocities) != n:
        raise InvalidInputError(
            f"keyframes need gripper_open (t,) and joint_velocities (t, joints) with t >= 2, "
            f"got {is_open.shape} and {velocities.shape}"
        )
    standing = np.all(np.abs(velocities) <= STOP_VELOCITY, axis=1)
    keyframes: list[int] = []
    cooldown = 0
    for i in range(n):
        stopped = cooldown <= 0 and bool(standing[i]) and _gripper_at_rest(is_open, i)
        cooldown = STOP_COOLDOWN_FRAMES if stopped else cooldown - 1
        if i > 0 and (stopped or i == n - 1 or is_open[i] != is_open[i - 1]):
            keyframes.append(i)
    if len(keyframes) > 1 and keyframes[-1] - keyframes[-2] == 1:
        del keyframes[-2]
    return keyframes


def ignore_collisions_label(ignore_collisions: Array, target_frame: int) -> bool:
    """Collision flag of the motion that ends at ``target_frame``: the flag of the frame before it.

    The flag recorded *at* a keyframe already belongs to the next motion.
    """
    return bool(np.asarray(ignore_collisions)[max(target_frame - 1, 0)] > 0.5)


def _gripper_at_rest(is_open: Array, i: int) -> bool:
    """The gripper did not change from two frames before ``i`` to one after; false in the last two frames."""
    if i >= len(is_open) - 2:
        return False
    window = is_open[max(i - 2, 0) : i + 2]
    return bool((window == window[0]).all())
