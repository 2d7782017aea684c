"""ros2 launch dynarend_ros cameras.launch.py source:=software."""

from dynarend_ros.launch_description import launch_description


def generate_launch_description():
    return launch_description("cameras")
