"""Filmstrips of episodes in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from dynarend_core.errors import DatasetError
from dynarend_core.evaluation.rollout import EpisodeResult
from dynarend_core.sim.environment import UNDISTURBED
from dynarend_core.visualization.filmstrip import filmstrip

PER_CAUSE = 2
"""Failures of a task, under one perturbation and by one cause, whose pictures a run keeps."""

MOST_FRAMES = 12
"""Frames of such a picture; of longer episodes some are left out."""

PER_TASK = 4
"""Failures of a task that a page shows."""


def picture_path(folder: Path, result: EpisodeResult) -> Path:
    """Where an episode's filmstrip lies: ``<task>_<seed>[_<perturbation>]_<outcome>.jpg``."""
    spec = result.spec
    disturbed = "" if spec.perturbation == UNDISTURBED else f"_{spec.perturbation}"
    outcome = "success" if result.success else result.failure_reason.value
    return folder / f"{spec.task}_{spec.seed}{disturbed}_{outcome}.jpg"


def save_filmstrip(folder: Path, result: EpisodeResult, most_frames: int | None = None) -> Path:
    """Draw the frames of an episode, or ``most_frames`` of them, start and end included, and save them.

    Raises:
        DatasetError: the picture could not be written.
    """
    outcome = "success" if result.success else result.failure_reason.value
    count = len(result.frames)
    shown = np.linspace(0, count - 1, min(count, most_frames or count)).round().astype(int)
    captions = [f"keyframe {i}" if i else "start" for i in shown]
    image = filmstrip(
        [result.frames[i] for i in shown], captions, title=result.instruction, success=result.success, outcome=outcome
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = picture_path(folder, result)
    if not cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85]):
        raise DatasetError(f"{path} could not be written")
    return path


class FailurePictures:
    """Keeps the filmstrips of the first failures of each task, perturbation and cause.

    Args:
        folder: Where to.
        earlier: Results of earlier runs, whose pictures may lie there.
    """

    def __init__(self, folder: Path, earlier: Sequence[EpisodeResult]) -> None:
        self.folder = folder
        self._kept: Counter[tuple[str, str, str]] = Counter()
        for result in earlier:
            if picture_path(folder, result).exists():
                self._kept[_kind(result)] += 1

    def add(self, result: EpisodeResult) -> None:
        """Save the pictures of a failure, unless there are enough of its kind."""
        if result.success or not result.frames or self._kept[_kind(result)] >= PER_CAUSE:
            return
        save_filmstrip(self.folder, result, MOST_FRAMES)
        self._kept[_kind(result)] += 1


def _kind(result: EpisodeResult) -> tuple[str, str, str]:
    return result.spec.task, result.spec.perturbation, result.failure_reason.value


def telling_failures(results: Sequence[EpisodeResult], folder: Path, most: int = PER_TASK) -> list[EpisodeResult]:
    """Failures of one task that have pictures: each cause once, then each perturbation, undisturbed scenes first."""
    there = sorted(
        (r for r in results if not r.success and picture_path(folder, r).exists()),
        key=lambda r: (r.spec.perturbation != UNDISTURBED, r.spec.seed),
    )
    causes = list({r.failure_reason: r for r in reversed(there)}.values())[::-1]
    perturbations = list({r.spec.perturbation: r for r in reversed(there)}.values())[::-1]
    chosen: dict[int, EpisodeResult] = {id(r): r for r in [*causes, *perturbations, *there]}
    return list(chosen.values())[:most]
