"""What the demo measured: one JSON file, one table, pictures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
from rich.table import Table

from dynarend_core.evaluation import report
from dynarend_core.evaluation.statistics import percentiles
from dynarend_core.types import Array
from dynarend_core.visualization import filmstrip
from dynarend_ros.episode_runner import Recording

T = TypeVar("T")


@dataclass(frozen=True)
class DemoReport:
    """Outcome of a demo run.

    Attributes:
        evaluation: Success by task, as ``dynarend evaluate`` reports it.
        latency_ms: ``fusion``, ``policy``, ``camera_to_keyframe``: percentiles [ms].
        frames_published: Camera frames the simulator sent while the graph ran; None if the run was cut short.
        frames_lost: Those of them that did not arrive at the fusion node.
        processes: Name, process id and exit code of every process.
        seconds: Wall time of the whole demo [s].
        start_up_seconds: Of it, until all processes were ready [s].
        error: What cut the run short; empty if nothing did.
    """

    evaluation: report.EvaluationReport
    latency_ms: dict[str, dict[str, float]]
    frames_published: int | None
    frames_lost: int | None
    processes: list[dict[str, Any]]
    seconds: float
    start_up_seconds: float
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The JSON content: the evaluation's fields at the top level, the graph's measurements beside them."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "evaluation"}
        return {**dataclasses.asdict(self.evaluation), **fields}

    def write(self, path: Path) -> None:
        """Write as JSON, folders included."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")


def latency_percentiles(samples_ms: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Median and 99th percentile by step [ms]."""
    return {name: percentiles(samples, (50, 99)) for name, samples in samples_ms.items()}


def table(demo: DemoReport) -> Table:
    """Success by task, latencies and losses, for the terminal."""
    view = Table(title="ROS graph against MuJoCo, unseen scenes", caption=_caption(demo))
    view.add_column("task")
    view.add_column("success", justify="right")
    view.add_column("failures by cause")
    for name, task in demo.evaluation.tasks.items():
        causes = ", ".join(f"{cause} {count}" for cause, count in task.failures.items())
        view.add_row(name, f"{task.successes}/{task.episodes}", causes or "-")
    view.add_section()
    mean = f"[bold]{demo.evaluation.mean_success:.0%}[/bold]"
    view.add_row("mean", mean, f"at least {demo.evaluation.wilson_low:.0%} with 95 % confidence")
    return view


def _caption(demo: DemoReport) -> str:
    lines = [
        f"{name.replace('_', ' ')}: median {values['p50']:.1f} ms, p99 {values['p99']:.1f} ms"
        for name, values in demo.latency_ms.items()
        if values
    ]
    lost = "" if demo.frames_lost is None else f"{demo.frames_lost} of {demo.frames_published} camera frames lost; "
    lines.append(f"{lost}{demo.seconds:.0f} s in all")
    return "\n".join(lines)


def _save(path: Path, rgb: Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[:, :, ::-1])
    return path


def _shortened(items: Sequence[T]) -> list[T]:
    """At most twelve: the first ones and the last three; of a policy that lost its way there is more than enough."""
    return list(items) if len(items) <= 12 else [*items[:9], *items[-3:]]


def save_pictures(recordings: Sequence[Recording], folder: Path) -> list[Path]:
    """For every task a filmstrip and the value maps of one episode: the first that succeeded, else the first."""
    saved = []
    for task in dict.fromkeys(r.result.spec.task for r in recordings):
        mine = [r for r in recordings if r.result.spec.task == task]
        shown = next((r for r in mine if r.result.success), mine[0])
        title = f'{task}: "{shown.result.instruction}"'
        if shown.result.frames:
            outcome = "success" if shown.result.success else shown.result.failure_reason.value
            frames, captions = _shortened(shown.result.frames), _shortened(shown.captions)
            strip = filmstrip(frames, captions, title=title, success=shown.result.success, outcome=outcome)
            saved.append(_save(folder / f"{task}_filmstrip.png", strip))
        for step, picture in enumerate(shown.pictures, start=1):
            saved.append(_save(folder / f"{task}_keyframe{step}.png", picture))
    return saved
