"""``dynarend up``: the processes of a graph, for machines without ``ros2 launch``."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from typing import Any

from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_ros.graph_arguments import ARGUMENTS, arranged_graph

DEFAULT_POLICY = Path("models/policies/small")

DESCRIPTION = """\
Start a graph of ROS nodes as separate processes and show their logs, until Ctrl-C or until a required node ends.

graphs:
  sim        sim_node (MuJoCo) + fusion_node + policy_node + executor_node; acts on its own task at once
  policy     fusion_node + policy_node + executor_node + safety_node, for your cameras and arm; call `arm`, then `run`
             or `step`, to act. Starts as a dry run; docs/safety.md says how to go on. With --simulate true the
             simulator stands in for cameras and arm, everything else stays as on the robot
  evaluate   graph policy and evaluation_node: counts supervised episodes, you say how each ended; docs/recording.md
  record     record_node: demonstrations to rosbag2, beside your drivers and your teleoperation; docs/recording.md
  calibrate  records views of a board with your camera driver and arm: docs/calibration.md
  cameras    camera_node + fusion_node: RealSense cameras (--source realsense), recordings of their SDK (recording) or
             rendered stand-ins (software: no hardware needed) to the cloud; docs/cameras.md

The same nodes as `ros2 launch dynarend_ros <graph>.launch.py`. Parameters come from config/<graph>.yaml; a
--params-file comes on top, then the options below, then --set. Talk to them from any shell with the same ROS_DOMAIN_ID.

examples:
  dynarend up sim --set sim_node.task=meat_off_grill --set sim_node.seed=100007
  dynarend up sim --set policy_node.autorun=false
  dynarend up policy --robot panda --backend ompl --simulate true --dry-run false
  dynarend up cameras --source software
  ROS_DOMAIN_ID=7 dynarend up policy --policy models/policies/small --set executor_node.velocity_factor=0.05"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "up",
        help="start a graph of ROS nodes (sim, policy, evaluate, record, calibrate, cameras) without ros2 launch",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("graph", choices=("sim", "policy", "evaluate", "record", "calibrate", "cameras"), help="which graph")
    p.add_argument("--policy", type=Path, default=DEFAULT_POLICY, help=f"policy folder (default: {DEFAULT_POLICY})")
    for name, argument in ARGUMENTS.items():
        if name != "policy":
            p.add_argument(
                f"--{name.replace('_', '-')}", default="", choices=argument.choices or None, help=argument.description
            )
    p.add_argument("--params-file", default="", metavar="FILE", help="ROS parameter file on top of config/<graph>.yaml")
    p.add_argument(
        "--set", action="append", default=[], metavar="NODE.PARAMETER=VALUE", help="parameter, as in YAML; repeatable"
    )
    p.add_argument("--domain-id", type=int, help="ROS_DOMAIN_ID (default: the environment's, else 0)")
    p.set_defaults(run=run)


def parse_settings(settings: list[str]) -> dict[str, dict[str, Any]]:
    """``["node.parameter=value", ...]`` by node.

    Raises:
        ConfigurationError: a setting has another form.
    """
    import yaml

    parameters: dict[str, dict[str, Any]] = {}
    for setting in settings:
        target, equals, value = setting.partition("=")
        node, dot, name = target.partition(".")
        if not (equals and dot and node and name):
            raise ConfigurationError(f"--set wants NODE.PARAMETER=VALUE, got {setting!r}")
        parameters.setdefault(node, {})[name] = yaml.safe_load(value)
    return parameters


def run(args: argparse.Namespace) -> int:
    """Run the graph; returns 0 after Ctrl-C, and raises ProcessDiedError if a required node ended."""
    from dynarend_ros.graph import GRAPHS
    from dynarend_ros.process_runner import ProcessRunner
    from dynarend_ros.shared_memory import shortage

    parameters = parse_settings(args.set)
    if any(spec.name == "policy_node" for spec in GRAPHS[args.graph]):
        policy = Path(str(parameters.setdefault("policy_node", {}).setdefault("policy", str(args.policy))))
        if not policy.is_dir():
            raise CheckpointError(f"no policy folder {policy}; train one with `dynarend finetune` or give --policy")
    values = {name: getattr(args, name) for name in ARGUMENTS if name != "policy"}
    specs = arranged_graph(args.graph, values, parameters, args.params_file)
    for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):  # end like Ctrl-C: no process is left behind
        signal.signal(signum, signal.default_int_handler)
    try:
        with ProcessRunner(specs, args.domain_id) as runner:
            if warning := shortage(len(runner.nodes)):
                print(f"warning: {warning}", flush=True)
            runner.wait()
    except KeyboardInterrupt:
        print("stopped")
    return 0
