"""How long the simulated arm goes on after a stop, a fault, a killed executor, a killed safety node.

python benchmarks/stop_times.py --repeats 20 --json runs/stop_times.json
"""

import argparse
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_core.geometry import se3
from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_core.types import Keyframe
from dynarend_ros import qos, topics
from dynarend_ros.conversions import joint_state_from_message, keyframe_to_message
from dynarend_ros.graph import NodeSpec, environment
from dynarend_ros.graph_client import GraphClient
from dynarend_ros.process_runner import ProcessRunner

POSES = ([0.4, 0.3, 0.35], [0.4, -0.3, 0.35])
STILL_RAD_S = 0.005


class Operator:
    """Sees the arm, sends keyframes, keeps the safety node content."""

    def __init__(self, client: GraphClient) -> None:
        self.client, self.state, self.speed, self.moved_s, self.alive = client, "", np.inf, 0.0, True
        node = client.node
        self.keyframe = node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        heartbeat = node.create_publisher(Empty, topics.HEARTBEAT, qos.RELIABLE)
        node.create_timer(0.1, lambda: self.alive and heartbeat.publish(Empty()))
        node.create_subscription(JointState, topics.JOINT_STATES, self.on_joints, qos.RELIABLE)
        node.create_subscription(DiagnosticStatus, topics.SAFETY_STATE, self.on_state, qos.LATCHED)
        names = (topics.ARM, topics.RESET_FAULT, topics.SAFETY_STOP)
        self.services = {name: node.create_client(Trigger, name) for name in names}

    def on_joints(self, message: JointState) -> None:
        velocities = dict(zip(message.name, message.velocity, strict=True))
        assert joint_state_from_message(message).positions
        self.speed = max(abs(velocities[name]) for name in JOINT_NAMES)
        if self.speed > STILL_RAD_S:
            self.moved_s = time.monotonic()

    def on_state(self, message: DiagnosticStatus) -> None:
        self.state = message.message

    def is_ready(self) -> bool:
        seen = bool(self.state) and np.isfinite(self.speed) and self.keyframe.get_subscription_count() > 0
        return seen and self.client.is_up("executor_node")

    def call(self, name: str) -> bool:
        future = self.services[name].call_async(Trigger.Request())
        return self.client.wait_for(future.done, 10.0) and future.result().success

    def arm_and_set_off(self, position: list[float]) -> None:
        self.alive = True
        deadline_s = time.monotonic() + 60.0
        while self.state != "ARMED":
            time.sleep(0.2)
            if self.state == "FAULT":
                self.call(topics.RESET_FAULT)
            self.call(topics.ARM)
            assert time.monotonic() < deadline_s, "cannot arm"
        time.sleep(0.3)  # the executor must hear of it, too
        T = se3.make(np.diag([1.0, -1.0, -1.0]), np.array(position))
        for _ in range(3):  # a fresh executor refuses keyframes until it has heard of the arm
            self.keyframe.publish(keyframe_to_message(Keyframe(T, True), "panda_link0", time.time_ns()))
            if self.client.wait_for(lambda: self.speed > 0.05 and self.state == "RUNNING", 6.0):
                break
        else:
            raise AssertionError((self.state, self.client.executions))
        time.sleep(0.5)

    def seconds_to_rest(self, since_s: float) -> float:
        assert self.client.wait_for(lambda: time.monotonic() - self.moved_s > 0.3, 20.0), "the arm went on"
        return self.moved_s - since_s


def nodes() -> list[NodeSpec]:
    settings = {
        "sim_node": {"camera_rate_hz": 0.0, "overview_rate_hz": 0.0},
        "executor_node": {
            "velocity_factor": 0.1,
            "max_tool_speed": 0.25,
            "require_safety": True,
            "cloud_max_age_s": 0.0,
        },
        "safety_node": {"cloud_max_age_s": 0.0, "joint_states_max_age_s": 0.5, "heartbeat_timeout_s": 0.5},
    }
    return [NodeSpec(executable=n, name=n, config="sim.yaml", parameters=p) for n, p in settings.items()]


def measure(kind: str, repeats: int, domain: int) -> list[float]:
    seconds: list[float] = []
    log: list[str] = []
    client = GraphClient("bench_operator")
    operator = Operator(client)
    fresh = kind.startswith("kill")
    while len(seconds) < repeats:
        with ProcessRunner(nodes(), domain, lambda name, line: log.append(f"[{name}] {line}")) as runner:
            assert client.wait_for(operator.is_ready, 60.0)
            for _ in range(1 if fresh else repeats):
                operator.arm_and_set_off(POSES[len(seconds) % 2])
                since_s = time.monotonic()
                if fresh:
                    victim = next(n for n in runner.nodes if n.spec.name == kind.removeprefix("kill "))
                    victim.process.send_signal(signal.SIGKILL)
                elif kind == "stop":
                    operator.call(topics.SAFETY_STOP)
                else:
                    operator.alive = False
                seconds.append(operator.seconds_to_rest(since_s))
        operator.state, operator.speed = "", np.inf
        client.counters.clear()
    client.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--domain-id", type=int, default=97)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    os.environ.update(environment(args.domain_id))
    report = {}
    for kind in ("stop", "heartbeat lost", "kill executor_node", "kill safety_node"):
        ms = 1e3 * np.array(measure(kind, args.repeats, args.domain_id))
        p50, p99 = np.percentile(ms, (50, 99))
        report[kind] = {"n": len(ms), "p50_ms": p50, "p99_ms": p99, "max_ms": float(ms.max())}
        print(f"{kind:20s} n {len(ms):3d}  p50 {p50:6.0f} ms  max {ms.max():6.0f} ms", flush=True)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
