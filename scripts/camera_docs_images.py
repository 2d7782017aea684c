"""The picture of docs/cameras.md, from a running graph `cameras` with software cameras. Takes no arguments.

Above what each camera publishes, colour and depth; below the fused cloud as it arrives, and the same by its normals.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from sensor_msgs.msg import Image, PointCloud2

from dynarend_core.types import PointCloud
from dynarend_core.visualization.field_colors import depth_colors
from dynarend_core.visualization.splat import look_at, point_sizes, shade_edges, splat
from dynarend_ros import qos, topics
from dynarend_ros.conversions import cloud_from_message, depth_from_message, rgb_from_message
from dynarend_ros.domain import free_domain_id
from dynarend_ros.graph import environment
from dynarend_ros.graph_arguments import arranged_graph
from dynarend_ros.graph_client import GraphClient
from dynarend_ros.process_runner import ProcessRunner

CAMERAS = ("front", "left_shoulder", "right_shoulder", "wrist")
WIDTH = 1200
NEAR_FAR_M = (0.3, 1.8)
GAP = 6
BACKGROUND = 245.0


def record() -> tuple[dict[str, np.ndarray], PointCloud]:
    """Newest image of each topic, and a cloud with normals that holds all cameras."""
    domain = free_domain_id()
    os.environ.update(environment(domain))
    client, images, clouds = GraphClient("camera_pictures"), {}, []
    for name in CAMERAS:
        for topic, decode in ((topics.colour(name), rgb_from_message), (topics.depth(name), depth_from_message)):
            receive = lambda m, t=topic, d=decode: images.update({t: d(m)})  # noqa: E731
            client.node.create_subscription(Image, topic, receive, qos.images("reliable"))
    client.node.create_subscription(PointCloud2, topics.CLOUD, clouds.append, qos.RELIABLE)
    profile = {"color_profiles": ["640x480x5"], "depth_profiles": ["640x480x5"]}
    settings = {"camera_node": profile, "fusion_node": {"normals": True, "self_filter_margin_m": -1.0}}
    specs = arranged_graph("cameras", {"source": "software"}, settings)

    def complete() -> bool:
        healthy = client.counters.get("fusion_node", {}).get("message") == "ok"
        return healthy and len(images) == 2 * len(CAMERAS) and len(clouds) > 5

    with ProcessRunner(specs, domain):
        if not client.wait_for(complete, 240.0):
            sys.exit(f"no complete set: {client.counters.get('fusion_node')}")
    client.close()
    return images, cloud_from_message(clouds[-1])


def draw(cloud: PointCloud, rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """The cloud from beside the robot."""
    view = look_at(np.array([1.5, 0.75, 0.85]), np.array([0.3, 0.0, 0.2]), np.deg2rad(38), 2 * width, 2 * height)
    colour, depth = splat(cloud.xyz, rgb.astype(np.float32), point_sizes(cloud.xyz, 0.0085), view)
    picture = np.where(np.isfinite(depth)[..., None], shade_edges(colour, depth, radius_px=2), BACKGROUND)
    return cv2.resize(np.clip(picture, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_AREA)


def _framed(image: np.ndarray) -> np.ndarray:
    return np.pad(image, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def main() -> None:
    """Write docs/images/cameras_cloud.jpg."""
    images, cloud = record()
    assert cloud.normals is not None
    w, h = WIDTH // 4 - GAP, WIDTH * 3 // 16
    colours = [images[topics.colour(name)] for name in CAMERAS]
    depths = [depth_colors(images[topics.depth(name)], NEAR_FAR_M) for name in CAMERAS]
    small = [[cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA) for image in row] for row in (colours, depths)]
    normals = np.nan_to_num(127.5 * (cloud.normals + 1.0), nan=127.5)
    clouds = [draw(cloud, rgb, WIDTH // 2 - GAP, WIDTH * 3 // 8) for rgb in (cloud.rgb, normals)]
    picture = np.vstack([np.hstack([_framed(image) for image in row]) for row in (*small, clouds)])
    out = Path(__file__).resolve().parents[1] / "docs" / "images" / "cameras_cloud.jpg"
    cv2.imwrite(str(out), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(f"{out}: {len(cloud)} points")


if __name__ == "__main__":
    main()
