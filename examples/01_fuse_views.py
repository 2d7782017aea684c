"""Fuse calibrated RGB-D views into one cloud in the robot's base frame, and save it for any point cloud viewer.

Your own cameras need nothing but a CameraView each: colour, depth in metres (NaN where invalid), the pinhole matrix
and the pose of the optical frame in the base frame.

python examples/01_fuse_views.py --out runs/cloud.ply
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dynarend_core.geometry import se3
from dynarend_core.geometry.cameras import intrinsics_from_fov
from dynarend_core.geometry.rotations import rotation_x
from dynarend_core.perception.fusion import fuse
from dynarend_core.types import CameraView, PointCloud

HEIGHT_M = 0.9


def camera_above(name: str, x: float, color: tuple[int, int, int]) -> CameraView:
    """A camera that looks straight down on a table with a box on it: depth is its height, less over the box."""
    size = 240
    K = intrinsics_from_fov(size, size, np.deg2rad(40.0))
    # Optical axes: x right, y down, z forward. Half a turn about x makes z point down.
    T_base_camera = se3.make(rotation_x(np.pi), np.array([x, 0.0, HEIGHT_M]))
    depth_m = np.full((size, size), HEIGHT_M, dtype=np.float32)
    depth_m[90:150, 90:150] = HEIGHT_M - 0.10
    depth_m[:5] = np.nan  # what a real camera does not measure
    rgb = np.full((size, size, 3), color, dtype=np.uint8)
    return CameraView(name, rgb, depth_m, K, T_base_camera)


def save_ply(path: Path, cloud: PointCloud) -> None:
    """Write a cloud as a binary PLY file."""
    vertices = np.empty(len(cloud), dtype=[("xyz", "<f4", (3,)), ("rgb", "u1", (3,))])
    vertices["xyz"], vertices["rgb"] = cloud.xyz, cloud.rgb
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(cloud)}"]
    lines += [f"property float {axis}" for axis in "xyz"] + [f"property uchar {c}" for c in ("red", "green", "blue")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join([*lines, "end_header"]) + "\n").encode() + vertices.tobytes())


def main() -> None:
    """Fuse two views and save the cloud."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/cloud.ply"))
    parser.add_argument("--voxel-m", type=float, default=0.005, help="one averaged point a voxel of this edge [m]")
    args = parser.parse_args()
    views = [camera_above("left", 0.35, (200, 60, 60)), camera_above("right", 0.55, (60, 60, 200))]
    cloud = fuse(views, voxel_m=args.voxel_m)
    low, high = cloud.xyz.min(axis=0), cloud.xyz.max(axis=0)
    print(f"{sum(v.depth_m.size for v in views)} pixels -> {len(cloud)} points")
    print(f"from {np.round(low, 3).tolist()} to {np.round(high, 3).tolist()} m, base frame")
    save_ply(args.out, cloud)
    print(f"saved {args.out}")


if __name__ == "__main__":
    main()
