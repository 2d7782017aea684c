"""The option that names one recorded demonstration, in three ways."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dynarend_core.errors import DatasetError

if TYPE_CHECKING:
    from dynarend_core.datasets.records import EpisodeRecord
    from dynarend_core.evaluation.demonstration import DemonstratedStep

FORMS = "an .npz of `dynarend collect`, STORE:TASK:ID, or an RLBench episode folder"


def add_episode_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--episode``."""
    parser.add_argument("--episode", type=Path, required=True, help=FORMS)


def episode_name(path: Path) -> str:
    """A short name that can be part of a file's: ``episode_000003``, ``open_drawer_3``, ``episode0``."""
    stored = _stored(path)
    return f"{stored[1]}_{stored[2]}" if stored else path.stem


def load_steps(path: Path, cameras: tuple[str, ...] | None, instruction: str | None) -> list[DemonstratedStep]:
    """The demonstrated keyframes of an episode, seen by ``cameras`` (None: all).

    Raises:
        DatasetError: the episode is missing, damaged or has no keyframes, or a camera is missing.
    """
    from dynarend_core.datasets.rlbench_reader import read_episode
    from dynarend_core.evaluation.demonstration import record_steps, rlbench_steps

    if not path.exists() and not _stored(path):
        raise DatasetError(f"{path} does not exist; give {FORMS}")
    if path.suffix == ".npz" or _stored(path):
        steps = list(record_steps(_record(path), cameras, instruction))
    else:
        steps = list(rlbench_steps(read_episode(path), cameras, instruction))
    if not steps:
        raise DatasetError(f"{path} holds no keyframes")
    return steps


def _record(path: Path) -> EpisodeRecord:
    from dynarend_core.datasets.store import DemonstrationStore, read_episode_file

    stored = _stored(path)
    if stored is None:
        return read_episode_file(path)
    root, task, episode = stored
    return DemonstrationStore(root).read(task, episode)


def _stored(path: Path) -> tuple[Path, str, int] | None:
    """Store, task and id of ``STORE:TASK:ID``; None for a path that exists or has another form."""
    parts = str(path).rsplit(":", 2)
    if len(parts) != 3 or not parts[2].isdecimal() or path.exists():
        return None
    return Path(parts[0]), parts[1], int(parts[2])
