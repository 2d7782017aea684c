"""What a node is started with: the same under every namespace and name, and nothing silently left out."""

import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_ros.executor_parameters import ExecutorParameters
from dynarend_ros.parameter_files import GivenParameters, given_parameters, node_name
from dynarend_ros.parameters import relaxations

CELL = """
/**: {ros__parameters: {use_sim_time: true, dry_run: true}}
executor_node: {ros__parameters: {dry_run: false, velocity_factor: 1e-1, nested: {box: [0, 1.5]}}}
"""


def given(tmp_path, text, *arguments, name="executor_node"):
    file = tmp_path / "cell.yaml"
    file.write_text(text)
    command = ["node", "--ros-args", "--params-file", str(file), *arguments]
    return given_parameters(command, node_name(command, name))


@pytest.mark.parametrize("remap", [(), ("-r", "__ns:=/cell1"), ("-r", "__node:=left_executor"), ("-r", "__ns:=a/b")])
def test_a_nodes_own_key_holds_in_every_namespace_and_under_every_name(remap, tmp_path):
    expected = {"use_sim_time": True, "dry_run": False, "velocity_factor": 0.1, "nested.box": [0, 1.5]}
    assert given(tmp_path, CELL, *remap).values == expected


@pytest.mark.parametrize(
    ("key", "namespace", "is_for_it"),
    [
        ("/executor_node", "", True),
        ("/executor_node", "/cell1", False),
        ("/cell1/executor_node", "/cell1", True),
        ("/cell2/executor_node", "/cell1", False),
        ("/**/executor_node", "/a/b", True),
        ("/*/executor_node", "/a", True),
        ("/*/executor_node", "/a/b", False),
        ("/**", "/a", True),
        ("/executor_node_2", "", False),
        ("fusion_node", "", False),
    ],
)
def test_keys_match_as_ros_has_them(key, namespace, is_for_it, tmp_path):
    text = f"{key}: {{ros__parameters: {{dry_run: false}}}}"
    remap = ("-r", f"__ns:={namespace}") if namespace else ()
    if is_for_it:
        assert given(tmp_path, text, *remap).values == {"dry_run": False}
    else:
        with pytest.raises(ConfigurationError, match="none of the keys"):
            given(tmp_path, text, *remap)


def test_namespaces_may_be_written_as_nested_keys(tmp_path):
    text = "cell1: {executor_node: {ros__parameters: {dry_run: false}}}"
    assert given(tmp_path, text, "-r", "__ns:=/cell1").values == {"dry_run": False}


def test_what_comes_later_wins_whatever_kind_it_is(tmp_path):
    assert given(tmp_path, CELL, "-p", "dry_run:=true").values["dry_run"] is True
    other = tmp_path / "later.yaml"
    other.write_text("/**: {ros__parameters: {dry_run: true}}")
    assert given(tmp_path, CELL, "--params-file", str(other)).values["dry_run"] is True
    assert given(tmp_path, CELL, "-p", "fusion_node:dry_run:=true").values["dry_run"] is False


def test_a_file_that_has_nothing_for_the_node_is_refused_with_its_keys(tmp_path):
    with pytest.raises(ConfigurationError, match=r"excutor_node.*Write executor_node instead of excutor_node"):
        given(tmp_path, "excutor_node: {ros__parameters: {dry_run: false}}")


def test_a_key_that_stands_there_twice_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="'executor_node' stands there twice"):
        given(tmp_path, CELL + "executor_node: {ros__parameters: {dry_run: true}}")


def test_the_lists_of_launch_ros_are_read(tmp_path):
    text = "/**: {ros__parameters: {box: !!python/tuple [1.0, 2.0]}}"
    assert list(given(tmp_path, text).values["box"]) == [1.0, 2.0]


def test_arguments_of_others_are_not_read():
    assert given_parameters(["node", "-p", "a:=1", "--ros-args", "--", "-p", "b:=2"], node_name([], "x")) == (
        GivenParameters()
    )


def test_the_executors_own_defaults_are_the_safe_ones():
    safe = ExecutorParameters()
    assert [safe.require_safety, safe.dry_run, safe.confirm] == [True, True, True]
    assert relaxations(safe) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("require_safety", False),
        ("dry_run", False),
        ("confirm", False),
        ("cloud_max_age_s", 0.0),
        ("cloud_max_age_s", 10.0),
        ("velocity_factor", 0.2),
        ("joint_margin_rad", 0.0),
        ("contact_tolerance_rad", 0.35),
        ("safety_max_age_s", 1.0),
    ],
)
def test_whatever_protects_less_is_named_with_both_values(name, value):
    relaxed = relaxations(ExecutorParameters(**{name: value}))
    assert relaxed == {name: f"{value} (default {getattr(ExecutorParameters(), name)})"}
