"""Supervised episodes, with stand-ins for policy and executor: verdicts, timeouts, the report."""

import json
import time

import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from dynarend_core.evaluation.statistics import wilson_interval
from dynarend_ros import qos, topics
from dynarend_ros.conversions import goal_status_to_message

SERVICES = (topics.EVALUATION_NEXT, topics.EVALUATION_SUCCESS, topics.EVALUATION_FAILURE)


class Supervisor:
    """The operator, and the rest of the graph: `run`, `stop`, what the executor says."""

    def __init__(self, client):
        self.client, node = client, client.node
        self.runs, self.stops, self.told, self.status = [], 0, [], {}
        self.takes, self.refusal = True, ""
        node.create_service(SetBool, topics.RUN, self.on_run)
        node.create_service(Trigger, topics.STOP, self.on_stop)
        self.policy = node.create_publisher(String, topics.POLICY_STATUS, qos.LATCHED)
        self.policy.publish(String(data=json.dumps({"tasks": 0, "instruction": ""})))
        node.create_subscription(String, topics.INSTRUCTION, self.on_instruction, qos.LATCHED)
        node.create_subscription(String, topics.EVALUATION_STATUS, self.on_status, qos.LATCHED)
        self.executed = node.create_publisher(String, topics.EXECUTION_MESSAGE, qos.RELIABLE)
        self.safety = node.create_publisher(DiagnosticStatus, topics.SAFETY_STATE, qos.LATCHED)
        self.services = {name: node.create_client(Trigger, name) for name in SERVICES}

    def on_run(self, request, response):
        self.runs.append(request.data)
        response.success, response.message = not (request.data and self.refusal), self.refusal
        return response

    def on_instruction(self, message):
        self.told.append(message.data)
        if self.takes:
            self.take()

    def take(self):
        self.policy.publish(String(data=json.dumps({"tasks": len(self.told), "instruction": self.told[-1]})))

    def on_stop(self, request, response):
        self.stops += 1
        response.success = True
        return response

    def on_status(self, message):
        self.status = json.loads(message.data)

    def ask(self, name):
        assert self.services[name].wait_for_service(30.0)
        return self.services[name].call_async(Trigger.Request())

    def call(self, name):
        future = self.ask(name)
        assert self.client.wait_for(future.done, 20.0)
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


def test_the_policy_runs_only_once_it_has_taken_the_instruction(start, client, supervisor, tmp_path):
    settings = {"instructions": ["push it"], "episodes": 2, "report": str(tmp_path / "report.json")}
    start(start.node("evaluation_node", config="policy.yaml", **settings))
    supervisor.begin()
    assert supervisor.call(topics.EVALUATION_FAILURE).success
    supervisor.takes = False  # as if the topic were slower than the service
    begun = supervisor.ask(topics.EVALUATION_NEXT)
    assert client.wait_for(lambda: len(supervisor.told) == 2, 5.0)
    time.sleep(1.0)
    assert supervisor.runs == [True, False]
    assert not begun.done()
    supervisor.take()
    assert client.wait_for(begun.done, 5.0)
    assert begun.result().success
    assert supervisor.runs == [True, False, True]


def test_an_episode_that_the_policy_refuses_has_not_begun(start, client, supervisor, tmp_path):
    settings = {"instructions": ["push it"], "episodes": 1, "report": str(tmp_path / "report.json")}
    start(start.node("evaluation_node", config="policy.yaml", **settings))
    supervisor.refusal = "the policy node is not active"
    assert client.wait_for(lambda: "not active" in supervisor.call(topics.EVALUATION_NEXT).message, 10.0)
    assert "no episode is running" in supervisor.call(topics.EVALUATION_FAILURE).message
    supervisor.refusal, supervisor.takes = "", False
    assert "did not take the instruction within 10 s" in supervisor.call(topics.EVALUATION_NEXT).message
    assert (supervisor.status["done"], supervisor.status["left"], supervisor.status["running"]) == (0, 1, False)
    supervisor.takes = True
    assert supervisor.call(topics.EVALUATION_NEXT).success


def test_a_report_that_cannot_be_written_ends_neither_the_node_nor_costs_it_the_verdict(
    start, client, supervisor, tmp_path
):
    blocked = tmp_path / "folder"
    blocked.write_text("a file")
    settings = {"instructions": ["push it"], "episodes": 2, "timeout_s": 1.0, "report": str(blocked / "report.json")}
    start(start.node("evaluation_node", config="policy.yaml", **settings))
    supervisor.begin()
    assert client.wait_for(lambda: supervisor.status.get("done") == 1, 10.0)  # by the clock
    blocked.unlink()
    supervisor.begin()
    assert supervisor.call(topics.EVALUATION_SUCCESS).success
    episodes = json.loads((blocked / "report.json").read_text())["episodes"]
    assert [e["failure"] for e in episodes] == ["timeout", "none"]


def test_a_stop_before_the_policy_has_begun_leaves_it_stopped(start, client, supervisor):
    supervisor.takes = False
    stopped = client.node.create_publisher(GoalStatus, topics.EXECUTION_STATUS, qos.EXECUTION_STATUS)
    start(start.node("evaluation_node", config="policy.yaml", instructions=["push it"], episodes=1))
    pending = [supervisor.ask(topics.EVALUATION_NEXT)]
    while not supervisor.told:  # the node must have found policy and executor first
        assert client.wait_for(lambda: bool(supervisor.told) or pending[-1].done(), 30.0)
        if pending[-1].done():
            pending.append(supervisor.ask(topics.EVALUATION_NEXT))
    supervisor.say(stopped, goal_status_to_message(GoalStatus.STATUS_CANCELED, 0))
    assert client.wait_for(pending[-1].done, 20.0)
    assert "`stop` was called" in pending[-1].result().message
    supervisor.take()  # now it is heard that the policy has the instruction
    assert not client.wait_for(lambda: True in supervisor.runs, 1.5)
