"""The folder of an evaluation: what it was asked, and the results as they came. A killed run goes on from there."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import dynarend_core
from dynarend_core.errors import ConfigurationError, DatasetError
from dynarend_core.evaluation.records import from_line, to_line
from dynarend_core.evaluation.rollout import EpisodeResult

SETTINGS, EPISODES, REPORT, PAGE, PICTURES = "settings.json", "episodes.jsonl", "report.json", "report.html", "pictures"


_DECIDING = (
    "policy.py", "looks.py", "types.py", "datasets/points.py", "evaluation/rollout.py", "networks/*.py",
    "geometry/*.py", "perception/*fusion*.py", "perception/_kernels.py", "planning/**/*.py", "sim/**/*.py",
)  # fmt: skip


@dataclass(frozen=True)
class EvaluationSettings:
    """What decides the results of an evaluation. Number of processes and machines do not.

    Attributes:
        policy: As the user named it.
        fingerprint: SHA-256 of the policy's files; another one is another policy.
        suite: Name of the suite; empty if tasks were named instead.
        tasks: Task names.
        perturbations: Names, ``none`` for undisturbed scenes.
        episodes: Episodes a task, perturbation and repeat.
        repeats: Evaluations of so many episodes.
        seed_start: Seed of each task's first episode.
        max_keyframes: Keyframes after which an episode counts as timed out.
        executor: How keyframes are reached, ``planner`` or ``perfect``.
        code: :func:`code_fingerprint` of the program.
    """

    policy: str
    fingerprint: str
    suite: str
    tasks: tuple[str, ...]
    perturbations: tuple[str, ...]
    episodes: int
    repeats: int
    seed_start: int
    max_keyframes: int
    executor: str
    code: str

    def as_json(self) -> dict[str, Any]:
        """As it is read back from JSON."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def code_fingerprint() -> str:
    """SHA-256 of the program's files that decide how an episode goes: with others, it is another evaluation."""
    root, digest = Path(dynarend_core.__file__).parent, hashlib.sha256()
    for file in sorted(file for part in _DECIDING for file in root.glob(part)):
        digest.update(str(file.relative_to(root)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


class RunFolder:
    """An evaluation's folder while it is written.

    Attributes:
        path: The folder.
        results: What earlier runs left, without pictures.
    """

    def __init__(self, path: Path, file: TextIO, results: list[EpisodeResult]) -> None:
        self.path, self._file, self.results = path, file, results

    def append(self, result: EpisodeResult) -> None:
        """Write one result; it is on disk when this returns."""
        self._file.write(json.dumps(to_line(result)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def open_run(path: Path, settings: EvaluationSettings) -> Iterator[RunFolder]:
    """Begin an evaluation in a folder, or go on with the one that is there.

    Raises:
        ConfigurationError: the folder holds an evaluation with other settings, or another process writes to it.
        DatasetError: a line that is not the last is damaged.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / EPISODES).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(f"another evaluation is writing to {path}; wait for it, or give --out") from error
        _check_settings(path, settings)
        yield RunFolder(path, file, _repair(file, path / EPISODES))


def _check_settings(path: Path, settings: EvaluationSettings) -> None:
    file, asked = path / SETTINGS, settings.as_json()
    if not file.exists():
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asked, indent=2) + "\n", encoding="utf-8")
        temporary.replace(file)
        return
    try:
        stored = dict(json.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise DatasetError(f"{file} is damaged ({error}); give another folder with --out") from error
    names = [name for name in {**stored, **asked} if stored.get(name) != asked.get(name)]
    if names:
        differ = "; ".join(f"{name}: {_short(stored.get(name))} there, {_short(asked.get(name))} now" for name in names)
        raise ConfigurationError(
            f"{path} holds an evaluation with other settings ({differ}); repeat those, or give another --out"
        )


def _short(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} ({', '.join(map(str, value[:20]))})"
    text = str(value)
    return text if len(text) < 60 else text[:12] + "..."


def _repair(file: TextIO, path: Path) -> list[EpisodeResult]:
    """Read all results; a last line that a killed run left unfinished is cut off."""
    file.seek(0)
    results, good = [], 0
    lines = file.read().encode().splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        try:
            if not line.endswith(b"\n"):
                raise DatasetError("the line does not end")
            results.append(from_line(json.loads(line)))
        except (ValueError, DatasetError) as error:
            if number < len(lines):
                raise DatasetError(
                    f"{path}, line {number}: {error}; delete that line to run its episode again"
                ) from error
            break
        good += len(line)
    file.truncate(good)
    file.seek(0, os.SEEK_END)
    return results
