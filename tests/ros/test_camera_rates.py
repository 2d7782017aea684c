"""benchmarks/camera_rates.py: its verdict, and a short run with small images."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "camera_rates.py"


@pytest.fixture(scope="module")
def rates():
    spec = importlib.util.spec_from_file_location("camera_rates", SCRIPT)
    module = sys.modules["camera_rates"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def heard_sets(rates, count, without=(), lame=(), age_ms=20.0):
    heard = rates.Heard()
    for i in range(count):
        for name in rates.CAMERAS:
            if not (i in lame and name == "wrist"):
                heard.sent[name].add(i * 100_000_000)
        if i not in without:
            heard.age_ms[i * 100_000_000] = age_ms
    return heard


@pytest.mark.parametrize(
    ("change", "first", "missing"),
    [
        ({}, "nothing", 0),
        ({"without": range(50, 60)}, "fusion_node: 90 of 100 sets", 10),
        ({"lame": range(10)}, "camera_node: 90 of 100 sets", 0),
        ({"age_ms": 400.0}, "latency: p99 400 ms", 0),
    ],
)
def test_the_first_link_that_loses_is_named(rates, change, first, missing):
    report = rates.judge(heard_sets(rates, 100, **change), 0, 10_000_000_000, 10)
    assert report["breaks_first"].startswith(first)
    assert (report["sets_sent"], report["sets_without_cloud"]) == (100, missing)
    late = rates.judge(heard_sets(rates, 50), 0, 10_000_000_000, 10)
    assert late["breaks_first"].startswith("the software cameras: 50 of 100 sets")


@pytest.mark.slow
def test_a_short_run_counts_sets_clouds_and_cores(tmp_path):
    out = tmp_path / "rates.json"
    size = ["--rates", "5", "--seconds", "3", "--size", "64x48", "--scene", "raycast"]
    command = [sys.executable, str(SCRIPT), *size, "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert out.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    (run,) = json.loads(out.read_text())["runs"]
    assert 0 < run["sets_sent"] <= run["sets_wanted"] + 1
    assert run["sets_without_cloud"] < run["sets_sent"]
    assert 0 < run["stamp_to_cloud_ms"]["p50"] <= run["stamp_to_cloud_ms"]["p99"]
    assert set(run["cores_used"]) == {"camera_node", "fusion_node"}
    assert run["counters"]["fusion_node"]["received"] > 0
