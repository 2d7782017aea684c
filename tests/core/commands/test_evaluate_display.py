import io

from rich.console import Console

from dynarend_core.commands.evaluate_display import EvaluationDisplay
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.types import FailureReason

SPECS = [EpisodeSpec(task, 0, seed) for seed in range(4) for task in ("a", "b")]


def result(spec, reason=FailureReason.NONE):
    return EpisodeResult(spec, reason is FailureReason.NONE, reason, "fell", "do", 2, 4.0)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_without_a_terminal_lines_name_failures_and_now_and_then_the_progress():
    output, clock = io.StringIO(), Clock()
    console = Console(file=output, width=120)
    with EvaluationDisplay(SPECS, [result(SPECS[0])], console, clock) as display:
        for spec in SPECS[1:]:
            clock.now += 12.0
            display.add(result(spec, FailureReason.DROPPED if spec.seed == 1 else FailureReason.NONE))
    lines = output.getvalue().splitlines()
    assert lines[0] == "8 episodes, 1 done before"
    assert "a seed 1: dropped (fell)" in lines
    assert "4/8 episodes, 2/4 50% solved, 37 s left" in lines
    assert lines[-1] == "8/8 episodes, 6/8 75% solved, 0 s left"
    assert len(lines) == 6


def test_the_table_has_a_row_a_task_with_interval_rate_and_time_left():
    output, clock = io.StringIO(), Clock()
    console = Console(file=output, width=120, force_terminal=True, color_system=None)
    specs = [*SPECS, *(EpisodeSpec("a", 0, seed, perturbation="mass") for seed in range(4))]
    with EvaluationDisplay(specs, [], console, clock) as display:
        for spec in specs[:6]:
            clock.now += 2.0
            display.add(result(spec))
    text = output.getvalue()
    row = next(line for line in reversed(text.splitlines()) if " a " in line)
    # 4 s an episode, six within 14 s since the first began: five more take 12 s
    assert [cell.strip() for cell in row.strip(" │").split("│")] == [
        "a",
        "3/8",
        "3/3 100%",
        "44% to 100%",
        "4.0",
        "10 s",
    ]
    assert "mass" in text
