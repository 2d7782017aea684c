"""How long the simulated arm goes on after a called stop, a fault, a killed executor or safety node.

python benchmarks/stop_times.py --repeats 50 --json docs/results/stop_times.json             # idle machine
python benchmarks/stop_times.py --repeats 50 --json docs/results/stop_times.json --loaded    # all cores kept busy

The fault is a keyframe's source that goes away in mid-motion: unlike a stale input it is noticed at once, so that its
time is that of the stop path. From a lost heartbeat it is that and the time after which it counts as lost (500 ms).
"""

import argparse
import json
import os
import signal
import threading
import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from fault_injections import busy
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.geometry import se3
from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_core.types import Keyframe
from dynarend_ros import qos, topics
from dynarend_ros.conversions import joint_state_from_message, keyframe_to_message
from dynarend_ros.domain import free_domain_id
from dynarend_ros.graph import NodeSpec, environment
from dynarend_ros.graph_client import GraphClient
from dynarend_ros.handover import HANDOVER_S
from dynarend_ros.process_runner import ProcessRunner

POSES = ([0.4, 0.3, 0.35], [0.4, -0.3, 0.35])
STILL_RAD_S = 0.005
KINDS = ("called_stop", "fault", "lost_heartbeat", "killed_executor_node", "killed_safety_node")


class Operator:
    """Sees the arm, sends keyframes, keeps the safety node content."""

    def __init__(self, client: GraphClient) -> None:
        self.client, self.state, self.speed, self.moved_s, self.alive = client, "", np.inf, 0.0, True
        node = client.node
        self.lost = False
        self.offer_keyframes()
        heartbeat = node.create_publisher(Empty, topics.HEARTBEAT, qos.RELIABLE)
        node.create_timer(0.1, lambda: self.alive and heartbeat.publish(Empty()))
        node.create_subscription(JointState, topics.JOINT_STATES, self.on_joints, qos.RELIABLE)
        node.create_subscription(DiagnosticStatus, topics.SAFETY_STATE, self.on_state, qos.LATCHED)
        names = (topics.ARM, topics.RESET_FAULT, topics.SAFETY_STOP)
        self.services = {name: node.create_client(Trigger, name) for name in names}

    def lose_policy(self) -> None:
        """The source of keyframes goes away; on the thread that spins, which waits for what is destroyed."""
        self.client.run_on_spin(lambda: self.client.node.destroy_publisher(self.keyframe))
        self.lost = True

    def renew_policy(self) -> None:
        if self.lost:
            self.lost = False
            self.client.run_on_spin(self.offer_keyframes)
            assert self.client.wait_for(lambda: self.keyframe.get_subscription_count() > 1, 30.0)

    def offer_keyframes(self) -> None:
        self.keyframe = self.client.node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)

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

    def arm(self) -> None:
        deadline_s = time.monotonic() + 60.0
        while self.state != "ARMED":
            time.sleep(0.2)
            if self.state == "FAULT":
                self.call(topics.RESET_FAULT)
            self.call(topics.ARM)
            assert time.monotonic() < deadline_s, "cannot arm"
        time.sleep(0.3)  # the executor must hear of it, too

    def arm_and_set_off(self, position: list[float]) -> None:
        self.alive = True
        T = se3.make(np.diag([1.0, -1.0, -1.0]), np.array(position))
        for _ in range(5):  # a fresh executor refuses keyframes until it has heard of the arm
            self.arm()
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
            "handover_s": HANDOVER_S,
            "max_tool_speed": 0.25,
            "require_safety": True,
            "cloud_max_age_s": 0.0,
        },
        "safety_node": {"cloud_max_age_s": 0.0, "joint_states_max_age_s": 0.5, "heartbeat_timeout_s": 0.5},
    }
    return [NodeSpec(executable=n, name=n, config="sim.yaml", parameters=p) for n, p in settings.items()]


def end(kind: str, operator: Operator, runner: ProcessRunner) -> None:
    """What must stop the arm."""
    if kind == "called_stop":
        threading.Thread(target=operator.call, args=(topics.SAFETY_STOP,), daemon=True).start()
    elif kind == "fault":
        operator.lose_policy()
    elif kind == "lost_heartbeat":
        operator.alive = False
    else:
        name = kind.removeprefix("killed_")
        next(n for n in runner.nodes if n.spec.name == name).process.send_signal(signal.SIGKILL)


def measure(kind: str, repeats: int, domain: int) -> list[float]:
    """Seconds from the cause to the last movement of the arm."""
    seconds: list[float] = []
    log: list[str] = []
    client = GraphClient("bench_operator")
    operator = Operator(client)
    fresh = kind.startswith("killed")
    while len(seconds) < repeats:
        with ProcessRunner(nodes(), domain, lambda name, line: log.append(f"[{name}] {line}")) as runner:
            assert client.wait_for(operator.is_ready, 180.0), "the graph did not start:\n" + "\n".join(log[-20:])
            for _ in range(1 if fresh else repeats):
                operator.arm_and_set_off(POSES[len(seconds) % 2])
                since_s = time.monotonic()
                end(kind, operator, runner)
                seconds.append(operator.seconds_to_rest(since_s))
                operator.renew_policy()
        operator.state, operator.speed = "", np.inf
        client.counters.clear()
    client.close()
    return seconds


def figures(seconds: list[float]) -> dict[str, float]:
    ms = 1e3 * np.array(seconds)
    p50, p99 = np.percentile(ms, (50, 99))
    return {"n": len(ms), "p50_ms": float(p50), "p99_ms": float(p99), "max_ms": float(ms.max())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=50, help="of each cause (default: 50)")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this cause; repeatable")
    parser.add_argument("--domain-id", type=int, help="ROS_DOMAIN_ID (default: a free one)")
    parser.add_argument("--loaded", action="store_true", help="keep all cores busy; reported under `loaded`")
    add_json_option(parser, "times to rest")
    args = parser.parse_args()
    domain = args.domain_id or free_domain_id()
    os.environ.update(environment(domain))
    report = {} if args.json is None or not args.json.exists() else json.loads(args.json.read_text())
    mine = report.setdefault("loaded", {}) if args.loaded else report
    killed: list[float] = []
    with busy((os.cpu_count() or 1) if args.loaded else 0):
        for kind in args.kind or KINDS:
            seconds = measure(kind, args.repeats, domain)
            mine[kind] = figures(seconds)
            if kind.startswith("killed"):
                killed += seconds
                mine["killed_node"] = figures(killed)
            print(f"{kind:24s}", {name: round(value) for name, value in mine[kind].items()}, flush=True)
            mine["load_1min"], mine["cores"] = os.getloadavg()[0], os.cpu_count()
            write_json(args.json, report)


if __name__ == "__main__":
    main()
