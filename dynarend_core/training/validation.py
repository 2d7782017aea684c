"""How good is a policy on held-out frames? Open loop, through :class:`dynarend_core.policy.Policy` itself.

Errors are kept apart by task and step: a median over all steps hides the one hard step of an episode. Frames in
which the arm was displaced are reported on their own, because only they show whether the network sees or copies.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets.keyframe_dataset import KeyframeDataset
from dynarend_core.geometry.rotations import gripper_rotation_angle
from dynarend_core.policy import Policy

Array = np.ndarray


@dataclass(frozen=True)
class StepReport:
    """Errors of one group of frames.

    Attributes:
        task: Task name.
        step: Keyframes done before; -1 for all.
        displaced: Whether the arm was displaced from its keyframe.
        frames: Number of frames.
        position_cm: Median and 90th percentile [cm].
        rotation_deg: Median and 90th percentile, 180 degrees about the approach axis being the same [degrees].
        gripper: Share of right gripper commands.
        collision: Share of right collision flags.
        within_2cm: Share of positions within 2 cm.
    """

    task: str
    step: int
    displaced: bool
    frames: int
    position_cm: tuple[float, float]
    rotation_deg: tuple[float, float]
    gripper: float
    collision: float
    within_2cm: float


@dataclass(frozen=True)
class KeyframeErrors:
    """How far a predicted keyframe is from the demonstrated one.

    Attributes:
        position_cm: Distance [cm].
        rotation_deg: Angle, 180 degrees about the approach axis being the same [degrees].
        gripper: Right gripper command.
        collision: Right collision flag.
    """

    position_cm: float
    rotation_deg: float
    gripper: bool
    collision: bool


def keyframe_errors(
    policy: Policy, dataset: KeyframeDataset, number: int, row: int, rng: np.random.Generator
) -> KeyframeErrors:
    """Run the policy on a transition of task ``number`` with one of its phrasings."""
    task = dataset.tasks[number]
    phrasings = task.instructions[int(task.episode[row])]
    observation, truth = dataset.observation(number, row, phrasings[int(rng.integers(len(phrasings)))])
    said = policy.act(observation).keyframe
    T, T_true = said.T_base_gripper, truth.T_base_gripper
    return KeyframeErrors(
        100.0 * float(np.linalg.norm(T[:3, 3] - T_true[:3, 3])),
        float(np.degrees(gripper_rotation_angle(T[:3, :3], T_true[:3, :3]))),
        said.gripper_open == truth.gripper_open,
        said.ignore_collisions == truth.ignore_collisions,
    )


def validate(policy: Policy, dataset: KeyframeDataset, frames_per_task: int = 60, seed: int = 0) -> list[StepReport]:
    """Run the policy on an equal spread of each task's frames, each with one of its phrasings."""
    rng = np.random.default_rng(seed)
    reports = []
    for number, task in enumerate(dataset.tasks):
        rows = dataset.rows[number]
        chosen = rows if len(rows) <= frames_per_task else np.sort(rng.permutation(rows)[:frames_per_task])
        each = [keyframe_errors(policy, dataset, number, int(row), rng) for row in chosen]
        errors = np.array([dataclasses.astuple(e) for e in each], dtype=np.float64)
        reports += _grouped(task.task, errors, task.step[chosen], task.displaced[task.frame[chosen]])
    return reports


def _grouped(task: str, errors: Array, steps: Array, displaced: Array) -> list[StepReport]:
    reports = []
    for moved in (False, True):
        for step in [-1, *np.unique(steps).tolist()]:
            rows = (displaced == moved) & ((steps == step) | (step == -1))
            if not rows.any():
                continue
            e = errors[rows]
            median, p90 = np.median(e, axis=0), np.percentile(e, 90, axis=0)
            reports.append(
                StepReport(
                    task,
                    int(step),
                    moved,
                    int(rows.sum()),
                    (round(float(median[0]), 3), round(float(p90[0]), 3)),
                    (round(float(median[1]), 2), round(float(p90[1]), 2)),
                    round(float(e[:, 2].mean()), 4),
                    round(float(e[:, 3].mean()), 4),
                    round(float((e[:, 0] < 2.0).mean()), 4),
                )
            )
    return reports
