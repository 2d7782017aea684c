"""Where target views come from when there is no simulator to render them: warping, or a model of the user's own."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Protocol, cast

import numpy as np

from dynarend_core.datasets.records import EpisodeRecord, FrameRecord
from dynarend_core.datasets.warped_views import WarpedViews
from dynarend_core.errors import ConfigurationError, DatasetError
from dynarend_core.types import CameraView

ENTRY_POINTS = "dynarend.target_views"
"""Entry-point group in which other packages offer sources."""


class TargetViewSource(Protocol):
    """Invents views of a recorded frame, as a multi-view diffusion model does. Made with the number of views wanted."""

    def views(self, frame: FrameRecord, rng: np.random.Generator) -> tuple[CameraView, ...]:
        """New views of a frame.

        Args:
            frame: A frame with the input cameras' views.
            rng: The only source of randomness; equal generators must give equal views.

        Returns:
            The views, named differently from the frame's own, as many and of the same names for every frame, of the
            input images' size, base frame, depth NaN where it is not known.
        """


def load_source(source: str, count: int) -> TargetViewSource:
    """Make a source of ``count`` views.

    Args:
        source: ``"warp"``, the name of an entry point of the group ``dynarend.target_views``, or ``"module:Class"``.
        count: Given to the class as its only argument.

    Raises:
        ConfigurationError: no such source, or it cannot be imported.
    """
    known: dict[str, Callable[[], Any]] = {"warp": lambda: WarpedViews}
    known |= {ep.name: ep.load for ep in entry_points(group=ENTRY_POINTS)}
    try:
        if source in known:
            return cast(TargetViewSource, known[source]()(count))
        module, separator, name = source.partition(":")
        if separator:
            return cast(TargetViewSource, getattr(importlib.import_module(module), name)(count))
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"source {source!r} cannot be loaded ({error}); is its package installed, or its folder on PYTHONPATH?"
        ) from error
    raise ConfigurationError(
        f"unknown source {source!r}; choose one of {', '.join(sorted(known))}, or name a class as module:Class"
    )


def with_target_views(
    episode: EpisodeRecord, source: TargetViewSource, rng: np.random.Generator
) -> tuple[EpisodeRecord, float]:
    """An episode with more target views, and the share of their pixels that have depth.

    Where the episode has object maps, those of the new views say "nothing that has a name".

    Raises:
        DatasetError: the source gave no views.
    """
    frames, known = [], []
    for frame in episode.frames:
        added = source.views(frame, rng)
        if not added:
            raise DatasetError(f"{type(source).__name__} gave no views; ask for at least one")
        blank = tuple(np.zeros(v.depth_m.shape, np.uint8) for v in added)
        ids = (*frame.object_ids, *blank) if frame.object_ids else ()
        frames.append(dataclasses.replace(frame, targets=(*frame.targets, *added), object_ids=ids))
        known += [np.isfinite(v.depth_m).mean() for v in added]
    return dataclasses.replace(episode, frames=tuple(frames)), float(np.mean(known))
