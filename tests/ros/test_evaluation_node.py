"""Supervised episodes, with stand-ins for policy and executor: verdicts, timeouts, the report."""

import json

import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from dynarend_core.evaluation.statistics import wilson_interval
from dynarend_ros import qos, topics

SERVICES = (topics.EVALUATION_NEXT, topics.EVALUATION_SUCCESS, topics.EVALUATION_FAILURE)


class Supervisor:
    """The operator, and the rest of the graph: `run`, `stop`, what the executor says."""

    def __init__(self, client):
        self.client, node = client, client.node
        self.runs, self.stops, self.told, self.status = [], 0, [], {}
        node.create_service(SetBool, topics.RUN, self.on_run)
        node.create_service(Trigger, topics.STOP, self.on_stop)
        node.create_subscription(String, topics.INSTRUCTION, lambda m: self.told.append(m.data), qos.LATCHED)
        node.create_subscription(String, topics.EVALUATION_STATUS, self.on_status, qos.LATCHED)
        self.executed = node.create_publisher(String, topics.EXECUTION_MESSAGE, qos.RELIABLE)
        self.safety = node.create_publisher(DiagnosticStatus, topics.SAFETY_STATE, qos.LATCHED)
        self.services = {name: node.create_client(Trigger, name) for name in SERVICES}

    def on_run(self, request, response):
        self.runs.append(request.data)
        response.success = True
        return response

    def on_stop(self, request, response):
        self.stops += 1
        response.success = True
        return response

    def on_status(self, message):
        self.status = json.loads(message.data)

    def call(self, name):
        assert self.services[name].wait_for_service(30.0)
        future = self.services[name].call_async(Trigger.Request())
        assert self.client.wait_for(future.done, 10.0)
        return future.result()

    def begin(self):
        assert self.client.wait_for(lambda: self.call(topics.EVALUATION_NEXT).success, 10.0)

    def say(self, publisher, message):
        assert self.client.wait_for(publisher.get_subscription_count, 10.0)
        publisher.publish(message)


@pytest.fixture
def supervisor(client):
    return Supervisor(client)


def test_episodes_are_told_run_judged_and_counted(start, client, supervisor, tmp_path):
    report = tmp_path / "report.json"
    settings = {"instructions": ["push it", "pull it"], "episodes": 2, "timeout_s": 3.0, "report": str(report)}
    start(start.node("evaluation_node", config="policy.yaml", **settings))
    assert not supervisor.call(topics.EVALUATION_SUCCESS).success  # nothing runs yet
    supervisor.begin()
    assert not supervisor.call(topics.EVALUATION_NEXT).success
    assert client.wait_for(lambda: supervisor.runs == [True] and len(supervisor.told) == 1, 5.0)
    supervisor.say(supervisor.executed, String(data="succeeded: reached in 1.00 s"))
    assert client.wait_for(lambda: bool(client.executions), 5.0)
    assert "success" in supervisor.call(topics.EVALUATION_SUCCESS).message
    assert client.wait_for(lambda: supervisor.runs == [True, False] and supervisor.stops == 1, 5.0)
    supervisor.begin()
    supervisor.say(supervisor.executed, String(data="aborted: planning: no way round"))
    assert client.wait_for(lambda: len(client.executions) == 2, 5.0)
    assert "failure (planning)" in supervisor.call(topics.EVALUATION_FAILURE).message
    supervisor.begin()
    fault = DiagnosticStatus(message="FAULT", values=[KeyValue(key="reason", value="cloud is 3.00 s old")])
    supervisor.say(supervisor.safety, fault)
    assert client.wait_for(lambda: supervisor.status.get("done") == 3, 10.0)  # nobody says anything: time is up
    supervisor.begin()
    assert "failure (policy)" in supervisor.call(topics.EVALUATION_FAILURE).message
    assert "all 4 episodes are done" in supervisor.call(topics.EVALUATION_NEXT).message
    content = json.loads(report.read_text())
    assert set(content["tasks"]) == {"push it", "pull it"}
    assert [content["wilson_low"], content["wilson_high"]] == pytest.approx(wilson_interval(1, 4))
    by_number = {e["seed"]: e for e in content["episodes"]}
    assert [by_number[i]["failure"] for i in range(4)] == ["none", "planning", "timeout", "policy"]
    assert "cloud is 3.00 s old" in by_number[2]["message"]
    assert sorted(supervisor.told) == ["pull it", "pull it", "push it", "push it"]
    assert not supervisor.status["running"]
