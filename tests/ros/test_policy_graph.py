"""Graph ``policy`` as a whole, the simulator as the robot: dry run, confirmation, run, and the policy's lifecycle."""

import time
from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from dynarend_ros import qos, topics
from dynarend_ros.graph_arguments import arranged_graph
from dynarend_ros.robots import find_robot
from dynarend_ros.security_policy import everyone, permissions

WAIT_S = 90.0


class Operator:
    """Heartbeat, services, states."""

    def __init__(self, client):
        self.client, self.state = client, ""
        node = client.node
        heartbeat = node.create_publisher(Empty, topics.HEARTBEAT, qos.RELIABLE)
        node.create_timer(0.1, lambda: heartbeat.publish(Empty()))
        node.create_subscription(DiagnosticStatus, topics.SAFETY_STATE, self.on_state, qos.LATCHED)

    def on_state(self, message):
        self.state = message.message

    def call(self, name, kind=Trigger, **fields):
        service = self.client.node.create_client(kind, name)
        assert service.wait_for_service(WAIT_S), name
        future = service.call_async(kind.Request(**fields))
        assert self.client.wait_for(future.done, WAIT_S), name
        return future.result()

    def arm(self):
        deadline_s = time.monotonic() + WAIT_S
        while not self.call(topics.ARM).success:
            self.call(topics.RESET_FAULT)
            assert time.monotonic() < deadline_s, self.state
            time.sleep(0.5)

    def result(self, n):
        assert self.client.wait_for(lambda: len(self.client.executions) > n, WAIT_S), self.client.policy_status
        return self.client.executions[n]


def check_permissions(client, nodes):
    """Assert that running nodes do nothing that the SROS2 policy does not grant them."""
    granted = permissions(
        find_robot("panda"), ("front", "left_shoulder", "right_shoulder", "wrist"), topics.ARM_TRAJECTORY
    )
    node = client.node
    queries = {
        "publish": node.get_publisher_names_and_types_by_node,
        "subscribe": node.get_subscriber_names_and_types_by_node,
        "reply": node.get_service_names_and_types_by_node,
        "request": node.get_client_names_and_types_by_node,
    }
    for name in nodes:
        for verb, query in queries.items():
            allowed = {f"/{t.lstrip('/')}" for p in (granted[name], everyone(name)) for t in getattr(p, verb)}
            used = {topic for topic, _ in query(name, "/")}
            used -= {"/task_status"}  # heard by the double that knows the answer
            assert used <= allowed, (name, verb, used - allowed)


@pytest.fixture
def operator(client):
    return Operator(client)


def graph(start, client, **values):
    """The graph, with a policy that knows the answer."""
    patient = {"heartbeat_timeout_s": 5.0, "policy_latency_max_s": 60.0, "joint_states_max_age_s": 5.0}
    patient |= {"cloud_max_age_s": 20.0, "node_lease_s": 5.0}
    parameters = {
        "sim_node": {"task": "push_buttons"},
        "safety_node": patient,
        "policy_node": {"cloud_max_age_s": 20.0, "joint_state_max_age_s": 5.0, "autostart": "inactive"},
        "executor_node": {
            **{"velocity_factor": 0.5, "max_tool_speed": 0.5, "cloud_max_age_s": 20.0, "joint_state_max_age_s": 5.0},
            **{"safety_lease_s": 5.0, "safety_max_age_s": 5.0, "goal_tolerance_rad": 0.1},
        },
    }
    specs = arranged_graph("policy", {"robot": "panda", "backend": "ompl", "simulate": "true", **values}, parameters)
    specs = [replace(s, module="expert_policy_node") if s.name == "policy_node" else s for s in specs]
    start(*specs)
    assert client.wait_for(lambda: client.is_up("policy_node") and client.is_up("executor_node"), WAIT_S)
    assert client.wait_for(lambda: bool(client.policy_status.get("instruction")), WAIT_S)
    # The executor is up before it has found everybody: until then its keyframes fail, and rightly.
    executor = lambda: client.counters["executor_node"]["message"]  # noqa: E731
    assert client.wait_for(lambda: executor() == "no keyframe yet", WAIT_S), executor()


def set_off(operator):
    """Ask for a keyframe until the graph begins with it."""
    deadline_s = time.monotonic() + WAIT_S
    while True:
        operator.arm()
        if operator.call(topics.STEP).success:
            return
        assert time.monotonic() < deadline_s
        time.sleep(0.5)


def activate(operator):
    answer = operator.call("policy_node/get_state", GetState)
    assert answer.current_state.id == State.PRIMARY_STATE_INACTIVE
    assert "not active" in operator.call(topics.STEP).message  # loaded, but nothing may move
    change = Transition(id=Transition.TRANSITION_ACTIVATE)
    assert operator.call("policy_node/change_state", ChangeState, transition=change).success


@pytest.mark.slow
def test_dry_run_is_the_default_and_moves_nothing(start, client, operator):
    graph(start, client)
    activate(operator)
    set_off(operator)
    assert "dry run: planned" in operator.result(0)
    check_permissions(client, ("sim_node", "fusion_node", "policy_node", "executor_node", "safety_node"))


@pytest.mark.slow
def test_every_step_is_confirmed_then_carried_out_and_later_without(start, client, operator):
    graph(start, client, dry_run="false")
    activate(operator)
    set_off(operator)
    deadline_s = time.monotonic() + WAIT_S
    while not operator.call(topics.CONFIRM).success:
        assert time.monotonic() < deadline_s, client.executions
        time.sleep(0.3)
    assert operator.result(0).startswith("succeeded"), client.executions


@pytest.mark.slow
def test_without_confirmation_the_graph_solves_its_task(start, client, operator):
    graph(start, client, dry_run="false", confirm="false")
    activate(operator)
    operator.arm()
    client.call(topics.RUN, True)
    assert client.wait_for(lambda: bool(client.task_status.get("success")), 2 * WAIT_S), client.executions
