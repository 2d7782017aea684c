"""Graph `policy` and a node that counts supervised episodes; the operator says how each ended.

ros2 launch dynarend_ros evaluate.launch.py --show-args
ros2 launch dynarend_ros evaluate.launch.py policy:=<checkpoint folder> dry_run:=false confirm:=false
"""

from dynarend_ros.launch_description import launch_description


def generate_launch_description():
    return launch_description("evaluate")
