"""Whatever ends ``ros2 launch`` in mid-motion, the arm comes to rest, and no process is left behind."""

import os
import signal

import pytest

REST_S = 2.0
"""Allowed on a busy machine; the motion itself would go on for some ten seconds."""

GONE_S = 10.0
"""Python and torch take their time to end on a busy machine; an orphan would stay for ever."""


@pytest.fixture
def moving(robot, launch, on_robot, operator):
    """The graph in mid-motion."""
    graph = launch("policy", **on_robot)
    operator.set_off()
    assert len(graph.nodes()) == 4, graph.nodes()
    return graph


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT], ids=lambda s: s.name)
def test_a_signal_to_the_group_stops_the_arm_and_ends_all(moving, operator, signum):
    sent_s = operator.now_s
    moving.send(signum)
    assert operator.seconds_to_rest(sent_s) < REST_S
    state, reason = operator.states[-1]
    assert state == "FAULT", (state, reason)
    assert moving.ends_within(30.0), moving.nodes()
    assert not moving.crashes()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_a_killed_launch_leaves_no_nodes_and_an_arm_at_rest(moving, operator, signum):
    sent_s = operator.now_s
    os.kill(moving.process.pid, signum)
    assert operator.seconds_to_rest(sent_s) < REST_S
    assert moving.ends_within(GONE_S), moving.nodes()
    assert operator.states[-1][0] == "FAULT", operator.states[-1]


def test_after_a_killed_launch_the_graph_starts_again(launch, operator, policy):
    graph = launch("policy", simulate="true", policy=policy)
    assert operator.get("executor_node", "dry_run") is True
    os.kill(graph.process.pid, signal.SIGKILL)
    assert graph.ends_within(GONE_S), graph.nodes()
    again = launch("policy", simulate="true", policy=policy)
    assert again.says("safety_node.*DISARMED")
    assert again.says("policy_node.*ready")
    assert len(again.nodes()) == 5, again.text


def test_a_second_graph_beside_a_living_one_is_refused(launch, operator, policy):
    first = launch("policy", simulate="true", policy=policy)
    assert operator.get("executor_node", "dry_run") is True
    assert first.says("policy_node.*ready")
    second = launch("policy", simulate="true", policy=policy)
    assert second.says("(?i)already"), second.text
    assert second.ends_within(60.0), second.nodes()
    assert len(first.nodes()) == 5, first.text


def test_a_signal_while_the_policy_is_being_loaded_ends_all_without_a_crash(launch, policy):
    graph = launch("policy", policy=policy)
    assert graph.says("safety_node.*DISARMED")
    graph.send(signal.SIGINT)
    assert graph.ends_within(30.0), graph.nodes()
    assert not graph.crashes()
