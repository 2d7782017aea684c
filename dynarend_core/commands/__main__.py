"""The ``dynarend`` command: finds its verbs through the entry-point group ``dynarend.commands``.

Verbs live where their dependencies are (core verbs here, ROS verbs in ``dynarend_ros.commands``), so the core
never has to import ROS.
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import entry_points
from types import ModuleType

from dynarend_core import __version__
from dynarend_core.errors import DynaRendError

EPILOG = """\
a first tour:
  dynarend demo                                     the whole ROS graph against the simulator, with pictures
  dynarend collect --out data/train --episodes 100  scripted demonstrations
  dynarend finetune --data data/train --out runs/a  train a policy
  dynarend evaluate --policy runs/a/policy          success on unseen scenes
`dynarend <verb> --help` explains each verb."""


def load_commands() -> dict[str, ModuleType]:
    """Every installed verb, name to module, sorted by name."""
    return {ep.name: ep.load() for ep in sorted(entry_points(group="dynarend.commands"), key=lambda ep: ep.name)}


def build_parser() -> argparse.ArgumentParser:
    """The argument parser with all installed verbs."""
    parser = argparse.ArgumentParser(
        prog="dynarend",
        description="RGB-D keyframe manipulation: simulate, collect, train, evaluate, run on ROS 2.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dynarend {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="<verb>", required=True)
    for module in load_commands().values():
        module.register(subparsers)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one verb; expected errors and files that cannot be used are printed without a traceback and exit with 2."""
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args) or 0)
    except DynaRendError as error:
        print(f"dynarend {args.verb}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"dynarend {args.verb}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
