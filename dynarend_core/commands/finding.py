"""What a check of ``dynarend doctor`` is asked, and what it answers."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path


class Level(str, enum.Enum):
    """How bad it is. ``fail``: something that is needed does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        words: What was found.
        level: How bad it is.
        remedy: What to do; every warning and every failure has one.
    """

    words: str
    level: Level = Level.OK
    remedy: str = ""


@dataclass(frozen=True)
class DoctorOptions:
    """What the checks look at.

    Attributes:
        cameras: Folder of camera files.
        policy: Policy folder.
        listen_s: How long to listen to a running ROS graph [s]; 0: not at all.
        base_frame: The robot's base in TF.
    """

    cameras: Path
    policy: Path
    listen_s: float
    base_frame: str
