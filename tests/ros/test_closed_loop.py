"""The whole graph in separate processes, with a policy that knows the answer, and with processes that die."""

import signal
from dataclasses import replace

import pytest

from dynarend_core.evaluation.rollout import EpisodeSpec
from dynarend_core.types import FailureReason
from dynarend_ros import topics
from dynarend_ros.episode_runner import EpisodeRunner
from dynarend_ros.frame_count import FrameCount
from dynarend_ros.graph_client import GraphError
from dynarend_ros.process_runner import ProcessDiedError


def start_graph(start, policy="expert_policy_node", **policy_parameters):
    nodes = [start.node("sim_node", real_time_factor=5.0), start.node("fusion_node"), start.node("executor_node")]
    expert = start.double(policy, name="policy_node", **{"autorun": False, **policy_parameters})
    return start(*(replace(n, use_sim_time=n.name != "sim_node") for n in [*nodes, expert]))


def test_an_expert_solves_a_task_through_the_graph_and_a_killed_policy_is_reported(start, client):
    runner = start_graph(start)
    episodes = EpisodeRunner(client, runner.check)
    episodes.wait_until_ready()
    frames = FrameCount(client)
    recording = episodes.run(EpisodeSpec("slide_block_to_color_target", 0, 100_000, phrasing=1), draw=True)
    assert recording.result.success, recording.result
    assert recording.result.failure_reason is FailureReason.NONE
    assert recording.result.instruction
    assert len(recording.result.frames) == len(recording.captions) >= 2
    assert len(recording.pictures) == len(recording.result.latencies_ms) >= 1
    again = episodes.run(EpisodeSpec("push_buttons", 1, 100_001))
    assert again.result.success, again.result
    published, lost = frames.since_start()
    assert published > 0
    assert lost == 0
    assert max(client.latency_ms["camera_to_keyframe"]) < 5000.0

    with pytest.raises(GraphError, match="no_such_task"):
        episodes.run(EpisodeSpec("no_such_task", 0, 100_000))

    policy = next(n for n in runner.nodes if n.spec.name == "policy_node")
    policy.process.send_signal(signal.SIGKILL)
    policy.process.wait()
    with pytest.raises(ProcessDiedError, match="policy_node ended with exit code -9"):
        episodes.run(EpisodeSpec("push_buttons", 1, 100_001))
    runner.stop()
    codes = {n.spec.name: n.exit_code for n in runner.nodes}
    assert codes == {"sim_node": 0, "fusion_node": 0, "executor_node": 0, "policy_node": -9}


def test_a_policy_that_fails_says_why_and_the_graph_goes_on(start, client):
    runner = start_graph(start, policy="failing_policy_node", max_failures=2)
    episodes = EpisodeRunner(client, runner.check, timeout_s=20.0)
    episodes.wait_until_ready()
    result = episodes.run(EpisodeSpec("push_buttons", 0, 100_000)).result
    assert result.failure_reason is FailureReason.POLICY
    assert "stopped after 2 failures in a row" in result.message
    assert "weights are not finite" in result.message
    runner.check()
    assert client.call(topics.RESET)
