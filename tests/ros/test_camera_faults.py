"""The shortened version of benchmarks/camera_faults.py: every fault once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "camera_faults.py"


@pytest.mark.slow
def test_every_fault_is_named_and_no_old_picture_is_sold_as_a_new_one(tmp_path):
    out = tmp_path / "faults.json"
    command = [sys.executable, str(SCRIPT), "--minutes", "0", "--seconds", "1", "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert out.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    report = json.loads(out.read_text())
    assert report["events"] >= 10
    assert report["faults_not_named"] == []
    assert report["faults_not_recovered"] == []
    assert report["stale_patches_published"] == 0
    assert report["clouds_from_the_future"] == 0
