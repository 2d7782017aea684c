"""Real processes over DDS, on a ROS domain of this test session's own."""

import os
from pathlib import Path

import pytest

from dynarend_ros.domain import free_domain_id
from dynarend_ros.graph import NodeSpec, environment
from dynarend_ros.process_runner import ProcessRunner

DOUBLES = Path(__file__).parent / "doubles"


def node(name, config="sim.yaml", **parameters):
    """A node of the package."""
    return NodeSpec(executable=name, name=name, config=config, parameters=parameters)


def double(module, name=None, **parameters):
    """A test double from ``doubles/``."""
    config = "sim.yaml" if (name or module) in ("fusion_node", "policy_node", "executor_node") else ""
    return NodeSpec(executable=module, name=name or module, config=config, parameters=parameters, module=module)


@pytest.fixture(scope="session")
def ros_domain():
    domain = free_domain_id()
    os.environ.update(environment(domain))
    return domain


@pytest.fixture
def client(ros_domain):
    from dynarend_ros.graph_client import GraphClient

    client = GraphClient("test_operator")
    yield client
    client.close()


@pytest.fixture
def start(ros_domain):
    """Starts nodes; ends them, and prints their logs, after the test."""
    logs, runners = [], []

    def start_nodes(*specs):
        path = os.pathsep.join([str(DOUBLES), os.environ.get("PYTHONPATH", "")])
        sink = lambda name, line: logs.append(f"[{name}] {line}")  # noqa: E731
        runner = ProcessRunner(specs, ros_domain, sink, {"PYTHONPATH": path})
        runners.append(runner)
        return runner.__enter__()

    start_nodes.logs, start_nodes.node, start_nodes.double = logs, node, double
    yield start_nodes
    for runner in runners:
        runner.stop()
    print("\n".join(logs))
