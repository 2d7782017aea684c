"""The policy node's lifecycle, in this process: what stops it stops it, and what fails is said."""

import pytest
import rclpy
from rclpy.lifecycle import LifecycleNodeMixin, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_ros.policy_node import PolicyNode

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class Node(PolicyNode):
    broken_policy = broken_foresight = None

    def load_policy(self, p):
        if self.broken_policy:
            raise self.broken_policy
        return object()

    def load_foresight(self, p):
        raise self.broken_foresight or CheckpointError("a double has no renderer")

    def state(self):
        return self._state_machine.current_state[1]


@pytest.fixture
def make(ros_domain):
    """Makes a policy node with that ``autostart``."""
    nodes = []

    def make_node(autostart, kind=Node):
        arguments = ["--ros-args", "-p", f"autostart:={autostart}", "-p", "autorun:=true", "-p", "instruction:=go"]
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
        nodes.append(kind())
        return nodes[-1]

    yield make_node
    for node in nodes:
        node.on_shutdown()
        node.destroy_node()
    rclpy.try_shutdown()


def test_the_transition_shutdown_stops_a_policy_that_acts(make):
    node = make("active")
    assert node.active
    assert node._loop.status()["running"]
    assert node.trigger_shutdown() == SUCCESS
    assert node.state() == "finalized"
    assert not node.active
    assert not node._loop.status()["running"]


def test_shutdown_is_possible_before_anything_was_loaded(make):
    node = make("unconfigured")
    assert node.trigger_shutdown() == SUCCESS
    assert node.state() == "finalized"


def test_a_transition_that_breaks_leaves_nothing_acting(make, monkeypatch):
    node = make("active")

    def broken(self, state):
        self.active = True  # as if it broke before anything was stopped
        raise RuntimeError("half-way")

    monkeypatch.setattr(LifecycleNodeMixin, "on_deactivate", broken)
    assert node.trigger_deactivate() == TransitionCallbackReturn.ERROR
    assert not node.active
    assert not node._loop.status()["running"]


def test_the_end_of_the_process_ends_the_worker(make):
    node = make("active")
    node.on_shutdown()
    assert not node.active
    assert not node._worker._thread.is_alive()


@pytest.mark.parametrize("what", ["broken_policy", "broken_foresight"])
def test_whatever_fails_in_configure_is_said_and_may_be_tried_again(make, what):
    node = make("unconfigured")
    setattr(node, what, RuntimeError("no CUDA here"))
    assert node.trigger_configure() == FAILURE
    assert node.state() == "unconfigured"
    assert node._policy is None
    with pytest.raises(ConfigurationError, match="RuntimeError: no CUDA here"):
        node.autostart("active")
    setattr(node, what, None)
    assert node.trigger_configure() == SUCCESS


def test_a_task_that_cannot_be_begun_leaves_it_inactive(make, monkeypatch):
    node = make("inactive")
    monkeypatch.setattr(node, "begin", lambda: 1 / 0)
    assert node.trigger_activate() == FAILURE
    assert node.state() == "inactive"
    assert not node.active
