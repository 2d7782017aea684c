"""The simulator as the robot, executor and safety node, and in between a relay that can lie about the arm."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from hanging_executor_node import HANGS_AT_Z
from scipy.spatial import KDTree
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_core.geometry import se3
from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_core.planning.robot_spheres import RobotSpheres
from dynarend_core.types import Keyframe, PointCloud
from dynarend_ros import qos, topics
from dynarend_ros.conversions import cloud_to_message, keyframe_to_message, stamp_from_ns, stamp_to_ns
from dynarend_ros.graph import NodeSpec
from dynarend_ros.graph_client import GraphClient
from dynarend_ros.process_runner import ProcessRunner
from dynarend_ros.robots import find_robot

STILL_RAD_S = 0.005
TOOL_SPEED = 0.3
GRASP_DOWN = np.diag([1.0, -1.0, -1.0])
FLOOR = np.stack(np.meshgrid(np.linspace(0.2, 0.8, 60), np.linspace(-0.4, 0.4, 80), [0.002]), -1).reshape(-1, 3)
NEVER_S = 30.0


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
        self.shift_ns, self.last_raw = 0, None
        self.tips: list[tuple[float, np.ndarray]] = []
        self.client = GraphClient("injector")
        self.mutex = threading.Lock()
        self.connect()

    def connect(self) -> None:
        node = self.client.node
        self.joints = node.create_publisher(JointState, topics.JOINT_STATES, qos.RELIABLE)
        self.cloud = node.create_publisher(PointCloud2, topics.CLOUD, qos.RELIABLE)
        heartbeat = node.create_publisher(Empty, topics.HEARTBEAT, qos.RELIABLE)
        self.keyframe = node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        node.create_subscription(JointState, "joint_states_raw", self.on_raw, qos.RELIABLE)
        node.create_subscription(DiagnosticStatus, topics.SAFETY_STATE, self.on_state, qos.LATCHED)
        node.create_timer(0.1, lambda: self.alive and heartbeat.publish(Empty()))
        node.create_timer(0.25, lambda: self.clouds and self.publish_cloud())
        names = (topics.ARM, topics.RESET_FAULT, topics.SAFETY_STOP, topics.STOP)
        self.services = {name: node.create_client(Trigger, name) for name in names}

    def nodes(self) -> dict[str, NodeSpec]:
        quick = {"velocity_factor": 0.3, "max_tool_speed": TOOL_SPEED, "joint_margin_rad": 0.02}
        ours = {"require_safety": True, "safety_max_age_s": 0.25, "joint_state_max_age_s": 0.2}
        ours |= {
            "plan_timeout_s": self.plan_timeout_s,
            "own_points_m": 0.005,
        }  # the clouds of this rig do not show the arm
        settings = {
            "sim_node": {"task": "push_buttons", "camera_rate_hz": 0.0, "overview_rate_hz": 0.0},
            "executor_node": {**quick, **ours, "start_tolerance_rad": 0.01, "overtime_s": 2.0, "plan_attempts": 2},
            "safety_node": {"heartbeat_timeout_s": 0.5, "joint_states_max_age_s": 0.3, "max_failures": 5},
        }
        raw = {topics.JOINT_STATES: "joint_states_raw"}
        specs = {n: NodeSpec(executable=n, name=n, config="sim.yaml", parameters=p) for n, p in settings.items()}
        specs["sim_node"] = NodeSpec("sim_node", "sim_node", "sim.yaml", settings["sim_node"], remappings=raw)
        specs["executor_node"] = NodeSpec(
            "executor_node", "executor_node", "sim.yaml", settings["executor_node"], module="hanging_executor_node"
        )
        return specs

    def start(self) -> ProcessRunner:
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        sink = lambda name, line: self.log.append(f"[{name}] {line}")  # noqa: E731
        self.runner = ProcessRunner(list(self.nodes().values()), self.domain, sink, {"PYTHONPATH": path})
        return self.runner

    def restart(self, name: str) -> None:
        self.runner.nodes = [n for n in self.runner.nodes if n.spec.name != name or n.exit_code is None]
        self.client.counters.pop(name, None)
        self.runner.start(self.nodes()[name])

    def signal(self, name: str, signum: signal.Signals) -> None:
        next(n for n in self.runner.nodes if n.spec.name == name and n.exit_code is None).process.send_signal(signum)

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

    def gap(self) -> float:
        """Distance of arm and obstacle [m]; negative: penetration."""
        gaps, _ = KDTree(self.obstacle).query(self.spheres.centres(self.q))
        return float((gaps - self.spheres.radii).min())

    def pass_on(self, message: JointState) -> None:
        if self.relay == "silent":
            return
        if self.relay == "frozen":
            if self.last_raw is not None:
                self.joints.publish(self.last_raw)
            return
        stamp_ns = stamp_to_ns(message.header.stamp) + self.shift_ns
        message.header.stamp = stamp_from_ns(max(stamp_ns, 1))
        if self.relay == "nan":
            message.position = [float("nan")] * len(message.position)
        self.last_raw = message
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

    def run_on_spin(self, work: Callable[[], None]) -> None:
        """On the thread that spins: rclpy cannot destroy what another thread waits for."""
        done = threading.Event()

        def once() -> None:
            if not done.is_set():
                work()
                timer.cancel()
                done.set()

        timer = self.client.node.create_timer(0.01, once)
        done.wait(5.0)

    def drop_keyframe_source(self) -> None:
        self.client.node.destroy_publisher(self.keyframe)

    def renew_keyframe_source(self) -> None:
        self.keyframe = self.client.node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)

    def hang_planner(self) -> None:
        self.send([0.45, 0.0, HANGS_AT_Z])

    def call(self, name: str) -> bool:
        if not self.services[name].wait_for_service(5.0):
            return False
        future = self.services[name].call_async(Trigger.Request())
        return self.client.wait_for(future.done, 5.0) and future.result().success

    def arm(self) -> bool:
        """Bring the graph back to ARMED, as an operator would."""
        self.alive, self.clouds, self.relay = True, True, "pass"
        self.obstacle = np.zeros((0, 3))
        deadline_s = time.monotonic() + NEVER_S
        while self.state != "ARMED" and time.monotonic() < deadline_s:
            if self.state == "FAULT":
                self.call(topics.RESET_FAULT)
            self.call(topics.ARM)
            self.client.wait_for(lambda: self.state == "ARMED", 0.4)
        time.sleep(0.15)  # the executor must hear of it, too
        return self.state == "ARMED"

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
        self.runner.stop()
        self.client.close()
