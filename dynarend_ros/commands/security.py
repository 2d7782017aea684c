"""``dynarend security``: an SROS2 policy for the graph, so that only the right processes can drive the arm."""

from __future__ import annotations

import argparse
from pathlib import Path

DESCRIPTION = """\
Write the SROS2 policy of the graphs policy, evaluate and sim: which node may publish, hear, offer and call what.
Without SROS2, whoever reaches the ROS domain can publish a keyframe or a trajectory, or call `arm`: docs/safety.md.

examples:
  dynarend security --out dynarend.policy.xml
  dynarend security --robot my_cell.yaml --cameras front wrist --namespace cell1 --out dynarend.policy.xml
  ros2 security create_keystore keys
  ros2 security generate_artifacts -k keys -p dynarend.policy.xml
  export ROS_SECURITY_KEYSTORE=$PWD/keys ROS_SECURITY_ENABLE=true ROS_SECURITY_STRATEGY=Enforce
  ros2 launch dynarend_ros policy.launch.py policy:=<folder>     # each node is in its enclave /dynarend_ros/<node>
  ros2 service call /arm std_srvs/srv/Trigger --ros-args --enclave /dynarend_ros/operator"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "security",
        help="write an SROS2 policy: who may say and call what on the graph",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--robot", default="panda", help="robot of config/robots, or the path of such a file (panda)")
    p.add_argument("--arm-topic", default="", help="topic of the arm's controller (default: the robot's)")
    p.add_argument(
        "--cameras", nargs="+", default=["front", "left_shoulder", "right_shoulder", "wrist"], help="camera names"
    )
    p.add_argument("--namespace", default="", help="namespace of the graph (default: none)")
    p.add_argument("--out", type=Path, required=True, help="file to write")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file."""
    from dynarend_ros.robots import find_robot
    from dynarend_ros.security_policy import permissions, policy_document

    granted = permissions(find_robot(args.robot), args.cameras, args.arm_topic)
    args.out.write_text(policy_document(granted, args.namespace), encoding="utf-8")
    print(f"{args.out}: {len(granted)} enclaves")
    return 0
