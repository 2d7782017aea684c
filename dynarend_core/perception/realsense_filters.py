"""The SDK's depth filters in its recommended order; one chain a camera, because the temporal one remembers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class DepthFilters:
    """Decimation, then spatial and temporal in disparity, then hole filling, then a depth range.

    They run before the alignment: decimation after it would break the registration of depth and colour.

    Args:
        rs: Module ``pyrealsense2``.
        filters: Name to main setting, NaN for the SDK's default: ``decimation`` and ``spatial`` magnitude, ``temporal``
            and ``spatial`` smooth by default alpha and delta, ``hole_filling`` mode, ``threshold`` largest depth [m].
        has_baseline: The camera knows its stereo baseline, without which there is no disparity.
    """

    def __init__(self, rs: Any, filters: Mapping[str, float], has_baseline: bool) -> None:
        self._chain = []
        for name in ("decimation", "spatial", "temporal", "hole_filling", "threshold"):
            if name not in filters:
                continue
            block, option = _BLOCKS[name]
            made = getattr(rs, block)()
            if not math.isnan(filters[name]):
                made.set_option(getattr(rs.option, option), filters[name])
            self._chain.append((name, made))
        smooths = [i for i, (name, _) in enumerate(self._chain) if name in ("spatial", "temporal")]
        if smooths and has_baseline:
            self._chain.insert(smooths[-1] + 1, ("to_depth", rs.disparity_transform(False)))
            self._chain.insert(smooths[0], ("to_disparity", rs.disparity_transform(True)))

    def process(self, frames: Any) -> Any:
        """The frame set with its depth filtered."""
        for _, block in self._chain:
            frames = block.process(frames).as_frameset()
        return frames


_BLOCKS = {
    "decimation": ("decimation_filter", "filter_magnitude"),
    "spatial": ("spatial_filter", "filter_magnitude"),
    "temporal": ("temporal_filter", "holes_fill"),
    "hole_filling": ("hole_filling_filter", "holes_fill"),
    "threshold": ("threshold_filter", "max_distance"),
}
