"""The one list of nodes: both ways of starting it agree, and what the files name exists."""

import json
import logging
import py_compile
import runpy
import subprocess
import sys
import types
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from dynarend_core.errors import ConfigurationError
from dynarend_ros import graph as graphs
from dynarend_ros.commands.up import parse_settings
from dynarend_ros.graph_arguments import arguments_of, arranged_graph
from dynarend_ros.launch_description import ignored
from dynarend_ros.process_runner import command_line

ROOT = Path(__file__).parents[2]


def test_unknown_graphs_and_nodes_are_refused_with_the_choices():
    with pytest.raises(ConfigurationError, match="sim, policy"):
        graphs.graph("robot")
    with pytest.raises(ConfigurationError, match="fusion_node"):
        graphs.graph("policy", {"sim_node": {"seed": 1}})


def test_parameters_reach_the_command_line_as_yaml_that_keeps_their_type():
    spec = next(s for s in graphs.graph("sim", {"sim_node": {"task": "1e3", "seed": 4}}) if s.name == "sim_node")
    words = command_line(spec)
    given = dict(w.split(":=", 1) for w in words if ":=" in w and not w.startswith("__"))
    assert yaml.safe_load(given["task"]) == "1e3"
    assert yaml.safe_load(given["seed"]) == 4
    assert yaml.safe_load(given["use_sim_time"]) is False


@pytest.mark.parametrize("name", list(graphs.GRAPHS))
def test_parameter_files_name_only_parameters_that_exist_with_allowed_values(name):
    from dynarend_ros.parameters import build

    parameters_of = runpy.run_path(str(ROOT / "scripts" / "update_parameter_docs.py"))["parameters_of"]
    for spec in graphs.graph(name):
        cls = parameters_of(spec.name)
        values = yaml.safe_load((ROOT / "config" / spec.config).read_text())[spec.name]["ros__parameters"]
        assert set(values) <= {f.name for f in fields(cls)}
        build(cls, values)


def test_the_documented_parameters_are_those_of_the_code():
    """Else: python scripts/update_parameter_docs.py"""
    script = ROOT / "scripts" / "update_parameter_docs.py"
    assert subprocess.run([sys.executable, str(script), "--check"], cwd=ROOT, timeout=120).returncode == 0


def fake_launch(monkeypatch):
    """Stand-ins for launch and launch_ros that record how they are called."""

    class Recorded:
        def __init__(self, *args, **kwargs):
            self.args, self.kwargs = args, kwargs

    names = {
        "launch": ["LaunchDescription"],
        "launch.actions": ["DeclareLaunchArgument", "OpaqueFunction", "Shutdown"],
        "launch.logging": [],
        "launch.substitutions": ["LaunchConfiguration"],
        "launch_ros": [],
        "launch_ros.actions": ["Node"],
        "launch_ros.parameter_descriptions": ["ParameterValue"],
    }
    for module_name, classes in names.items():
        module = types.ModuleType(module_name)
        for cls in classes:
            setattr(module, cls, type(cls, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, module_name, module)
    sys.modules["launch.logging"].get_logger = logging.getLogger
    configuration = sys.modules["launch.substitutions"].LaunchConfiguration
    configuration.perform = lambda self, context: context.launch_configurations[self.args[0]]


def launched(name, monkeypatch, **values):
    """Declared arguments and nodes of a launch file, executed with ``values``."""
    path = ROOT / "launch" / f"{name}.launch.py"
    py_compile.compile(str(path), doraise=True)
    fake_launch(monkeypatch)
    namespace = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    (actions,) = namespace["generate_launch_description"]().args
    kinds = {}
    for action in actions:
        kinds.setdefault(type(action).__name__, []).append(action)
    declared = {a.args[0]: a.kwargs for a in kinds["DeclareLaunchArgument"]}
    configurations = {key: kwargs["default_value"] for key, kwargs in declared.items()} | values
    context = types.SimpleNamespace(launch_configurations=configurations, argv=[])
    (opaque,) = kinds["OpaqueFunction"]
    nodes = [a.kwargs for a in opaque.kwargs["function"](context)]
    return declared, nodes


def values_of(node):
    """What a launched node is handed, later layers on top."""
    layers = [layer for layer in node["parameters"] if isinstance(layer, dict)]
    return {key: value for layer in layers for key, value in layer.items()}


@pytest.mark.parametrize("name", list(graphs.GRAPHS))
def test_launch_files_start_the_same_processes_and_explain_themselves(name, monkeypatch):
    declared, nodes = launched(name, monkeypatch)
    assert [(n["executable"], n["name"]) for n in nodes] == [(s.executable, s.name) for s in graphs.GRAPHS[name]]
    assert all(n["additional_env"].items() >= {"OMP_NUM_THREADS": "1"}.items() for n in nodes)
    assert set(declared) == {"params_file", *arguments_of(name)}
    assert all(kwargs["description"].endswith(".") for kwargs in declared.values())


def test_arguments_reach_the_nodes_in_both_ways_of_starting(monkeypatch):
    values = {
        "robot": "fr3",
        "backend": "move_group",
        "dry_run": "false",
        "cameras": "[left, right]",
        "namespace": "/a",
    }
    values |= {"instruction": "push the red button", "policy": "7", "use_sim_time": "true"}
    _, nodes = launched("policy", monkeypatch, **values)
    by_name = {n["name"]: values_of(n) for n in nodes}
    executor = by_name["executor_node"]
    assert (executor["robot"], executor["backend"], executor["dry_run"]) == ("fr3", "move_group", False)
    assert by_name["fusion_node"]["cameras"] == ["left", "right"]
    assert by_name["fusion_node"]["base_frame"] == "fr3_link0"
    assert (by_name["policy_node"]["instruction"], by_name["policy_node"]["policy"]) == ("push the red button", "7")
    assert {n["namespace"] for n in nodes} == {"a"}
    assert all(p["use_sim_time"] for p in by_name.values())
    specs = {s.name: s for s in arranged_graph("policy", values)}
    assert {name: s.parameter_layers()[-1] for name, s in specs.items()} == by_name
    assert "__ns:=/a" in command_line(specs["executor_node"])


def test_the_cameras_argument_reaches_whoever_opens_them_and_whoever_hears_them():
    specs = {s.name: s.parameters for s in arranged_graph("cameras", {"cameras": "[side, wrist]"})}
    assert specs["camera_node"]["cameras"] == specs["fusion_node"]["cameras"] == ["side", "wrist"]


CELL = """
executor_node: {ros__parameters: {robot: ur5e, velocity_factor: 0.03}}
sim_node: {ros__parameters: {task: open_drawer}}
"""


@pytest.mark.parametrize("namespace", ["", "lab"])
def test_a_parameter_file_of_ones_own_comes_on_top_of_the_graphs(namespace, monkeypatch, tmp_path):
    file = tmp_path / "my_cell.yaml"
    file.write_text(CELL)
    _, nodes = launched("policy", monkeypatch, namespace=namespace, params_file=str(file), confirm="false")
    layers = {n["name"]: n["parameters"] for n in nodes}
    assert layers["executor_node"][1:] == [str(file), {"confirm": False}]
    assert [Path(layer).name for layer in layers["safety_node"]] == ["policy.yaml"]  # it has nothing for this one
    _, (simulator, *_) = launched("policy", monkeypatch, namespace=namespace, params_file=str(file), simulate="true")
    assert Path(simulator["parameters"][0]).name == "sim.yaml"
    assert simulator["parameters"][2] == str(file)


def test_no_graph_hands_its_file_to_another_in_the_same_launch_file(monkeypatch):
    """An include shares its launch configurations with what follows it, so what is declared must say nothing."""
    declared, _ = launched("record", monkeypatch)
    leaked = {name: kwargs["default_value"] for name, kwargs in declared.items()}
    _, nodes = launched("policy", monkeypatch, **leaked)
    assert {Path(n["parameters"][0]).name for n in nodes} == {"policy.yaml"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("excutor_node: {ros__parameters: {dry_run: false}}", "did you mean 'executor_node'"),
        ("record_node: {ros__parameters: {task: x}}", "nothing for graph policy"),
        ("[1, 2]", "ros__parameters"),
        ("executor_node: {dry_run: false}", "ros__parameters"),
        ("{", "not YAML"),
    ],
)
def test_a_parameter_file_that_would_not_apply_is_refused(text, says, monkeypatch, tmp_path):
    file = tmp_path / "cell.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        launched("policy", monkeypatch, params_file=str(file))


def test_a_launch_argument_that_changes_nothing_is_said():
    (sentence,) = ignored(["policy:=a", "polcy:=models/policies/small"], "policy")
    assert "no argument 'polcy' (did you mean 'policy'?)" in sentence
    assert "task" in ignored(["task:=push_buttons"], "cameras")[0]


def test_time_is_taken_from_the_clock_only_where_somebody_says_so(monkeypatch):
    _, nodes = launched("policy", monkeypatch)
    assert not any("use_sim_time" in values_of(n) for n in nodes)  # so that a parameter file may say it
    _, nodes = launched("policy", monkeypatch, use_sim_time="True")
    assert all(values_of(n)["use_sim_time"] is True for n in nodes)


def test_a_parameter_file_that_is_not_there_is_refused(monkeypatch, tmp_path):
    with pytest.raises(ConfigurationError, match=r"cell\.yaml: No such file"):
        launched("policy", monkeypatch, params_file=str(tmp_path / "cell.yaml"))


def test_the_simulator_can_stand_in_for_the_robot():
    specs = {s.name: s for s in arranged_graph("policy", {"simulate": "true"}, {"sim_node": {"task": "push_buttons"}})}
    assert next(iter(specs)) == "sim_node"
    assert specs["sim_node"].use_sim_time is False
    assert specs["sim_node"].parameters["task"] == "push_buttons"
    assert all(s.use_sim_time for name, s in specs.items() if name != "sim_node")
    assert specs["executor_node"].adjustments["arm_topic"] == "joint_trajectory"
    assert specs["executor_node"].config == "policy.yaml"  # limits, dry run and confirmation as on the robot
    with pytest.raises(ConfigurationError, match="the simulator is a Panda"):
        arranged_graph("policy", {"simulate": "true", "robot": "ur5e"})


@pytest.mark.parametrize(
    ("graph", "values", "message"),
    [
        ("policy", {"backend": "magic"}, "ompl, moveit, move_group"),
        ("policy", {"robot": "r2d2"}, "panda, ur5e, xarm7"),
        ("policy", {"speed": "1"}, "no argument 'speed'; it has robot"),
        ("policy", {"dry_run": "maybe"}, "true, false"),
        ("sim", {"backend": "ompl"}, "graph sim has no argument 'backend'"),
        ("robot", {}, "sim, policy"),
    ],
)
def test_wrong_arguments_are_refused_with_the_choices(graph, values, message):
    with pytest.raises(ConfigurationError, match=message):
        arranged_graph(graph, values)


def test_the_users_environment_wins(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    values = graphs.environment(7)
    assert values["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SUBNET"
    assert values["ROS_DOMAIN_ID"] == "7"


def test_who_must_stop_the_arm_shares_no_lock_with_those_that_may_be_killed(monkeypatch):
    variable = "FASTDDS_DEFAULT_PROFILES_FILE"
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    monkeypatch.setenv(variable, graphs.environment()[variable])
    files = {s.name: graphs.process_environment(s).get(variable, "") for s in graphs.graph("policy")}
    assert {name for name, file in files.items() if file} == {"executor_node", "safety_node"}
    assert "<type>SHM" not in Path(files["safety_node"]).read_text()
    monkeypatch.setenv(variable, "/home/me/own.xml")
    assert not any(graphs.process_environment(s) for s in graphs.graph("policy"))
    _, nodes = launched("policy", monkeypatch)
    assert {n["name"]: n["additional_env"] for n in nodes}["safety_node"][variable] == "/home/me/own.xml"


def test_settings_are_read_as_yaml():
    assert parse_settings(["a.x=1", "a.y=[1.5, 2]", "b.z=text"]) == {"a": {"x": 1, "y": [1.5, 2]}, "b": {"z": "text"}}
    with pytest.raises(ConfigurationError, match=r"NODE\.PARAMETER=VALUE"):
        parse_settings(["x=1"])
    assert json.dumps(parse_settings(["a.on=true"])) == '{"a": {"on": true}}'
