"""What a recording of a demonstration holds: topics, their types, and how each is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module, util

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TransformStamped
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from dynarend_ros import qos, topics
from dynarend_ros.transforms import DYNAMIC_QOS, STATIC_QOS


@dataclass(frozen=True)
class Stream:
    """What is recorded of a topic.

    Attributes:
        kind: Type of its messages.
        profile: To listen with.
        thinned: By the image rate.
        kept: Late joiners get the last message.
        merged: Transforms that hold until they are sent anew, by several senders, each of which sends its own.
        recalled: What came shortly before the start is recorded too: the first images are from before it.
    """

    kind: type
    profile: QoSProfile
    thinned: bool = False
    kept: bool = False
    merged: bool = False
    recalled: bool = False


def streams_to_record(cameras: Sequence[str], arm_topic: str, image_reliability: str) -> dict[str, Stream]:
    """By topic: of the cameras, the arm, its commands and the policy; TF where its messages are installed."""
    images = qos.images(image_reliability)
    streams = {
        topics.JOINT_STATES: Stream(JointState, qos.images("best_effort", 100)),
        topics.INSTRUCTION: Stream(String, qos.LATCHED, kept=True),
        topics.TASK_STATUS: Stream(String, qos.LATCHED, kept=True),
        topics.KEYFRAME: Stream(MultiDOFJointTrajectory, qos.RELIABLE),
        topics.EXECUTION_STATUS: Stream(GoalStatus, qos.RELIABLE),
        topics.EXECUTION_MESSAGE: Stream(String, qos.RELIABLE),
        topics.SAFETY_STATE: Stream(DiagnosticStatus, qos.LATCHED, kept=True),
        arm_topic: Stream(JointTrajectory, qos.RELIABLE),
    }
    for camera in cameras:
        streams[topics.colour(camera)] = Stream(Image, images, thinned=True)
        streams[topics.depth(camera)] = Stream(Image, images, thinned=True)
        streams[topics.camera_info(camera)] = Stream(CameraInfo, images, thinned=True, kept=True)
        streams[topics.camera_transform(camera)] = Stream(TransformStamped, qos.POSES, kept=True)
    if util.find_spec("tf2_msgs") is not None:
        message = import_module("tf2_msgs.msg").TFMessage
        streams["/tf"] = Stream(message, DYNAMIC_QOS, recalled=True)
        streams["/tf_static"] = Stream(message, STATIC_QOS, kept=True, merged=True)
    return streams
