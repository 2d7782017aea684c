"""What a person may want to see of the policy: predicted gripper, heat maps, pictures of cloud and value map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from dynarend_core.types import PointCloud, Prediction
from dynarend_ros import qos, topics
from dynarend_ros.conversions import (
    heat_map_to_message,
    markers_to_message,
    pose_to_message,
    rgb_to_message,
    stamp_from_ns,
)


@dataclass(frozen=True)
class Thought:
    """What the policy saw and answered at one keyframe."""

    cloud: PointCloud
    prediction: Prediction
    title: str


class PolicyDisplay:
    """Publishes poses and markers at once, and keeps the latest task's thoughts to draw them on request.

    Args:
        node: Owner of the publishers.
        base_frame: Frame of everything.
        live: Draw every thought at once.
    """

    KEPT = 6
    """The first keyframes of a task; a policy that needs many more has lost its way."""

    def __init__(self, node: Node, base_frame: str, live: bool) -> None:
        self._base_frame = base_frame
        self._live = live
        self._thoughts: list[Thought] = []
        self._pose = node.create_publisher(PoseStamped, "keyframe_pose", qos.RELIABLE)
        self._heat = node.create_publisher(Image, "value_maps", qos.RELIABLE)
        self._markers = node.create_publisher(MarkerArray, "markers", qos.RELIABLE)
        self._picture = node.create_publisher(Image, topics.RENDERED, qos.RELIABLE)

    def clear(self) -> None:
        """A new task begins."""
        self._thoughts = []

    def show(self, thought: Thought) -> None:
        """Publish a thought; call it after the keyframe has left."""
        frame, stamp_ns, prediction = self._base_frame, thought.cloud.stamp_ns, thought.prediction
        if len(self._thoughts) < self.KEPT:
            self._thoughts = [*self._thoughts, thought]
        pose = PoseStamped(pose=pose_to_message(prediction.keyframe.T_base_gripper))
        pose.header.frame_id, pose.header.stamp = frame, stamp_from_ns(stamp_ns)
        self._pose.publish(pose)
        self._markers.publish(markers_to_message(prediction, frame, stamp_ns))
        if prediction.value_maps and self._heat.get_subscription_count():
            self._heat.publish(heat_map_to_message(prediction.value_maps, frame, stamp_ns))
        if self._live:
            self._draw(thought)

    def draw_all(self) -> int:
        """Draw and publish the kept thoughts; returns how many."""
        thoughts = self._thoughts
        for thought in thoughts:
            self._draw(thought)
        return len(thoughts)

    def _draw(self, thought: Thought) -> None:
        from dynarend_core.visualization import render_cloud_with_value_map

        rgb = render_cloud_with_value_map(thought.cloud, thought.prediction, title=thought.title)
        self._picture.publish(rgb_to_message(np.ascontiguousarray(rgb), self._base_frame, thought.cloud.stamp_ns))
