import io
import json

import pytest
from rich.console import Console

from dynarend_core.errors import InvalidInputError
from dynarend_core.evaluation.report import summarise, table
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.evaluation.statistics import wilson_interval
from dynarend_core.types import FailureReason

NONE, IK, TIMEOUT = FailureReason.NONE, FailureReason.IK, FailureReason.TIMEOUT


def episode(task, seed, reason=NONE, held_out=False, latencies=(10.0,)):
    spec = EpisodeSpec(task, 0, seed, 1, held_out)
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
    Console(width=160, file=output).print(table(summarise(RESULTS, "c")))
    text = output.getvalue()
    assert "1/4 25%" in text
    assert "ik 2, timeout 1" in text
    assert "62.5%" in text


def test_nothing_to_summarise_is_refused():
    with pytest.raises(InvalidInputError):
        summarise([], "c")
