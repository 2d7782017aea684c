"""Demonstrations to rosbag2, beside your camera drivers and whatever teleoperates the arm.

ros2 launch dynarend_ros record.launch.py --show-args
ros2 launch dynarend_ros record.launch.py task:=push_buttons instruction:="push the red button"
"""

from dynarend_ros.launch_description import launch_description


def generate_launch_description():
    return launch_description("record")
