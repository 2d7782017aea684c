"""A short version of ``benchmarks/fault_injections.py``: one injection of several kinds, none may end badly."""

import os
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
KINDS = [
    "joint states stop",
    "keyframe below the table",
    "keyframe out of reach",
    "planner that never returns",
    "time jumps back",
    "flood of keyframes",
    "executor killed in mid-motion",
    "SIGHUP of both in mid-motion",
    "keyframe of a stranger while disarmed",
    "executor with a partial parameter file",
]


@pytest.mark.slow
def test_no_fault_ends_in_motion_a_hang_or_silence(ros_domain, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FOLDER), os.environ.get("PYTHONPATH", "")]))
    from fault_injections import inject

    results, log = inject(KINDS, ros_domain, seed=1)
    bad = [r for r in results if r.unsafe or r.hang or r.silent]
    assert not bad, (bad, log[-40:])
    assert [r.case for r in results] == KINDS
    for name in ("fault_injections", "injection_cases", "injection_rig", "injection_starts", "hanging_executor_node"):
        sys.modules.pop(name, None)
