"""The whole graph against the simulator, acting on its own task.

ros2 launch dynarend_ros sim.launch.py --show-args
ros2 launch dynarend_ros sim.launch.py policy:=<checkpoint folder>
"""

from dynarend_ros.launch_description import launch_description


def generate_launch_description():
    return launch_description("sim")
