"""ROS messages to core types and back: the only place that knows ROS field names of sensor and motion messages."""

from dynarend_ros.conversions.clouds import cloud_from_message, cloud_to_message
from dynarend_ros.conversions.drawing import boxes_to_message, heat_map_to_message, markers_to_message, value_heat_map
from dynarend_ros.conversions.images import (
    camera_info_to_message,
    depth_from_message,
    depth_mm_to_message,
    depth_to_message,
    intrinsics_from_message,
    rgb_from_message,
    rgb_to_message,
)
from dynarend_ros.conversions.motion import (
    goal_status_to_message,
    joint_state_from_message,
    joint_state_to_message,
    keyframe_from_message,
    keyframe_to_message,
    trajectory_from_message,
    trajectory_to_message,
)
from dynarend_ros.conversions.poses import pose_to_message, transform_from_message, transform_to_message
from dynarend_ros.conversions.stamps import (
    duration_from_seconds,
    seconds_from_duration,
    stamp_from_ns,
    stamp_to_ns,
)

__all__ = [
    "boxes_to_message",
    "camera_info_to_message",
    "cloud_from_message",
    "cloud_to_message",
    "depth_from_message",
    "depth_mm_to_message",
    "depth_to_message",
    "duration_from_seconds",
    "goal_status_to_message",
    "heat_map_to_message",
    "intrinsics_from_message",
    "joint_state_from_message",
    "joint_state_to_message",
    "keyframe_from_message",
    "keyframe_to_message",
    "markers_to_message",
    "pose_to_message",
    "rgb_from_message",
    "rgb_to_message",
    "seconds_from_duration",
    "stamp_from_ns",
    "stamp_to_ns",
    "trajectory_from_message",
    "trajectory_to_message",
    "transform_from_message",
    "transform_to_message",
    "value_heat_map",
]
