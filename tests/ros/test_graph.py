"""The one list of nodes: both ways of starting it agree, and what the files name exists."""

import importlib
import json
import py_compile
import sys
import types
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from dynarend_core.errors import ConfigurationError
from dynarend_ros import graph as graphs
from dynarend_ros.commands.up import parse_settings
from dynarend_ros.process_runner import command_line

ROOT = Path(__file__).parents[2]
PARAMETERS = {
    "sim_node": "SimParameters",
    "fusion_node": "FusionParameters",
    "policy_node": "PolicyParameters",
    "executor_node": "ExecutorParameters",
    "safety_node": "SafetyParameters",
    "calibration_node": "CalibrationParameters",
}


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

    for spec in graphs.graph(name):
        cls = getattr(importlib.import_module(spec.module), PARAMETERS[spec.name])
        values = yaml.safe_load((ROOT / "config" / spec.config).read_text())[spec.name]["ros__parameters"]
        assert set(values) <= {f.name for f in fields(cls)}
        build(cls, values)


def test_every_parameter_is_documented():
    text = (ROOT / "docs" / "ros.md").read_text()
    for node, cls in PARAMETERS.items():
        for field in fields(getattr(importlib.import_module(f"dynarend_ros.{node}"), cls)):
            assert f"`{field.name}`" in text, f"{node}.{field.name}"
            assert field.metadata["description"].endswith(".")


def fake_launch(monkeypatch):
    """Stand-ins for launch and launch_ros that record how they are called."""

    class Recorded:
        def __init__(self, *args, **kwargs):
            self.args, self.kwargs = args, kwargs

    names = {
        "launch": ["LaunchDescription"],
        "launch.actions": ["DeclareLaunchArgument", "SetEnvironmentVariable", "Shutdown"],
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


@pytest.mark.parametrize("name", list(graphs.GRAPHS))
def test_launch_files_start_the_same_processes(name, monkeypatch):
    path = ROOT / "launch" / f"{name}.launch.py"
    py_compile.compile(str(path), doraise=True)
    fake_launch(monkeypatch)
    namespace = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    (actions,) = namespace["generate_launch_description"]().args
    nodes = [a.kwargs for a in actions if type(a).__name__ == "Node"]
    assert [(n["executable"], n["name"]) for n in nodes] == [(s.executable, s.name) for s in graphs.GRAPHS[name]]
    environment = dict(a.args for a in actions if type(a).__name__ == "SetEnvironmentVariable")
    assert environment == graphs.environment()


def test_the_users_environment_wins(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    values = graphs.environment(7)
    assert values["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SUBNET"
    assert values["ROS_DOMAIN_ID"] == "7"


def test_settings_are_read_as_yaml():
    assert parse_settings(["a.x=1", "a.y=[1.5, 2]", "b.z=text"]) == {"a": {"x": 1, "y": [1.5, 2]}, "b": {"z": "text"}}
    with pytest.raises(ConfigurationError, match=r"NODE\.PARAMETER=VALUE"):
        parse_settings(["x=1"])
    assert json.dumps(parse_settings(["a.on=true"])) == '{"a": {"on": true}}'
