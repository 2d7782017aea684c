"""What a pixel means: one interface for the semantic targets of pretraining.

A source answers for pixels of a frame with the id of the named object seen there, or with a feature vector. Sources:
:class:`ObjectNames` (segmented objects of a simulated scene) and :class:`FeatureSemantics` (maps cached on disk).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from dynarend_core.datasets.feature_maps import FeatureMaps
from dynarend_core.datasets.view_cache import TaskViews
from dynarend_core.errors import DatasetError

Array = np.ndarray


@runtime_checkable
class SemanticSource(Protocol):
    """Meanings of pixels.

    Attributes:
        names: What ids stand for; empty for a source of features.
        channels: Channels of the features; 0 for a source of names.
    """

    names: tuple[str, ...]
    channels: int

    def at(self, number: int, frame: int, camera: int, v: Array, u: Array) -> tuple[Array, Array]:
        """Ids and features of pixels.

        Args:
            number: Number of the task.
            frame: Frame of the task.
            camera: Position among the frame's views, targets included.
            v: ``(r,)`` rows.
            u: ``(r,)`` columns.

        Returns:
            Ids ``(r,)`` int64 into the source's names, -1 where nothing is known, and features ``(r, s)`` float32,
            s = 0 for a source of names.
        """


class NoSemantics:
    """Nothing is known of any pixel."""

    names: tuple[str, ...] = ()
    channels = 0

    def at(self, number: int, frame: int, camera: int, v: Array, u: Array) -> tuple[Array, Array]:
        """See :class:`SemanticSource`."""
        return np.full(len(v), -1, dtype=np.int64), np.zeros((len(v), 0), dtype=np.float32)


class ObjectNames:
    """Names of segmented objects, over all tasks.

    Args:
        views: Images of the tasks.

    Raises:
        DatasetError: A task's episodes carry no object maps.
    """

    channels = 0

    def __init__(self, views: Sequence[TaskViews]) -> None:
        missing = [v.task for v in views if v.objects is None]
        if missing:
            raise DatasetError(
                f"no object masks in task {', '.join(missing)}: record it again with `dynarend collect`, "
                "or train without semantic targets: --semantics none"
            )
        self.views = list(views)
        self.names = tuple(sorted({name for v in views for name in v.object_names}))
        ids = {name: i for i, name in enumerate(self.names)}
        self._ids = [np.array([-1, *(ids[name] for name in v.object_names)], dtype=np.int64) for v in views]

    def at(self, number: int, frame: int, camera: int, v: Array, u: Array) -> tuple[Array, Array]:
        """See :class:`SemanticSource`."""
        objects = self.views[number].objects
        assert objects is not None
        return self._ids[number][objects[frame, camera, v, u]], np.zeros((len(v), 0), dtype=np.float32)


class FeatureSemantics:
    """Feature maps of a vision model, computed once by `dynarend features`.

    Args:
        maps: Feature maps of each task.

    Raises:
        DatasetError: The tasks' features differ in length.
    """

    names: tuple[str, ...] = ()

    def __init__(self, maps: Sequence[FeatureMaps]) -> None:
        lengths = {m.channels for m in maps}
        if len(lengths) != 1:
            raise DatasetError(
                f"feature vectors have {', '.join(map(str, sorted(lengths)))} channels in different tasks; compute "
                "them again with one model: `dynarend features`"
            )
        self.maps, self.channels = list(maps), lengths.pop()

    def at(self, number: int, frame: int, camera: int, v: Array, u: Array) -> tuple[Array, Array]:
        """See :class:`SemanticSource`."""
        return np.full(len(v), -1, dtype=np.int64), self.maps[number].at(frame, camera, v, u)
