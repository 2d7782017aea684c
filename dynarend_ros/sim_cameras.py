"""Publishes the simulator's cameras under the names and types of the RealSense driver."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module, util

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from dynarend_core.types import CameraView
from dynarend_ros import qos, topics
from dynarend_ros.conversions import camera_info_to_message, depth_to_message, rgb_to_message, transform_to_message


class SimCameras:
    """Publishers of all cameras; a set of views leaves with one stamp. ``published`` counts frames by camera."""

    def __init__(self, node: Node, cameras: Sequence[str], base_frame: str) -> None:
        self._base_frame = base_frame
        self.published = dict.fromkeys(cameras, 0)
        images = qos.images("reliable")
        self._colour = {c: node.create_publisher(Image, topics.colour(c), images) for c in cameras}
        self._depth = {c: node.create_publisher(Image, topics.depth(c), images) for c in cameras}
        self._info = {c: node.create_publisher(CameraInfo, topics.camera_info(c), images) for c in cameras}
        self._pose = {
            c: node.create_publisher(TransformStamped, topics.camera_transform(c), qos.POSES) for c in cameras
        }
        self._tf = None
        if util.find_spec("tf2_msgs") is not None:  # not among the wheels; part of every ROS installation
            self._tf_type = import_module("tf2_msgs.msg").TFMessage
            self._tf = node.create_publisher(self._tf_type, "/tf", qos.RELIABLE)

    def publish(self, views: Sequence[CameraView], stamp_ns: int, claimed_size: tuple[int, int] | None = None) -> None:
        """Publish one set of views, stamped ``stamp_ns``; ``claimed_size`` is a (wrong) size for camera_info."""
        transforms = []
        for view in views:
            frame = topics.optical_frame(view.name)
            w, h = claimed_size or view.depth_m.shape[::-1]
            transforms.append(transform_to_message(view.T_base_camera, self._base_frame, frame, stamp_ns))
            self._pose[view.name].publish(transforms[-1])
            self._info[view.name].publish(camera_info_to_message(view.K, w, h, frame, stamp_ns))
            self._colour[view.name].publish(rgb_to_message(view.rgb, frame, stamp_ns))
            self._depth[view.name].publish(depth_to_message(view.depth_m, frame, stamp_ns))
            self.published[view.name] += 1
        if self._tf is not None:
            self._tf.publish(self._tf_type(transforms=transforms))
