"""Charts of an evaluation as SVG files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from dynarend_core.evaluation.report import EvaluationReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAUSE_COLORS = {
    "wrong_object": "#d1495b", "dropped": "#edae49", "timeout": "#8d96a3", "ik": "#00798c", "planning": "#30638e",
    "limits": "#003d5b", "out_of_bounds": "#6a4c93", "policy": "#b5179e", "simulator": "#222222",
}  # fmt: skip
OTHER = "#bbbbbb"
GOOD, BAD = "#2a9d5c", "#d1495b"
ROW_INCHES, WIDTH_INCHES = 0.28, 7.5


def task_chart(report: EvaluationReport) -> str:
    """Per task: success with its 95 % interval, and the failures by cause behind it [% of episodes]."""
    tasks = list(reversed(report.tasks.items()))
    figure, axes = _figure(len(tasks))
    names = [name for name, _ in tasks]
    rates = [100 * task.successes / task.episodes for _, task in tasks]
    axes.barh(names, rates, color=GOOD, label="success")
    left = rates
    for cause in report.failures:
        widths = [100 * task.failures.get(cause, 0) / task.episodes for _, task in tasks]
        axes.barh(names, widths, left=left, color=CAUSE_COLORS.get(cause, OTHER), label=cause)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    low = [rate - 100 * task.wilson_low for rate, (_, task) in zip(rates, tasks, strict=True)]
    high = [100 * task.wilson_high - rate for rate, (_, task) in zip(rates, tasks, strict=True)]
    axes.errorbar(rates, names, xerr=[low, high], fmt="none", ecolor="black", elinewidth=1, capsize=2)
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of episodes; whisker: 95 % interval of success")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    return _svg(figure)


def perturbation_chart(report: EvaluationReport) -> str:
    """Per perturbation: change of the success against undisturbed scenes [percentage points]."""
    rows = [
        (k, row.change_points) for k, row in reversed(report.perturbations.items()) if row.change_points is not None
    ]
    figure, axes = _figure(len(rows))
    axes.barh([k for k, _ in rows], [c for _, c in rows], color=[GOOD if c >= 0 else BAD for _, c in rows])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("change of success against undisturbed scenes [points]")
    return _svg(figure)


def _figure(rows: int) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, 1.0 + ROW_INCHES * rows), layout="constrained")
    axes = figure.add_subplot()
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "dynarend"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
