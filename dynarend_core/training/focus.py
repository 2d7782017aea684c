"""Which keyframes a policy gets wrong: what it should be shown more often when it is trained further.

After some hours most keyframes of most tasks are right to millimetres, and a few are guessed: which of two taps, which
of three pegs. Drawn alike, the few get a small share of the steps. Here the policy to start from is asked once, or
the network itself later in its run, for some training frames of every task and keyframe, and what it misses is drawn
more often from then on: tasks by their worst keyframe, then the keyframes of a task. (By keyframe alone, long tasks
that leave a free choice would take most.)
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynarend_core.datasets.keyframe_dataset import KeyframeDataset
from dynarend_core.networks.checkpoint import write_text
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


def write_focus(path: Path, focus: list[Focus]) -> None:
    """Write what was measured, in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps([dataclasses.asdict(f) for f in focus], indent=2) + "\n")


def read_focus(path: Path) -> list[Focus]:
    """What :func:`write_focus` wrote."""
    return [Focus(**f) for f in json.loads(path.read_text())]


class FocusPlan:
    """When a run looks again at what its network gets wrong, and what it found at which step.

    Measurements are files ``focus_<step>.json`` of the run's folder: a run that goes on after an interruption draws as
    the first one did.

    Args:
        folder: Run folder.
        begin: Share of the run after which it looks for the first time; then after every tenth of the run.
    """

    EVERY = 0.1

    def __init__(self, folder: Path, begin: float) -> None:
        self._folder, self._begin = folder, begin
        self._looks = 0

    def due(self, step: int, done: float) -> bool:
        """Whether to look now, at a step at which this share of the run is done; once at a step."""
        return self._begin + self._looks * self.EVERY <= done < 1.0 and not self.path(step).is_file()

    def path(self, step: int) -> Path:
        """File of what is found at a step."""
        return self._folder / f"focus_{step:07d}.json"

    def looked(self) -> None:
        """It has been looked."""
        self._looks += 1

    def resume(self, step: int) -> Path | None:
        """The last look up to a step, None if there is none; files of later steps are removed."""
        files = sorted(self._folder.glob("focus_*.json"))
        for path in (later := [p for p in files if int(p.stem.split("_")[1]) > step]):
            path.unlink()
        self._looks = len(files) - len(later)
        return files[self._looks - 1] if self._looks else None
