"""ros2 launch dynarend_ros policy.launch.py policy:=<checkpoint folder>."""

from dynarend_ros.launch_description import launch_description


def generate_launch_description():
    return launch_description("policy")
