"""How long four VGA views take to a cropped 5 mm cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dynarend_core.benchmarks import fusion_open3d
from dynarend_core.benchmarks.timing import measure, measure_in_turn
from dynarend_core.errors import MissingDependencyError
from dynarend_core.perception.fusion import CloudFuser, FusionConfig
from dynarend_core.types import CameraView, PointCloud


def time_fusion(views: Sequence[CameraView], threads: int, repeats: int = 20) -> tuple[PointCloud, dict[str, Any]]:
    """Fuse with ``threads`` threads and with one, and by Open3D where it is installed.

    Returns:
        The cloud, and the fields ``ours_ms`` (with percentiles), ``ours_one_thread_ms``, ``threads``, ``points``,
        ``views``, and those of :func:`compare_with_open3d`.
    """
    fuser = CloudFuser(FusionConfig(threads=threads))
    cloud = fuser.fuse(views)
    fields: dict[str, Any] = measure(lambda: fuser.fuse(views), repeats).fields("ours")
    single = CloudFuser(FusionConfig(threads=1))
    fields["ours_one_thread_ms"] = round(measure(lambda: single.fuse(views), repeats).median_ms, 3)
    height, width = views[0].depth_m.shape
    fields |= {"threads": threads, "points": len(cloud), "views": f"{len(views)} x {width}x{height}"}
    return cloud, fields | compare_with_open3d(views, fuser, repeats)


def compare_with_open3d(views: Sequence[CameraView], fuser: CloudFuser, repeats: int = 20) -> dict[str, Any]:
    """Ours and Open3D's two interfaces, call after call in turn, with the same views, box and voxels.

    Returns:
        ``open3d_ms`` of the faster interface (with percentiles), ``open3d_interface``, ``open3d_other_ms``,
        ``open3d_points``, ``open3d_version``, and ``open3d_ratio``: by how much ours is faster, in the same minutes.
        Without Open3D only ``open3d_unavailable``, the reason.
    """
    try:
        peers = fusion_open3d.fusers(views, fuser.config)
    except MissingDependencyError as error:
        return {"open3d_unavailable": str(error)}
    ours, *timings = measure_in_turn((lambda: fuser.fuse(views), *peers.values()), repeats, warm_up=1, budget_s=60.0)
    faster, other = sorted(zip(timings, peers, strict=True), key=lambda pair: pair[0].median_ms)
    return {
        **faster[0].fields("open3d"),
        "open3d_interface": faster[1],
        "open3d_other_ms": round(other[0].median_ms, 3),
        "open3d_points": len(peers[faster[1]]()[0]),
        "open3d_version": fusion_open3d.open3d().__version__,
        "open3d_ratio": round(faster[0].median_ms / ours.median_ms, 2),
    }
