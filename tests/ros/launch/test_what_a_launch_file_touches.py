"""A launch file leaves others alone, and says so when it is given what it does not have."""

import pytest


def variables(file):
    """Environment as ``env -0`` wrote it."""
    return dict(entry.split("=", 1) for entry in file.read_bytes().decode().split("\0") if entry)


@pytest.mark.parametrize("graph", ["record", "cameras"])
def test_processes_started_after_an_include_have_the_environment_of_before(launch, launch_file, tmp_path, graph):
    before, after = tmp_path / "before", tmp_path / "after"
    env = lambda file: f'ExecuteProcess(cmd=["sh", "-c", "env -0 > {file}.part; mv {file}.part {file}"])'  # noqa: E731
    launched = launch(launch_file(f'[{env(before)}, include("{graph}"), {env(after)}]'))
    assert launched.says("sh-[0-9]*].*finished cleanly", 60.0)
    assert launched.waits_for(lambda: before.exists() and after.exists())
    changed = set(variables(before).items()) ^ set(variables(after).items())
    assert not changed


def test_our_own_nodes_get_what_they_need_nevertheless(launch, operator):
    launched = launch("record")
    assert operator.get("record_node", "task")
    values = launched.environment_of("record_node")
    assert values["OMP_NUM_THREADS"] == "1"
    assert values["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert values[next(name for name in values if name.endswith("_DEFAULT_PROFILES_FILE"))].endswith(".xml")


@pytest.mark.parametrize(
    ("graph", "arguments", "unknown"),
    [
        ("policy", {"simulate": "true", "polcy": "x"}, "polcy"),
        ("cameras", {"source": "software", "task": "push_buttons"}, "task"),
    ],
    ids=["misspelt", "of another graph"],
)
def test_an_argument_a_graph_does_not_have_is_named(launch, policy, graph, arguments, unknown):
    more = {"policy": policy} if graph == "policy" else {}
    launched = launch(graph, **more, **arguments)
    assert launched.says(rf"(?i)argument.*\b{unknown}\b|\b{unknown}\b.*argument", 30.0)
