"""One numbering of objects for all episodes of a task."""

from __future__ import annotations

import numpy as np

from dynarend_core.datasets.records import EpisodeRecord
from dynarend_core.errors import DatasetError

Array = np.ndarray

MOST_NAMES = 255


class Vocabulary:
    """Collects the names of a task's objects in the order of their first appearance.

    Attributes:
        task: Task name.
        names: Names so far.
        complete: Whether every episode so far has object maps.
    """

    def __init__(self, task: str) -> None:
        self.task = task
        self.names: list[str] = []
        self.complete = True

    def add(self, record: EpisodeRecord) -> Array:
        """Add an episode's names.

        Returns:
            ``(n + 1,)`` uint8: the task's id for each of the episode's ids; 0 stays 0.

        Raises:
            DatasetError: more names than a byte can number.
        """
        self.complete &= all(frame.object_ids for frame in record.frames)
        if not self.complete:
            return np.zeros(1, dtype=np.uint8)
        self.names += [name for name in dict.fromkeys(record.object_names) if name not in self.names]
        if len(self.names) > MOST_NAMES:
            raise DatasetError(
                f"task {self.task!r} names {len(self.names)} different objects, at most {MOST_NAMES} are possible; "
                "shorten the names in the task's semantic_names, or split the store"
            )
        return np.array([0, *(self.names.index(name) + 1 for name in record.object_names)], dtype=np.uint8)
