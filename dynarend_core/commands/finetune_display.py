"""What `dynarend finetune` and `pretrain` show: a bar with losses and time left, a table after each validation."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from dynarend_core.commands.render_table import render_table
from dynarend_core.training.loop import StepLog
from dynarend_core.training.render_validation import RenderReport
from dynarend_core.training.validation import StepReport


class FinetuneDisplay:
    """Progress on a terminal; plain lines now and then where there is none."""

    def __init__(self, steps: int, losses: tuple[str, ...] = ("coarse", "zoom", "rotation", "gripper")) -> None:
        terminal = Console()
        quiet = int(os.environ.get("RANK", "0")) > 0
        self.console = terminal if terminal.is_terminal else Console(width=120, quiet=quiet)
        self.steps, self.losses = steps, losses
        self._task: Any = None
        self._data: dict[str, Any] = {}
        self._last_line = 0.0
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> FinetuneDisplay:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def on_data(self, task: str, done: int, total: int) -> None:
        """Clouds of a task are being fused, or something else is made ready once."""
        if task not in self._data:
            self._data[task] = self.progress.add_task(f"prepare {task}", total=total, status="")
        self.progress.update(self._data[task], completed=done, status=f"{done}/{total}")
        if done == total and not self.console.is_terminal:
            self.console.print(f"prepared {task}: {total}")

    def on_step(self, log: StepLog) -> None:
        """One optimiser step is done; ``log.done`` counts time limits, too."""
        status = f"step {log.step}  " + "  ".join(f"{name} {log.losses[name]:.3f}" for name in self.losses)
        if self._task is None:
            self._task = self.progress.add_task("train", total=1.0, status="")
        self.progress.update(self._task, completed=log.done, status=status)
        if not self.console.is_terminal and log.elapsed_s - self._last_line > 20.0:
            self._last_line = log.elapsed_s
            self.console.print(f"{100 * log.done:5.1f} %  {log.elapsed_s:6.0f} s  {status}")

    def on_validation(self, step: int, reports: list[StepReport]) -> None:
        """Held-out frames were predicted."""
        table = Table(title=f"held-out frames at step {step} (median / 90th percentile)")
        for column in ("task", "step", "displaced", "frames", "position cm", "rotation deg", "gripper", "collision"):
            table.add_column(column)
        for r in reports:
            table.add_row(
                r.task,
                "all" if r.step < 0 else str(r.step),
                "yes" if r.displaced else "",
                str(r.frames),
                f"{r.position_cm[0]:.2f} / {r.position_cm[1]:.2f}",
                f"{r.rotation_deg[0]:.1f} / {r.rotation_deg[1]:.1f}",
                f"{r.gripper:.0%}",
                f"{r.collision:.0%}",
            )
        self.console.print(table)

    def on_rendering(self, step: int, reports: list[RenderReport]) -> None:
        """Views that the network was not given were rendered."""
        self.console.print(render_table(f"views not given, at step {step}", reports))
