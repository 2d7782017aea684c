"""The simulator as the robot, executor and safety node, and in between a relay that can lie about the arm."""

import copy
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from hanging_executor_node import HANGS_AT_Z
from scipy.spatial import KDTree
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Empty
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from dynarend_core.geometry import se3
from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_core.planning.robot_spheres import RobotSpheres
from dynarend_core.types import Keyframe, PointCloud
from dynarend_ros import qos, topics
from dynarend_ros.conversions import cloud_to_message, keyframe_to_message, stamp_from_ns, stamp_to_ns
from dynarend_ros.graph import NodeSpec, environment, process_environment, share_folder
from dynarend_ros.graph_client import GraphClient
from dynarend_ros.handover import HANDOVER_S
from dynarend_ros.process_runner import PARENT_VARIABLE, ProcessRunner, RunningNode
from dynarend_ros.robots import find_robot

STILL_RAD_S = 0.005
TOOL_SPEED = 0.3
GRASP_DOWN = np.diag([1.0, -1.0, -1.0])
FLOOR = np.stack(np.meshgrid(np.linspace(0.2, 0.8, 60), np.linspace(-0.4, 0.4, 80), [0.002]), -1).reshape(-1, 3)
NEVER_S = 30.0


def nodes(plan_timeout_s: float = 1.0) -> dict[str, NodeSpec]:
    """Simulator, executor and safety node, as all injections but a few use them."""
    executor = {
        "velocity_factor": 0.3,
        "max_tool_speed": TOOL_SPEED,
        "joint_margin_rad": 0.02,
        "handover_s": HANDOVER_S,
        "require_safety": True,
        "safety_max_age_s": 0.25,
        "joint_state_max_age_s": 0.2,
        "plan_timeout_s": plan_timeout_s,
        "own_points_m": 0.005,  # the clouds of this rig do not show the arm
        "start_tolerance_rad": 0.01,
        "overtime_s": 2.0,
        "plan_attempts": 2,
    }
    sim = {"task": "push_buttons", "camera_rate_hz": 0.0, "overview_rate_hz": 0.0}
    safety = {"heartbeat_timeout_s": 0.5, "joint_states_max_age_s": 0.3, "max_failures": 5}
    raw = {topics.JOINT_STATES: "joint_states_raw"}
    return {
        "sim_node": NodeSpec("sim_node", "sim_node", "sim.yaml", sim, remappings=raw),
        "executor_node": NodeSpec(
            "executor_node", "executor_node", "sim.yaml", executor, module="hanging_executor_node"
        ),
        "safety_node": NodeSpec("safety_node", "safety_node", "sim.yaml", safety),
    }


class Rig:
    """What an injection may do to the graph, and what it sees of it. Poses of the tip in the base frame."""

    def __init__(self, domain: int, log: list[str], plan_timeout_s: float = 1.0) -> None:
        self.log, self.domain, self.plan_timeout_s = log, domain, plan_timeout_s
        self.robot, self.spheres = find_robot("panda"), RobotSpheres()
        self.q, self.moved_s, self.fastest, self.lowest = HOME_Q, 0.0, 0.0, np.inf
        self.state, self.reason = "", ""
        self.alive, self.clouds, self.obstacle = True, True, np.zeros((0, 3))
        self.clearance = self.start_gap = np.inf
        self.relay = "pass"
        self.shift_ns, self.last_raw, self.last_raw_s = 0, None, 0.0
        self.tips: list[tuple[float, np.ndarray]] = []
        self.client = GraphClient("injector")
        self.standard: dict[str, RunningNode] = {}
        self.heard: list[str] = []
        self.holds: list[list[int]] = []
        self.down = GRASP_DOWN
        self.since_s = 0.0
        self.helper: subprocess.Popen | None = None
        self.pids = Path()
        self.connect()

    def connect(self) -> None:
        node = self.client.node
        self.joints = node.create_publisher(JointState, topics.JOINT_STATES, qos.RELIABLE)
        self.cloud = node.create_publisher(PointCloud2, topics.CLOUD, qos.RELIABLE)
        heartbeat = node.create_publisher(Empty, topics.HEARTBEAT, qos.RELIABLE)
        self.keyframe = node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        node.create_subscription(JointState, "joint_states_raw", self.on_raw, qos.RELIABLE)
        node.create_subscription(DiagnosticStatus, topics.SAFETY_STATE, self.on_state, qos.LATCHED)
        node.create_subscription(JointTrajectory, topics.ARM_TRAJECTORY, self.on_command, qos.RELIABLE)
        node.create_timer(0.1, lambda: self.alive and heartbeat.publish(Empty()))
        node.create_timer(0.25, lambda: self.clouds and self.publish_cloud())
        node.create_timer(1 / 30, self.restamp)
        names = (topics.ARM, topics.DISARM, topics.RESET_FAULT, topics.SAFETY_STOP, topics.STOP, topics.STEP)
        self.services = {name: node.create_client(Trigger, name) for name in names}
        self.services[topics.RUN] = node.create_client(SetBool, topics.RUN)

    def start(self) -> "Rig":
        """Start the graph; leaving the context ends it."""
        sink = lambda name, line: self.log.append(f"[{name}] {line}")  # noqa: E731
        self.runner = ProcessRunner([], self.domain, sink, {"PYTHONPATH": self.python_path()})
        return self

    def __enter__(self) -> "Rig":
        self.runner.__enter__()
        for name in nodes():
            self.restart(name)
        return self

    def __exit__(self, *exc: object) -> None:
        self.runner.stop()

    def python_path(self) -> str:
        return os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])

    def restart(self, name: str) -> None:
        self.client.counters.pop(name, None)
        self.standard[name] = self.runner.start(nodes(self.plan_timeout_s)[name])

    def running(self, name: str) -> RunningNode:
        return next(n for n in self.runner.nodes if n.spec.name == name and n.exit_code is None)

    def end(self, node: RunningNode) -> None:
        """As a user would, and if that is not enough, as nobody should."""
        for signum, patience_s in ((signal.SIGCONT, 0.01), (signal.SIGINT, 8.0), (signal.SIGKILL, 5.0)):
            if node.exit_code is None:
                node.process.send_signal(signum)
                try:
                    node.process.wait(patience_s)
                except subprocess.TimeoutExpired:
                    continue

    def exchange(self, name: str, parameters: dict[str, Any], extra: dict[str, str] | None = None) -> None:
        """A node of the rig anew, with other parameters and environment."""
        spec = nodes(self.plan_timeout_s)[name]
        self.end(self.running(name))
        self.client.counters.pop(name, None)
        with_extra = {**self.runner._environment, **(extra or {})}
        usual, self.runner._environment = self.runner._environment, with_extra
        try:
            self.runner.start(replace(spec, parameters={**spec.parameters, **parameters}))
        finally:
            self.runner._environment = usual
        self.await_node(name)

    def launch(self, name: str, arguments: Sequence[str], executable: str = "") -> RunningNode:
        """A node started by hand, with these ROS arguments only."""
        executable = executable or name
        spec = NodeSpec(executable, name, "sim.yaml")
        variables = {**os.environ, **environment(self.domain), PARENT_VARIABLE: str(os.getpid())}
        process = subprocess.Popen(
            [sys.executable, "-m", spec.module, "--ros-args", "-r", f"__node:={name}", *arguments],
            env={**variables, **process_environment(spec)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        node = RunningNode(spec, process)
        node.reader = threading.Thread(target=self.runner._read, args=(node,), daemon=True)
        self.runner.nodes.append(node)
        node.reader.start()
        return node

    def start_policy(self) -> None:
        """The shipped policy, which waits for `step` or `run`."""
        folder = share_folder("models") / "policies" / "small"
        settings = {"policy": str(folder), "instruction": "push the red button"}
        self.client.policy_status = {}
        self.runner.start(NodeSpec("policy_node", "policy_node", "policy.yaml", settings))
        assert self.client.wait_for(lambda: self.client.is_up("policy_node"), 180.0), "no policy"
        time.sleep(1.0)

    def config(self, name: str) -> Path:
        return share_folder("config") / name

    def await_node(self, name: str) -> bool:
        """Wait until a node has reported and listens, or has ended."""
        ended = lambda: all(n.exit_code is not None for n in self.runner.nodes if n.spec.name == name)  # noqa: E731
        self.client.wait_for(lambda: self.client.is_up(name) or ended(), 90.0)
        if ended():
            return False
        self.client.wait_for(lambda: self.keyframe.get_subscription_count() >= 2, 10.0)
        time.sleep(0.5)
        return True

    def restore(self) -> None:
        """Back to the three nodes of the rig, whatever a case has made of them."""
        for node in self.runner.nodes:
            if node is not self.standard.get(node.spec.name):
                self.end(node)
        gone = [name for name, node in self.standard.items() if node.exit_code is not None]
        self.runner.nodes = [node for node in self.runner.nodes if node.exit_code is None]
        for name in gone:
            self.restart(name)
        for name in gone:
            self.await_node(name)

    def ends(self) -> list[str]:
        """How processes ended by themselves that are none of the rig's own."""
        ended = [n for n in self.runner.nodes if n not in self.standard.values() and n.exit_code is not None]
        return [f"{n.spec.name} ended with {n.exit_code}: {' '.join(n.tail[-2:])}" for n in ended]

    def signal(self, name: str, signum: signal.Signals) -> None:
        self.running(name).process.send_signal(signum)

    # -- what is seen --------------------------------------------------------------------------------------------

    def on_raw(self, message: JointState) -> None:
        now = time.monotonic()
        index = [message.name.index(n) for n in JOINT_NAMES]
        self.q = np.array(message.position)[index]
        if np.abs(np.array(message.velocity)[index]).max() > STILL_RAD_S:
            self.moved_s = now
        tip = self.robot.forward(self.q)[:3, 3]
        stamp_s = 1e-9 * stamp_to_ns(message.header.stamp)
        self.tips = [*[t for t in self.tips if 0.0 <= stamp_s - t[0] < 0.11], (stamp_s, tip)]
        first_s, first = self.tips[0]
        if stamp_s - first_s > 0.05:
            self.fastest = max(self.fastest, float(np.linalg.norm(tip - first)) / (stamp_s - first_s))
        box = self.robot.workspace
        self.lowest = min(self.lowest, float(np.minimum(tip - box[0], box[1] - tip).min()))
        if len(self.obstacle):
            self.clearance = min(self.clearance, self.gap())
        self.pass_on(message)

    def on_command(self, message: JointTrajectory) -> None:
        """Stops told to the arm: when, and how far ahead it shall rest [ms]."""
        if len(message.points) < 2:
            ahead = [p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in message.points]
            self.holds.append([round(1e3 * s) for s in (time.monotonic() - self.since_s, *ahead)])

    def gap(self) -> float:
        """Distance of arm and obstacle [m]; negative: penetration."""
        gaps, _ = KDTree(self.obstacle).query(self.spheres.centres(self.q))
        return float((gaps - self.spheres.radii).min())

    def pass_on(self, message: JointState) -> None:
        if self.relay in ("silent", "restamped"):
            return
        if self.relay == "frozen":
            if self.last_raw is not None:
                self.joints.publish(self.last_raw)
            return
        stamp_ns = stamp_to_ns(message.header.stamp) + self.shift_ns
        message.header.stamp = stamp_from_ns(max(stamp_ns, 1))
        if self.relay == "nan":
            message.position = [float("nan")] * len(message.position)
        self.last_raw, self.last_raw_s = message, time.monotonic()
        self.joints.publish(message)

    def restamp(self) -> None:
        """As joint_state_publisher does when its source has died: the last values, with new stamps."""
        if self.relay != "restamped" or self.last_raw is None:
            return
        message = copy.deepcopy(self.last_raw)
        stamp_ns = stamp_to_ns(message.header.stamp) + int(1e9 * (time.monotonic() - self.last_raw_s))
        message.header.stamp = stamp_from_ns(stamp_ns)
        self.joints.publish(message)

    def on_state(self, message: DiagnosticStatus) -> None:
        self.state, self.reason = message.message, message.values[0].value

    def publish_cloud(self) -> None:
        xyz = np.concatenate([FLOOR, self.obstacle]).astype(np.float32)
        points = PointCloud(xyz, np.zeros((len(xyz), 3), np.uint8), time.time_ns())
        self.cloud.publish(cloud_to_message(points, "panda_link0"))

    def is_ready(self) -> bool:
        seen = self.keyframe.get_subscription_count() >= 2 and bool(self.state)
        return seen and self.client.is_up("executor_node")

    def is_moving(self) -> bool:
        return time.monotonic() - self.moved_s < 0.1

    # -- what is done --------------------------------------------------------------------------------------------

    def send(self, position: np.ndarray, frame: str = "panda_link0", stamp_ns: int | None = None) -> None:
        T = se3.make(GRASP_DOWN, np.asarray(position, dtype=np.float64))
        stamp_ns = time.time_ns() if stamp_ns is None else stamp_ns
        self.keyframe.publish(keyframe_to_message(Keyframe(T, gripper_open=True), frame, stamp_ns))

    def drop_keyframe_source(self) -> None:
        self.client.node.destroy_publisher(self.keyframe)

    def renew_keyframe_source(self) -> None:
        self.keyframe = self.client.node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)

    def hang_planner(self) -> None:
        self.send([0.45, 0.0, HANGS_AT_Z])

    def call(self, name: str) -> bool:
        if not self.services[name].wait_for_service(5.0):
            return False
        request = SetBool.Request(data=True) if name == topics.RUN else Trigger.Request()
        future = self.services[name].call_async(request)
        if not self.client.wait_for(future.done, 5.0):
            return False
        self.heard.append(f"{name}: {future.result().message}")
        return future.result().success

    def undo(self) -> None:
        """All inputs as they should be."""
        self.alive, self.clouds, self.relay, self.shift_ns = True, True, "pass", 0
        self.obstacle = np.zeros((0, 3))

    def arm(self) -> bool:
        """Bring the graph back to ARMED, as an operator would."""
        self.undo()
        deadline_s = time.monotonic() + NEVER_S
        while self.state != "ARMED" and time.monotonic() < deadline_s:
            if self.state == "FAULT":
                self.call(topics.RESET_FAULT)
            self.call(topics.ARM)
            self.client.wait_for(lambda: self.state == "ARMED", 0.4)
        time.sleep(0.15)  # the executor must hear of it, too
        return self.state == "ARMED"

    def can_arm(self) -> bool:
        """Whether an executor is there for the safety node."""
        return any(n.spec.name == "executor_node" and n.exit_code is None for n in self.runner.nodes) or bool(
            self.helper
        )

    def disarm(self) -> bool:
        """Bring the graph to DISARMED."""
        self.undo()
        self.call(topics.RESET_FAULT if self.state == "FAULT" else topics.DISARM)
        self.client.wait_for(lambda: self.state == "DISARMED", 3.0)
        time.sleep(0.15)
        return self.state == "DISARMED"

    def mark(self) -> None:
        """The fault happens now."""
        self.since_s = time.monotonic()

    def set_off(self, position: np.ndarray) -> bool:
        """Begin a motion; True once the arm moves."""
        self.send(position)
        began = self.client.wait_for(lambda: self.is_moving() and self.state == "RUNNING", 8.0)
        time.sleep(0.25)
        return began and self.is_moving() and self.state == "RUNNING"

    def reaches(self, position: np.ndarray) -> str:
        """How a keyframe ends."""
        n = len(self.client.executions)
        self.send(position)
        self.client.wait_for(lambda: len(self.client.executions) > n, NEVER_S)
        return self.client.executions[-1] if len(self.client.executions) > n else "no answer"

    def close(self) -> None:
        self.client.close()
