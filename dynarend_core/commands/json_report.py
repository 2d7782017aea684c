"""The ``--json FILE`` option that every measuring command has."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any


def add_json_option(parser: argparse.ArgumentParser, content: str) -> None:
    """Add ``--json FILE``; an unwritable file is refused before the work begins, not after it.

    Args:
        parser: The verb's parser.
        content: What is written, for the help text.
    """
    parser.add_argument("--json", type=writable_file, metavar="FILE", help=f"write {content} here")


def writable_file(text: str) -> Path:
    """A path that can be written; for argparse, which names the option.

    Raises:
        argparse.ArgumentTypeError: it is a folder, or lies in a place that cannot be written.
    """
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder; name a file, e.g. {path / 'report.json'}")
    existing = path if path.exists() else next(p for p in path.absolute().parents if p.exists())
    if not os.access(existing, os.W_OK) or (existing != path and not existing.is_dir()):
        raise argparse.ArgumentTypeError(f"{path} cannot be written: no permission, or {existing} is not a folder")
    return path


def write_json(path: Path | None, report: Any) -> None:
    """Write a report, folders included; no path, no file."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
