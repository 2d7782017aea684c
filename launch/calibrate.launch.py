"""ros2 launch dynarend_ros calibrate.launch.py params_file:=<file>."""

from dynarend_ros.launch_description import launch_description


def generate_launch_description():
    return launch_description("calibrate")
