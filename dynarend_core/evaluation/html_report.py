"""An evaluation as one self-contained HTML file: tables, charts, filmstrips of failures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynarend_core.evaluation.pictures import picture_path, telling_failures
from dynarend_core.evaluation.report import EvaluationReport
from dynarend_core.evaluation.report_charts import perturbation_chart, task_chart
from dynarend_core.evaluation.rollout import EpisodeResult
from dynarend_core.evaluation.tallies import Tally, group
from dynarend_core.sim.environment import UNDISTURBED

TEMPLATE = Path(__file__).with_name("report_page.html")

CAUSES = {
    "wrong_object": "what the instruction did not name was pressed, moved or filled",
    "dropped": "the object fell where nothing can be done about it",
    "timeout": "not solved within the allowed number of keyframes",
    "ik": "planner: the arm cannot reach the keyframe's pose",
    "planning": "planner: no motion without collision found",
    "limits": "planner: a joint would leave its range",
    "out_of_bounds": "the keyframe lies outside the workspace",
    "policy": "the policy raised an error, or its answer was no pose",
    "simulator": "the simulator failed: diverged physics, no placement, or a process that died",
}
"""What the causes mean that a simulated episode can end with."""


@dataclass(frozen=True)
class _Failure:
    title: str
    message: str
    picture: str


def write_page(report: EvaluationReport, results: Sequence[EpisodeResult], pictures: Path, path: Path) -> None:
    """Write the page.

    Args:
        report: Of the results, with its settings.
        results: All episodes.
        pictures: Folder of filmstrips (:mod:`dynarend_core.evaluation.pictures`); may be missing.
        path: The page.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = lambda rate: "-" if rate is None else f"{100 * rate:.1f} %"
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    page = template.render(
        report=report,
        causes={name: CAUSES.get(name, "") for name in {**report.failures, **_all_failures(report)}},
        task_chart=_data_uri(task_chart(report).encode(), "svg+xml"),
        perturbation_chart=_data_uri(perturbation_chart(report).encode(), "svg+xml") if report.perturbations else "",
        grid=_grid(report),
        failures={task: _failures(rows, pictures) for task, rows in group(results, lambda r: r.spec.task).items()},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _all_failures(report: EvaluationReport) -> dict[str, int]:
    return {cause: count for row in report.perturbations.values() for cause, count in row.failures.items()}


def _grid(report: EvaluationReport) -> dict[str, list[Tally | None]]:
    """Task by perturbation; None where one does not apply."""
    return {task: [row.tasks.get(task) for row in report.perturbations.values()] for task in report.tasks}


def _failures(results: Sequence[EpisodeResult], folder: Path) -> list[_Failure]:
    shown = []
    for result in telling_failures(results, folder):
        spec = result.spec
        disturbed = "" if spec.perturbation == UNDISTURBED else f", under {spec.perturbation}"
        where = f"variation {spec.variation}, seed {spec.seed}{disturbed}"
        title = f"{result.failure_reason.value}: “{result.instruction}” ({where})"
        picture = _data_uri(picture_path(folder, result).read_bytes(), "jpeg")
        shown.append(_Failure(title, result.message, picture))
    return shown


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
