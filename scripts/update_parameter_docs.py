"""Write the parameter tables of docs/ros.md from the code; with --check only say whether they differ.

python scripts/update_parameter_docs.py [--check]
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "ros.md"
PARAMETERS = {
    "sim_node": "SimParameters",
    "camera_node": "CameraParameters",
    "fusion_node": "FusionParameters",
    "policy_node": "PolicyParameters",
    "executor_node": "ExecutorParameters",
    "safety_node": "SafetyParameters",
    "record_node": "RecordParameters",
    "evaluation_node": "EvaluationParameters",
    "calibration_node": "CalibrationParameters",
}
"""Node to its dataclass of parameters, in module ``dynarend_ros.<node>``."""

HEAD = "| parameter | default | meaning |\n|---|---|---|\n"


def parameters_of(node: str) -> Any:
    """The dataclass of a node's parameters."""
    return getattr(importlib.import_module(f"dynarend_ros.{node}"), PARAMETERS[node])


def table(node: str) -> str:
    """The table of one node, as Markdown."""
    return HEAD + "".join(_row(field) for field in dataclasses.fields(parameters_of(node)))


def _row(field: dataclasses.Field) -> str:
    meta, default = field.metadata, field.default
    text = ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    choices = [choice or "(empty)" for choice in meta["choices"]]
    extra = f" One of {', '.join(choices)}." if choices else ""
    extra += " May be changed while it runs." if meta["dynamic"] else ""
    extra += " **Safe default.**" if meta["relaxed"] else ""
    return f"| `{field.name}` | {text} | {meta['description']}{extra} |\n"


def updated(text: str) -> str:
    """The page with every table written anew."""
    for node in PARAMETERS:
        pattern = re.compile(rf"(### {node}\n.*?){re.escape(HEAD)}(?:\|[^\n]*\n)+", re.DOTALL)
        text, count = pattern.subn(lambda m, node=node: m.group(1) + table(node), text, count=1)
        if not count:
            raise SystemExit(f"{PAGE}: no table under '### {node}'")
    return text


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the page differs")
    check = parser.parse_args().check
    text = PAGE.read_text(encoding="utf-8")
    new = updated(text)
    if check:
        return int(new != text)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
