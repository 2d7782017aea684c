"""Entry point of every node: signals are minded before anything that takes long is imported.

As a console script it runs the node it is called by the name of; as ``python -m dynarend_ros.start MODULE ...`` the
module named first.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from dynarend_ros.process_end import this_process


def main() -> None:
    """Console script of each node."""
    this_process()
    module = f"dynarend_ros.{Path(sys.argv[0]).stem}"
    if module == f"dynarend_ros.{Path(__file__).stem}":
        module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
