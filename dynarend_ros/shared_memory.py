"""Is there room for camera images in shared memory?"""

from __future__ import annotations

import shutil
from pathlib import Path

SEGMENT_BYTES = 64 * 1024 * 1024
"""Of each process, as in ``config/fastdds_large_images.xml``."""


def shortage(processes: int, folder: Path = Path("/dev/shm")) -> str:
    """What is wrong with the shared memory for so many processes; empty if nothing is."""
    if not folder.is_dir():
        return ""  # not Linux: the system's own way of sharing
    free, needed = shutil.disk_usage(folder).free, processes * SEGMENT_BYTES
    if free >= needed:
        return ""
    return (
        f"{folder} has {free / 2**20:.0f} MB free, {processes} processes want {needed / 2**20:.0f} MB: images will go "
        "over UDP, slower, and some may be lost. Containers: docker run --shm-size=1g; left-over files of killed "
        f"processes: {folder}/fastdds_*"
    )
