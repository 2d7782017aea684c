"""What a parameter file, a namespace, another launch file or an argument makes of the nodes' parameters."""

import time

import numpy as np
import pytest

SAFE = {"dry_run": True, "confirm": True, "require_safety": True}


def safe_values(operator):
    return {name: operator.get("executor_node", name) for name in SAFE}


def simulated(policy):
    return f'include("policy", policy="{policy}", simulate="true")'


@pytest.fixture
def in_a_pushed_namespace(launch, launch_file, operator_in, policy):
    """Graph ``policy`` as one composes it in ROS, and its operator."""
    launch(launch_file(f'[GroupAction([PushRosNamespace("cell1"), {simulated(policy)}])]'))
    return operator_in("/cell1")


def test_a_pushed_namespace_keeps_the_parameters(in_a_pushed_namespace, ros2):
    operator = in_a_pushed_namespace
    values = safe_values(operator)
    seen = [ros2("param", "get", "--no-daemon", "--spin-time", "5", "/cell1/executor_node", name) for name in SAFE]
    assert [answer.says("value is: True") for answer in seen] == [True, True, True], values
    assert values == SAFE
    assert operator.get("executor_node", "plan_attempts") == 3  # the graph's file, not the node's default


def test_in_a_pushed_namespace_nothing_moves_that_was_not_armed(in_a_pushed_namespace):
    operator = in_a_pushed_namespace
    assert operator.wait_for(lambda: operator.q is not None, 60.0)
    before, deadline_s = operator.q, time.monotonic() + 180.0
    moved = lambda: np.abs(operator.q - before).max() > 0.01  # noqa: E731
    held_back = lambda: any("dry run" in text or "safety" in text for text in operator.results)  # noqa: E731
    while not moved() and not held_back():  # a step that finds no cloud is dropped, a motion may be hard to plan
        assert time.monotonic() < deadline_s, operator.results
        operator.step()
        operator.wait_for(lambda: moved() or held_back(), 15.0)
    time.sleep(1.0)
    assert not moved(), operator.results


def test_a_partial_file_changes_what_it_names_and_keeps_the_rest_safe(launch, parameter_file, operator, policy):
    file = parameter_file({"fusion_node": {"voxel_m": 0.006}})
    launch("policy", simulate="true", policy=policy, params_file=file)
    assert operator.get("fusion_node", "voxel_m") == pytest.approx(0.006)
    assert safe_values(operator) == SAFE


@pytest.mark.parametrize(
    ("nodes", "named"),
    [
        ({"excutor_node": {"dry_run": True, "confirm": True}}, "excutor_node"),
        ({"executor_node": {"dry_rum": True, "confirm": True}}, "dry_rum"),
    ],
    ids=["node", "parameter"],
)
def test_a_name_misspelt_in_a_file_is_refused_and_named(launch, parameter_file, policy, nodes, named):
    graph = launch("policy", simulate="true", policy=policy, params_file=parameter_file(nodes))
    assert graph.says(named, 60.0), f"{named} was not named"
    assert graph.ends_within(60.0), graph.nodes()


def test_two_graphs_of_one_file_have_each_its_own_parameters(launch, launch_file, operator, policy, tmp_path):
    record = f'include("record", task="push_buttons", folder="{tmp_path}/bags")'
    launch(launch_file(f"[{record}, {simulated(policy)}]"))
    assert safe_values(operator) == SAFE
    assert operator.get("executor_node", "plan_attempts") == 3
    assert operator.get("safety_node", "nodes") == ["fusion_node", "policy_node", "executor_node"]
    assert operator.get("record_node", "task") == "push_buttons"


def test_flags_may_be_written_as_python_writes_them(launch, operator, policy):
    graph = launch("policy", simulate="True", policy=policy, dry_run="False", confirm="True")
    assert graph.says("sim_node.*process started", 30.0)
    assert safe_values(operator) == {**SAFE, "dry_run": False}


@pytest.mark.parametrize("node", ["record_node", "/**"])
def test_a_parameter_file_can_turn_on_simulated_time(launch, parameter_file, operator, node):
    launch("record", params_file=parameter_file({node: {"use_sim_time": True}}))
    assert operator.get("record_node", "use_sim_time") is True


def test_ros_usual_way_to_simulated_time_works(launch, launch_file, operator):
    launch(launch_file('[GroupAction([SetParameter("use_sim_time", True), include("record")])]'))
    assert operator.get("record_node", "use_sim_time") is True


def test_time_is_real_unless_asked_for(launch, operator):
    launch("record")
    assert operator.get("record_node", "use_sim_time") is False


@pytest.mark.parametrize("graph", ["calibrate", "cameras", "evaluate", "policy", "record", "sim"])
def test_every_launch_file_shows_its_arguments(ros2, graph):
    shown = ros2("launch", "dynarend_ros", f"{graph}.launch.py", "--show-args")
    assert shown.ends_within(60.0)
    assert shown.process.wait(1.0) == 0
    assert shown.says("'params_file':")
    assert shown.says("'namespace':")
