"""Which keyframes a policy gets wrong: what it should be shown more often when it is trained further.

After some hours most keyframes of most tasks are right to millimetres, and a few are guessed: which of two taps, which
of three pegs. Drawn alike, the few get a small share of the steps. Here the policy to start from is asked once for
some training frames of every task and keyframe, and what it misses is drawn more often from then on: tasks by their
worst keyframe, then the keyframes of a task. (By keyframe alone, long tasks that leave a free choice would take most.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets.keyframe_dataset import KeyframeDataset
from dynarend_core.policy import Policy
from dynarend_core.training.validation import keyframe_errors

Array = np.ndarray

FLOOR, TASK_FLOOR = 0.1, 0.3
"""Added to a keyframe's share of misses, and to a task's worst one: what is right must stay right."""
FRAMES = 16
MISSED_CM, MISSED_DEG = 2.0, 15.0


@dataclass(frozen=True)
class Focus:
    """One keyframe of one task.

    Attributes:
        task: Task name.
        step: Keyframes done before.
        missed: Share of its frames that the policy misses: by 2 cm or 15 degrees or with the wrong gripper command.
        share: Share of all draws that it gets.
    """

    task: str
    step: int
    missed: float
    share: float


def measure_focus(
    policy: Policy, dataset: KeyframeDataset, progress: Callable[[str, int, int], None] | None = None, seed: int = 0
) -> list[Focus]:
    """Ask the policy for up to 16 frames of every task and keyframe.

    Args:
        policy: What training starts from.
        dataset: What it is trained on.
        progress: Called after each task with what is done, tasks done and tasks in all.
        seed: Of the choice of frames.

    Returns:
        All keyframes of all tasks; their shares add up to 1.
    """
    rng = np.random.default_rng(seed)
    missed: list[dict[int, float]] = []
    for number, task in enumerate(dataset.tasks):
        rows = dataset.rows[number]
        missed.append({})
        for step in np.unique(task.step[rows]).tolist():
            chosen = rng.permutation(rows[task.step[rows] == step])[:FRAMES]
            errors = [keyframe_errors(policy, dataset, number, int(row), rng) for row in chosen]
            wrong = [e.position_cm > MISSED_CM or e.rotation_deg > MISSED_DEG or not e.gripper for e in errors]
            missed[-1][step] = float(np.mean(wrong))
        if progress is not None:
            progress(f"{task.task} (what is missed)", number + 1, len(dataset.tasks))
    return [
        Focus(task.task, step, share, float(weight))
        for task, shares, weights in zip(dataset.tasks, missed, _shares(missed), strict=True)
        for (step, share), weight in zip(shares.items(), weights, strict=True)
    ]


def _shares(missed: list[dict[int, float]]) -> list[Array]:
    """Each task's shares of all draws, one a keyframe."""
    tasks = np.array([max(shares.values()) + TASK_FLOOR for shares in missed])
    keyframes = [np.array(list(shares.values())) + FLOOR for shares in missed]
    return [t / tasks.sum() * k / k.sum() for t, k in zip(tasks, keyframes, strict=True)]


def apply_focus(dataset: KeyframeDataset, focus: list[Focus]) -> None:
    """From now on draw every keyframe of every task by its share."""
    shares = {(f.task, f.step): f.share for f in focus}
    weights = []
    for task, rows in zip(dataset.tasks, dataset.rows, strict=True):
        steps, inverse, counts = np.unique(task.step[rows], return_inverse=True, return_counts=True)
        each = np.array([shares[task.task, step] for step in steps.tolist()]) / counts
        weights.append(each[inverse])
    dataset.weigh(weights)
