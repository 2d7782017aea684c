"""Errors of rendered views as a table; what `dynarend render` and `dynarend pretrain` print."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from dynarend_core.training.render_validation import RenderReport


def render_table(title: str, reports: Sequence[RenderReport]) -> Table:
    """One row a source of pictures, a section for each time."""
    table = Table(title=escape(title), caption="pixels inside the workspace")
    for column in ("time", "source", "camera", "scenes", "PSNR dB", "depth cm median", "mean"):
        table.add_column(column, justify="left" if column in ("time", "source", "camera") else "right")
    for i, r in enumerate(reports):
        if i and r.when != reports[i - 1].when:
            table.add_section()
        numbers = (f"{r.psnr_db:.2f}", f"{r.depth_cm:.2f}", f"{r.depth_mean_cm:.2f}")
        table.add_row(r.when, r.source, r.camera, str(r.scenes), *numbers)
    return table
