"""Runs executor and safety node of the rig until it is killed: ``injected_runner.py PIDS_FILE PLAN_TIMEOUT_S``."""

import json
import sys
from pathlib import Path

from injection_rig import nodes

from dynarend_ros.process_runner import ProcessRunner

if __name__ == "__main__":
    specs = nodes(float(sys.argv[2]))
    chosen = [specs[name] for name in ("executor_node", "safety_node")]
    with ProcessRunner(chosen, None, lambda name, line: None) as runner:
        Path(sys.argv[1]).write_text(json.dumps({node.spec.name: node.process.pid for node in runner.nodes}))
        runner.wait()
