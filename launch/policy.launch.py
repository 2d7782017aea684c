"""Cameras -> cloud -> policy -> executor -> arm, watched by the safety node; starts as a dry run.

ros2 launch dynarend_ros policy.launch.py --show-args
ros2 launch dynarend_ros policy.launch.py robot:=panda backend:=move_group policy:=<checkpoint folder>
ros2 launch dynarend_ros policy.launch.py simulate:=true policy:=<checkpoint folder>    # no robot needed
"""

from dynarend_ros.launch_description import launch_description


def generate_launch_description():
    return launch_description("policy")
