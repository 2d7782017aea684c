"""How long four VGA views take to a cropped 5 mm cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dynarend_core.benchmarks.timing import measure
from dynarend_core.perception.fusion import CloudFuser, FusionConfig
from dynarend_core.types import CameraView, PointCloud


def time_fusion(views: Sequence[CameraView], threads: int, repeats: int = 20) -> tuple[PointCloud, dict[str, Any]]:
    """Fuse with ``threads`` threads and with one.

    Returns:
        The cloud, and the fields ``ours_ms`` (with percentiles), ``ours_one_thread_ms``, ``threads``, ``points``
        and ``views``.
    """
    fuser = CloudFuser(FusionConfig(threads=threads))
    cloud = fuser.fuse(views)
    fields: dict[str, Any] = measure(lambda: fuser.fuse(views), repeats).fields("ours")
    single = CloudFuser(FusionConfig(threads=1))
    fields["ours_one_thread_ms"] = round(measure(lambda: single.fuse(views), repeats).median_ms, 3)
    height, width = views[0].depth_m.shape
    return cloud, {**fields, "threads": threads, "points": len(cloud), "views": f"{len(views)} x {width}x{height}"}
