"""What one may say when starting a graph, written once: launch arguments and options of ``dynarend up`` alike."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from dynarend_core.errors import ConfigurationError
from dynarend_ros.graph import GRAPHS, NodeSpec, graph
from dynarend_ros.parameter_files import read_parameter_file

FLAG = ("true", "false")
LISTS = ("cameras", "camera_files", "instructions", "episodes")


@dataclass(frozen=True)
class Argument:
    """One argument. Empty means: what the parameter file says.

    Attributes:
        description: For ``--show-args`` and ``--help``.
        targets: ``node.parameter`` it sets; ``*`` stands for every node.
        choices: Allowed values; none: any.
        graphs: Graphs that have it; none: those with a target.
    """

    description: str
    targets: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    graphs: tuple[str, ...] = ()


ARGUMENTS: dict[str, Argument] = {
    "robot": Argument(
        "Robot: a name in config/robots (panda, fr3, ur5e, xarm7) or the path of such a YAML file.",
        ("policy_node.robot", "executor_node.robot", "safety_node.robot", "record_node.robot"),
        graphs=("policy", "evaluate", "record"),
    ),
    "cameras": Argument(
        "Names of the cameras, as YAML: [front, wrist].",
        ("camera_node.cameras", "fusion_node.cameras", "record_node.cameras"),
    ),
    "camera_files": Argument(
        "Camera files of `dynarend calibrate`, or folders of them, as YAML: [config/cameras]; published on /tf_static.",
        ("fusion_node.camera_files",),
        graphs=("policy", "evaluate", "cameras"),
    ),
    "task": Argument("Name of the task that is demonstrated, a folder name.", ("record_node.task",)),
    "folder": Argument("Where bags go: <folder>/<task>/episode_<number>.", ("record_node.folder",)),
    "source": Argument(
        "Where images come from: RealSense cameras, recordings of their SDK, or software stand-ins.",
        ("camera_node.source",),
        ("realsense", "recording", "software"),
    ),
    "policy": Argument("Folder of the policy checkpoint.", ("policy_node.policy",)),
    "instruction": Argument(
        "What to do, in words; empty: wait for the topic `instruction`.",
        ("policy_node.instruction", "record_node.instruction"),
        graphs=("sim", "policy", "record"),
    ),
    "backend": Argument(
        "Who plans: ompl (embedded; Panda and FR3), moveit (moveit_py) or move_group (a running move_group).",
        ("executor_node.backend",),
        ("ompl", "moveit", "move_group"),
        ("policy", "evaluate"),
    ),
    "dry_run": Argument("Plan, judge and show every motion; move nothing.", ("executor_node.dry_run",), FLAG),
    "confirm": Argument("Wait for the service `confirm` before every motion.", ("executor_node.confirm",), FLAG),
    "instructions": Argument(
        'What the policy is told, as YAML: ["push the red button", "open the drawer"].',
        ("evaluation_node.instructions",),
    ),
    "episodes": Argument("Episodes of each instruction.", ("evaluation_node.episodes",)),
    "report": Argument("File of the report.", ("evaluation_node.report",)),
    "use_sim_time": Argument("Take time from /clock.", (), FLAG, ("policy", "evaluate", "record")),
    "simulate": Argument("The simulator in place of cameras and arm (Panda only).", (), FLAG, ("policy", "evaluate")),
    "namespace": Argument("Namespace of all nodes and their relative topics.", (), (), tuple(GRAPHS)),
}
"""Every argument of every graph, in the order in which they are shown."""

SIMULATED: dict[str, dict[str, Any]] = {
    "sim_node": {"camera_rate_hz": 5.0, "overview_rate_hz": 0.0},
    # A simulated scene at rest looks the same twice, and its clock runs at its own pace.
    "fusion_node": {
        "extrinsics": "topic",
        "camera_files": [""],
        "detect_frozen": False,
        "max_age_s": 0.0,
        "max_future_s": 0.0,
    },
    "executor_node": {
        "arm_topic": "joint_trajectory",
        "gripper_kind": "joint_trajectory",
        "gripper_name": "gripper/joint_trajectory",
        "joint_state_max_age_s": 1.0,
        "start_tolerance_rad": 0.02,
        "safety_lease_s": 1.0,
        "safety_max_age_s": 1.0,
    },
    "safety_node": {
        "arm_topic": "joint_trajectory",
        "joint_states_max_age_s": 1.0,
        "cloud_max_age_s": 4.0,
        "node_lease_s": 1.0,
    },
}
"""What connects the graph to the simulator, whose joint states wait while it renders on a busy machine."""


def arguments_of(graph_name: str) -> dict[str, Argument]:
    """The arguments a graph has."""
    names = {spec.name for spec in GRAPHS[graph_name]}
    return {
        name: argument
        for name, argument in ARGUMENTS.items()
        if graph_name in argument.graphs
        or (not argument.graphs and any(target.split(".")[0] in names for target in argument.targets))
    }


def arranged_graph(
    name: str,
    values: Mapping[str, str],
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    params_file: str = "",
) -> tuple[NodeSpec, ...]:
    """Nodes of a graph with its arguments applied, then ``parameters`` on top.

    Args:
        name: Graph.
        values: Argument to its text; empty texts change nothing.
        parameters: ``parameters[node][parameter]``.
        params_file: Parameter file on top of the graph's own, whose keys need not name every node; empty: none.

    Raises:
        ConfigurationError: unknown graph, argument, node or robot, a value that is not allowed, no such file, or one
            with nothing for this graph or with a name that looks like a misspelled node.
    """
    if name not in GRAPHS:
        raise ConfigurationError(f"graph {name!r} is not one of {', '.join(GRAPHS)}")
    given = {key: value for key, value in values.items() if value != ""}
    settings = _settings(name, given)
    simulated = given.get("simulate") == "true"
    for node, own in (parameters or {}).items():
        settings.setdefault(node, {}).update(own)
    beside = settings.pop("sim_node", {}) if simulated else {}
    specs = graph(name, settings)
    if simulated:
        specs = _simulated(specs, beside, given)
    if "use_sim_time" in given and not simulated:
        specs = tuple(replace(spec, use_sim_time=given["use_sim_time"] == "true") for spec in specs)
    if params_file:
        specs = _with_file(specs, Path(params_file).expanduser().absolute(), name)
    namespace = given.get("namespace", "").strip("/")
    return tuple(replace(spec, namespace=namespace) for spec in specs)


def _settings(name: str, given: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    known, names = arguments_of(name), {spec.name for spec in GRAPHS[name]}
    settings: dict[str, dict[str, Any]] = {}
    for key, text in given.items():
        if key not in known:
            raise ConfigurationError(f"graph {name} has no argument {key!r}; it has {', '.join(known)}")
        argument = known[key]
        if argument.choices and text not in argument.choices:
            raise ConfigurationError(f"{key} {text!r} is not one of {', '.join(argument.choices)}")
        for target in argument.targets:
            node, _, parameter = target.partition(".")
            if node in names:
                is_yaml = argument.choices == FLAG or key in LISTS
                settings.setdefault(node, {})[parameter] = yaml.safe_load(text) if is_yaml else text
    if given.get("source") == "software" and "camera_files" not in given:
        settings.setdefault("fusion_node", {})["camera_files"] = [""]  # rendered cameras know where they are
    if "robot" in given and "fusion_node" in names:
        from dynarend_ros.robots import find_robot

        settings.setdefault("fusion_node", {})["base_frame"] = find_robot(given["robot"]).base_frame
    return settings


def _simulated(
    specs: tuple[NodeSpec, ...], simulator: Mapping[str, Any], given: Mapping[str, str]
) -> tuple[NodeSpec, ...]:
    """The graph with the simulator in front, connected to it."""
    if given.get("robot", "panda") != "panda":
        raise ConfigurationError(f"the simulator is a Panda; robot {given['robot']!r} cannot be simulated")
    sim = replace(GRAPHS["sim"][0], adjustments=SIMULATED["sim_node"], parameters=simulator)
    return (sim, *(replace(s, adjustments=SIMULATED.get(s.name, {}), use_sim_time=True) for s in specs))


def _with_file(specs: tuple[NodeSpec, ...], file: Path, graph_name: str) -> tuple[NodeSpec, ...]:
    """The nodes, those that the file has something for with the file on top."""
    nodes = {key: key.rpartition("/")[2] for key in read_parameter_file(file)}
    ours = {spec.name for spec in specs}
    anywhere = {spec.name for specs in GRAPHS.values() for spec in specs}
    for key, node in nodes.items():
        near = difflib.get_close_matches(node, anywhere, 1, 0.8)
        if node not in anywhere and "*" not in node and near:
            raise ConfigurationError(f"{file}: there is no node {key!r}; did you mean {near[0]!r}?")
    if not any(node in ours or "*" in node for node in nodes.values()):
        keys = ", ".join(nodes) or "none"
        raise ConfigurationError(
            f"{file} has nothing for graph {graph_name} ({', '.join(sorted(ours))}); its keys: {keys}"
        )
    reached = {node for node in nodes.values() if node in ours}
    everyone = any("*" in node for node in nodes.values())
    return tuple(
        replace(spec, params_files=(*spec.params_files, str(file))) if everyone or spec.name in reached else spec
        for spec in specs
    )
