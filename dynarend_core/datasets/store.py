"""Demonstrations on disk: one compressed ``.npz`` an episode, every frame stored once.

The file is an ordinary zip of ``.npy`` members (``np.load(path, allow_pickle=False)`` opens it), packed with
zlib level 1 because that is several times faster than numpy's level 6 for a few per cent more bytes.
``docs/data.md`` lists the members.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dynarend_core.datasets.packing import READABLE_VERSIONS, pack_episode, unpack_episode
from dynarend_core.datasets.records import EpisodeRecord, FrameRecord, Transition
from dynarend_core.errors import DatasetError

__all__ = ["DemonstrationStore", "EpisodeRecord", "FrameRecord", "Transition", "read_episode_file"]

Array = np.ndarray

_EPISODE_PATTERN = re.compile(r"episode_(\d{6,})\.npz")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, IndexError, TypeError)


class DemonstrationStore:
    """A folder ``<root>/<task>/episode_<id>.npz``.

    Episodes are written under a temporary name and renamed, so a killed recording leaves no half file behind.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def path(self, task: str, episode_id: int) -> Path:
        """File of an episode, whether it exists or not."""
        return self.root / task / f"episode_{episode_id:06d}.npz"

    def tasks(self) -> list[str]:
        """Names of the tasks with at least one episode, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(p.name for p in self.root.iterdir() if p.is_dir() and self.episodes(p.name))

    def episodes(self, task: str) -> list[int]:
        """Ids of the finished episodes of a task, sorted; empty if there are none."""
        folder = self.root / task
        if not folder.is_dir():
            return []
        return sorted(int(m.group(1)) for m in map(_EPISODE_PATTERN.fullmatch, os.listdir(folder)) if m)

    def write(self, task: str, episode_id: int, episode: EpisodeRecord) -> Path:
        """Store an episode, replacing one of the same id.

        Raises:
            InvalidInputError: the episode has no frames, or its frames differ in cameras, image sizes or maps.
        """
        members = pack_episode(episode)
        path = self.path(task, episode_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for name, array in members.items():
                    member = io.BytesIO()
                    np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
                    info = zipfile.ZipInfo(name + ".npy")  # dated 1980, so that equal episodes are equal files
                    archive.writestr(info, member.getbuffer(), zipfile.ZIP_DEFLATED, 1)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        return path

    def target_cameras(self, task: str, episode_id: int) -> tuple[str, ...]:
        """Names of an episode's target views, without reading its images.

        Raises:
            DatasetError: as for :meth:`read`.
        """
        with _opened(self.path(task, episode_id)) as (_, metadata):
            return tuple(metadata.get("target_cameras", ()))

    def seed(self, task: str, episode_id: int) -> int:
        """Seed of an episode's scene, without reading its images.

        Raises:
            DatasetError: as for :meth:`read`.
        """
        with _opened(self.path(task, episode_id)) as (_, metadata):
            return int(metadata["seed"])

    def read(self, task: str, episode_id: int) -> EpisodeRecord:
        """Load an episode.

        Raises:
            DatasetError: the episode is missing, damaged, or of another schema version.
        """
        path = self.path(task, episode_id)
        if not path.is_file():
            known = self.episodes(task)
            have = f"it has {len(known)} episodes ({known[0]} to {known[-1]})" if known else "it has none"
            raise DatasetError(
                f"no episode {episode_id} of task {task!r} in {self.root}: {have}; record some with `dynarend collect`"
            )
        return read_episode_file(path)


def read_episode_file(path: Path | str) -> EpisodeRecord:
    """Load one episode file.

    Raises:
        DatasetError: missing, damaged, or of another schema version.
    """
    with _opened(Path(path)) as (archive, metadata):
        return unpack_episode({name: archive[name] for name in archive.files}, metadata)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The archive and its metadata; what goes wrong with either becomes a DatasetError that names the file."""
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; record demonstrations with `dynarend collect`")
    try:
        with np.load(path, allow_pickle=False) as archive:
            metadata = json.loads(archive["metadata"].tobytes())
            version = metadata["schema_version"]
            if version not in READABLE_VERSIONS:
                readable = " and ".join(map(str, READABLE_VERSIONS))
                raise DatasetError(
                    f"{path} has schema version {version}, this program reads {readable}; "
                    "record it again with `dynarend collect`"
                )
            yield archive, metadata
    except _DAMAGE as error:
        raise DatasetError(
            f"{path} is damaged ({type(error).__name__}: {error}); delete it and run `dynarend collect` again: "
            "it records only what is missing"
        ) from error
