import io
import json

import pytest
from rich.console import Console

from dynarend_core.errors import InvalidInputError
from dynarend_core.evaluation.report import summarise
from dynarend_core.evaluation.report_table import perturbation_table, task_table
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.evaluation.statistics import wilson_interval
from dynarend_core.types import FailureReason

NONE, IK, TIMEOUT = FailureReason.NONE, FailureReason.IK, FailureReason.TIMEOUT


def episode(task, seed, reason=NONE, held_out=False, latencies=(10.0,), variation=0, perturbation="none", repeat=0):
    spec = EpisodeSpec(task, variation, seed, 1, held_out, perturbation, repeat)
    return EpisodeResult(spec, reason is NONE, reason, "why", "words", 3, 1.5, latencies)


RESULTS = [
    episode("b", 2, IK),
    episode("b", 1, held_out=True),
    episode("b", 3, IK, held_out=True),
    episode("b", 4, TIMEOUT),
    episode("a", 1, latencies=(10.0, 30.0)),
]


def test_counts_causes_and_means():
    report = summarise(RESULTS, "dynarend evaluate")
    assert list(report.tasks) == ["a", "b"]
    assert (report.tasks["b"].episodes, report.tasks["b"].successes) == (4, 1)
    assert report.tasks["b"].failures == {"ik": 2, "timeout": 1}
    assert report.tasks["a"].failures == {}
    assert report.mean_success == pytest.approx((1.0 + 0.25) / 2)
    assert (report.wilson_low, report.wilson_high) == wilson_interval(2, 5)
    assert (report.tasks["b"].held_out_phrasing.episodes, report.tasks["b"].held_out_phrasing.successes) == (2, 1)
    assert report.held_out_phrasing.episodes == 2
    assert report.latency_ms["p50"] == 10.0
    assert [(e["task"], e["seed"]) for e in report.episodes] == [("a", 1), ("b", 1), ("b", 2), ("b", 3), ("b", 4)]


def test_order_of_arrival_does_not_matter():
    assert summarise(RESULTS, "c") == summarise(RESULTS[::-1], "c")


def test_json_has_the_promised_fields(tmp_path):
    path = tmp_path / "runs" / "evaluate.json"
    summarise(RESULTS, "dynarend evaluate --episodes 5").write(path)
    data = json.loads(path.read_text())
    assert {"tasks", "mean_success", "wilson_low", "wilson_high", "latency_ms", "command"} <= data.keys()
    assert {"episodes", "successes", "failures", "held_out_phrasing"} <= data["tasks"]["b"].keys()
    assert data["tasks"]["b"]["held_out_phrasing"] == {"episodes": 2, "successes": 1}
    assert data["episodes"][2]["failure"] == "ik"


def test_table_shows_rates_and_causes():
    output = io.StringIO()
    Console(width=160, file=output).print(task_table(summarise(RESULTS, "c")))
    text = output.getvalue()
    assert "1/4 25%" in text
    assert "ik 2, timeout 1" in text
    assert "62.5%" in text


def test_nothing_to_summarise_is_refused():
    with pytest.raises(InvalidInputError):
        summarise([], "c")
    with pytest.raises(InvalidInputError, match="undisturbed"):
        summarise([episode("a", 1, perturbation="all")], "c")


def test_repeats_give_mean_and_sample_deviation_of_the_mean_over_tasks():
    repeats = [
        *(episode("a", s, reason, repeat=0) for s, reason in ((1, NONE), (2, NONE))),
        *(episode("a", s, reason, repeat=1) for s, reason in ((3, NONE), (4, IK))),
        *(episode("b", s, reason, repeat=0) for s, reason in ((1, IK), (2, NONE))),
        *(episode("b", s, reason, repeat=1) for s, reason in ((3, IK), (4, IK))),
    ]
    report = summarise(repeats, "c")
    assert report.repeats.rates == [0.75, 0.25]
    assert report.repeats.mean == report.mean_success == 0.5
    assert report.repeats.std == pytest.approx(0.125**0.5)
    assert report.tasks["a"].repeats.rates == [1.0, 0.5]
    assert summarise(RESULTS, "c").repeats.std is None


def test_variations_are_counted_one_by_one():
    report = summarise(
        [episode("a", s, reason, variation=v) for s, v, reason in ((1, 0, NONE), (2, 10, IK), (3, 10, NONE))], "c"
    )
    counts = {k: (v.episodes, v.successes) for k, v in report.tasks["a"].variations.items()}
    assert counts == {"0": (1, 1), "10": (2, 1)}


PERTURBED = [
    *(episode("a", s) for s in (1, 2)),
    *(episode("b", s, IK) for s in (1, 2)),
    episode("a", 1, TIMEOUT, perturbation="mass"),
    episode("a", 2, perturbation="mass"),
    *(episode(task, s, TIMEOUT, perturbation="all") for task in "ab" for s in (1, 2)),
]


def test_a_perturbation_is_compared_with_the_same_tasks_undisturbed():
    report = summarise(PERTURBED, "c")
    assert report.mean_success == 0.5
    assert report.tasks["a"].episodes == 2
    assert {k: row.change_points for k, row in report.perturbations.items()} == {
        "none": 0.0,
        "mass": -50.0,
        "all": -50.0,
    }
    assert list(report.perturbations) == ["none", "mass", "all"]
    assert report.perturbations["mass"].mean_success == 0.5
    assert list(report.perturbations["mass"].tasks) == ["a"]
    assert report.perturbations["all"].failures == {"timeout": 4}
    assert report.failures == {"ik": 2}
    assert len(report.episodes) == 10


def test_without_perturbations_there_is_no_table_of_them():
    assert summarise(RESULTS, "c").perturbations == {}
    output = io.StringIO()
    Console(width=160, file=output).print(perturbation_table(summarise(PERTURBED, "c")))
    assert "-50.0" in output.getvalue()
