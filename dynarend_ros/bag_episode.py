"""A recorded bag as a demonstration: moments at which all cameras saw, keyframes among them, transitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynarend_core.datasets.keyframes import discover_keyframes
from dynarend_core.datasets.records import EpisodeRecord, FrameRecord, Transition
from dynarend_core.errors import DatasetError
from dynarend_core.planning.robot import Robot
from dynarend_core.types import Array, GripperState, Keyframe
from dynarend_ros.bag_reader import BagContent, BagReader

SPEED_WINDOW_NS = 40_000_000


@dataclass(frozen=True)
class BagConversion:
    """How a bag becomes an episode.

    Attributes:
        cameras: Cameras to take.
        slop_s: Largest distance of a camera's stamp from the first camera's [s].
        joints_slop_s: Largest distance of the joint state's [s].
        open_share: Share of the gripper's opening from which it counts as open.
        task: Instead of the one the recorder noted; empty: that one.
        instruction: Instead of the one the recorder noted or heard.
    """

    cameras: Sequence[str]
    slop_s: float = 0.05
    joints_slop_s: float = 0.05
    open_share: float = 0.9
    task: str = ""
    instruction: str = ""


def episode_from_bag(folder: Path, robot: Robot, conversion: BagConversion) -> EpisodeRecord:
    """The demonstration in a bag: its first moment and its keyframes (``docs/data.md``), and the ways between them.

    Nobody says in teleoperation whether contact was meant: ``ignore_collisions`` is false throughout.

    Raises:
        DatasetError: what is needed is not in the bag, or nothing happens in it.
    """
    reader = BagReader(folder, conversion.cameras, robot)
    content = reader.content
    sets = _sets(content, conversion)
    if len(sets) < 2:
        raise DatasetError(f"{folder}: {len(sets)} moments at which all cameras and the joints were seen, 2 are needed")
    nearest = np.array([_nearest(content.joints_ns, moment[conversion.cameras[0]]) for moment in sets])
    width = np.where(np.isnan(content.width_m), robot.gripper.width_m, content.width_m)[nearest]
    is_open = width > conversion.open_share * robot.gripper.width_m
    speeds = np.stack([_velocity(content, i) for i in nearest])
    kept = [0, *discover_keyframes(is_open, speeds)]
    instruction = conversion.instruction or content.notes.get("instruction", "") or content.instruction
    task = conversion.task or content.notes.get("task", "")
    if not instruction or not task:
        what = "instruction" if not instruction else "task"
        raise DatasetError(f"{folder} does not say its {what}; give it with --{what}")
    frames = tuple(
        FrameRecord(
            reader.views(sets[i]),
            GripperState(robot.forward(content.q[nearest[i]]), bool(is_open[i]), float(width[i])),
            content.q[nearest[i]],
            sets[i][conversion.cameras[0]],
            "start" if k == 0 else "keyframe",
        )
        for k, i in enumerate(kept)
    )
    transitions = tuple(
        Transition(k, k + 1, Keyframe(end.gripper.T_base_gripper, end.gripper.is_open, False), k)
        for k, end in enumerate(frames[1:])
    )
    return EpisodeRecord(task, 0, 0, (instruction,), instruction, frames, transitions)


def _sets(content: BagContent, conversion: BagConversion) -> list[dict[str, int]]:
    """Stamps of the moments at which every camera and the joints were seen, by camera."""
    stamps = {camera: np.array(content.stamps_ns[camera], dtype=np.int64) for camera in conversion.cameras}
    reference, out = stamps[conversion.cameras[0]], []
    for stamp_ns in reference:
        near = {camera: int(own[_nearest(own, stamp_ns)]) for camera, own in stamps.items()}
        joint_ns = content.joints_ns[_nearest(content.joints_ns, stamp_ns)]
        apart = max(abs(ns - stamp_ns) for ns in near.values()) <= 1e9 * conversion.slop_s
        if apart and abs(joint_ns - stamp_ns) <= 1e9 * conversion.joints_slop_s:
            out.append(near)
    return out


def _nearest(rising: Array, value: int) -> int:
    k = int(np.searchsorted(rising, value))
    around = [i for i in (k - 1, k) if 0 <= i < len(rising)]
    return min(around, key=lambda i: abs(int(rising[i]) - value))


def _velocity(content: BagContent, i: int) -> Array:
    """Joint velocities round a joint state ``(n,)`` [rad/s], from positions: not every driver sends velocities."""
    before = max(int(np.searchsorted(content.joints_ns, content.joints_ns[i] - SPEED_WINDOW_NS)), 0)
    after = min(
        int(np.searchsorted(content.joints_ns, content.joints_ns[i] + SPEED_WINDOW_NS)), len(content.joints_ns) - 1
    )
    seconds = 1e-9 * float(content.joints_ns[after] - content.joints_ns[before])
    return (content.q[after] - content.q[before]) / seconds if seconds > 0.0 else np.zeros(content.q.shape[1])
