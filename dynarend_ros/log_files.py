"""One log file a node."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TextIO


class LogFiles:
    """Writes each node's lines to ``folder/<node>.log``; usable as a process runner's sink from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, TextIO] = {}
        self._lock = threading.Lock()
        self._start_s = time.monotonic()

    def __enter__(self) -> LogFiles:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()

    def write(self, name: str, line: str) -> None:
        """Append a line to the node's file, with the seconds since the start."""
        with self._lock:
            if name not in self._files:
                self._files[name] = (self._folder / f"{name}.log").open("w", encoding="utf-8")
            self._files[name].write(f"{time.monotonic() - self._start_s:8.3f} {line}\n")
            self._files[name].flush()
