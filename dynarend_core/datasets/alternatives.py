"""Alternatives of a task's frames as plain JSON: what a cache keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dynarend_core.datasets.records import Alternative
from dynarend_core.types import Keyframe

Alternatives = Mapping[int, tuple[Alternative, ...]]
"""By frame: the answers to other instructions about the same scene."""


def encode(alternatives: Alternatives) -> dict[str, list[dict[str, Any]]]:
    """By frame, in the words of an episode file (``docs/data.md``)."""
    return {
        str(frame): [
            {
                "instructions": list(a.instructions),
                "T_base_gripper": np.asarray(a.keyframe.T_base_gripper).tolist(),
                "gripper_open": bool(a.keyframe.gripper_open),
                "ignore_collisions": bool(a.keyframe.ignore_collisions),
            }
            for a in listed
        ]
        for frame, listed in alternatives.items()
    }


def decode(data: Mapping[str, list[dict[str, Any]]]) -> dict[int, tuple[Alternative, ...]]:
    """Inverse of :func:`encode`."""
    return {
        int(frame): tuple(
            Alternative(
                tuple(a["instructions"]),
                Keyframe(np.array(a["T_base_gripper"]), a["gripper_open"], a["ignore_collisions"]),
            )
            for a in listed
        )
        for frame, listed in data.items()
    }
