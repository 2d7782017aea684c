"""One camera's topics and frames, under the names and types of realsense-ros."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from dynarend_core.geometry import se3
from dynarend_core.perception.rgbd_frame import RgbdFrame
from dynarend_core.types import Array
from dynarend_ros import qos, topics
from dynarend_ros.conversions import (
    camera_info_to_message,
    depth_mm_to_message,
    rgb_to_message,
    transform_to_message,
)

T_BODY_OPTICAL = se3.make(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]))
"""Optical axes (x right, y down, z forward) in body axes (x forward, y left, z up): REP 103."""


class CameraPublisher:
    """Publishers of one camera. ``publish`` may be called from the camera's own thread."""

    def __init__(self, node: Node, camera: str, reliability: str, aligned: bool) -> None:
        profile = qos.images(reliability)
        depth, info = (
            (topics.depth(camera), topics.aligned_depth_info(camera))
            if aligned
            else (topics.raw_depth(camera), topics.raw_depth_info(camera))
        )
        self._camera = camera
        self._colour = node.create_publisher(Image, topics.colour(camera), profile)
        self._info = node.create_publisher(CameraInfo, topics.camera_info(camera), profile)
        self._depth = node.create_publisher(Image, depth, profile)
        self._depth_info = node.create_publisher(CameraInfo, info, profile)

    def publish(self, frame: RgbdFrame) -> None:
        """Publish one frame: all messages with its one stamp; depth in the colour frame if it is aligned."""
        optical, stamp_ns = topics.optical_frame(self._camera), frame.stamp_ns
        depth_optical = optical if frame.aligned else topics.depth_optical_frame(self._camera)
        h, w = frame.rgb.shape[:2]
        depth_h, depth_w = frame.depth_mm.shape
        self._info.publish(camera_info_to_message(frame.K, w, h, optical, stamp_ns))
        self._depth_info.publish(camera_info_to_message(frame.K_depth, depth_w, depth_h, depth_optical, stamp_ns))
        self._colour.publish(rgb_to_message(frame.rgb, optical, stamp_ns))
        self._depth.publish(depth_mm_to_message(frame.depth_mm, depth_optical, stamp_ns))


def frames_of(camera: str, T_color_depth: Array, stamp_ns: int) -> list[TransformStamped]:
    """The camera's own tree, as realsense-ros publishes it: link (the depth sensor's place) to both optical frames.

    Args:
        camera: Camera name.
        T_color_depth: ``(4, 4)`` factory calibration, both optical.
        stamp_ns: Stamp of the messages [ns].
    """
    T_link_color_optical = T_BODY_OPTICAL @ se3.inverse(T_color_depth)
    T_link_color = T_link_color_optical @ se3.inverse(T_BODY_OPTICAL)
    link = topics.link_frame(camera)
    chain = (
        (link, f"{camera}_depth_frame", np.eye(4)),
        (f"{camera}_depth_frame", topics.depth_optical_frame(camera), T_BODY_OPTICAL),
        (link, f"{camera}_color_frame", T_link_color),
        (f"{camera}_color_frame", topics.optical_frame(camera), T_BODY_OPTICAL),
    )
    return [transform_to_message(T, parent, child, stamp_ns) for parent, child, T in chain]
