"""What a running evaluation shows: a live table in a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.evaluation.statistics import wilson_interval
from dynarend_core.sim.environment import UNDISTURBED

LINE_PERIOD_S = 30.0
"""Time between two lines where there is no terminal."""


@dataclass
class _Row:
    total: int = 0
    done: int = 0
    solved: int = 0
    wall_s: float = 0.0

    def add(self, result: EpisodeResult) -> None:
        self.done += 1
        self.solved += result.success
        self.wall_s += result.wall_s


class EvaluationDisplay:
    """Counts results as they come. A context: the table is live while it is open.

    Args:
        specs: All episodes, those of earlier runs included.
        earlier: Results of earlier runs.
        console: Where to print.
        clock: Seconds; for tests.
    """

    def __init__(
        self,
        specs: Sequence[EpisodeSpec],
        earlier: Iterable[EpisodeResult],
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._clock = console, clock
        self._rows = {spec.task: _Row() for spec in specs}
        perturbed = dict.fromkeys(spec.perturbation for spec in specs)
        self._factors = {name: _Row() for name in perturbed} if set(perturbed) != {UNDISTURBED} else {}
        self._all = _Row()
        for spec in specs:
            for row in self._rows_of(spec):
                row.total += 1
        for result in earlier:
            self._count(result)
        self._new, self._new_wall_s = 0, 0.0
        self._started_s = self._printed_s = clock()
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=2, transient=True)

    def __enter__(self) -> EvaluationDisplay:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print(f"{self._all.total} episodes, {self._all.done} done before")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def add(self, result: EpisodeResult) -> None:
        """Show one more result."""
        if not self._new:  # starting the workers is no part of the speed
            self._started_s = max(self._started_s, self._clock() - result.wall_s)
        self._count(result)
        self._new += 1
        self._new_wall_s += result.wall_s
        if self._console.is_terminal:
            return
        now, done = self._clock(), self._all.done == self._all.total
        if not result.success:
            spec = result.spec
            disturbed = "" if spec.perturbation == UNDISTURBED else f" under {spec.perturbation}"
            why = f" ({result.message})" if result.message else ""
            text = f"{spec.task} seed {spec.seed}{disturbed}: {result.failure_reason.value}{why}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        if done or now - self._printed_s >= LINE_PERIOD_S:
            self._printed_s = now
            words = f"{self._all.done}/{self._all.total} episodes, {_rate(self._all)} solved, {self._left()} left"
            self._console.print(words, highlight=False)

    def _rows_of(self, spec: EpisodeSpec) -> list[_Row]:
        factor = [self._factors[spec.perturbation]] if self._factors else []
        return [self._rows[spec.task], self._all, *factor]

    def _count(self, result: EpisodeResult) -> None:
        for row in self._rows_of(result.spec):
            row.add(result)

    def _left(self, row: _Row | None = None) -> str:
        """Time left, of all or of one row alone, at the speed so far, e.g. ``12 min``."""
        elapsed_s = self._clock() - self._started_s
        if row is None:
            seconds = elapsed_s / self._new * (self._all.total - self._all.done) if self._new else None
        else:
            at_once = self._new_wall_s / elapsed_s if elapsed_s else 0.0  # episodes under way at the same time
            seconds = row.wall_s / row.done * (row.total - row.done) / at_once if row.done and at_once else None
        return "?" if seconds is None else _duration(seconds)

    def _table(self) -> Table:
        view = Table(title=f"{self._all.done}/{self._all.total} episodes, {self._left()} left")
        view.add_column("task", no_wrap=True)
        for column in ("done", "solved", "95 % interval", "s/episode", "left"):
            view.add_column(column, justify="right", no_wrap=True)
        for rows in (self._rows, self._factors):
            for name, row in rows.items():
                seconds = f"{row.wall_s / row.done:.1f}" if row.done else "-"
                ends = wilson_interval(row.solved, row.done)
                interval = f"{ends[0]:.0%} to {ends[1]:.0%}" if row.done else "-"
                view.add_row(name, f"{row.done}/{row.total}", _rate(row), interval, seconds, self._left(row))
            view.add_section()
        view.add_row("total", f"{self._all.done}/{self._all.total}", _rate(self._all), "", "", self._left())
        return view


def _rate(row: _Row) -> str:
    return f"{row.solved}/{row.done} {row.solved / row.done:.0%}" if row.done else "-"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d}"
