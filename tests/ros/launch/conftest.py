"""A real ``ros2 launch``, where there is one: started in a process group of its own, ended for certain.

``DYNAREND_ROS2`` names the ``ros2`` to use; without it the one on the path is taken.
"""

import itertools
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger

from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_ros import qos, topics
from dynarend_ros.conversions import joint_state_from_message, stamp_to_ns
from dynarend_ros.domain import LAST, free_domain_id
from dynarend_ros.graph import environment, share_folder
from dynarend_ros.graph_client import GraphError

WAIT_S = 300.0
REST_AFTER_S = 0.15
ROS2 = os.environ.get("DYNAREND_ROS2") or shutil.which("ros2") or ""
DOMAINS = itertools.count(os.getpid())
CRASHES = ("process has died", "Traceback", "terminate called", "core dumped")


def why_not():
    """Why no launch file can be started here; empty if one can."""
    if not ROS2:
        return "needs a real ros2: none on the path, and DYNAREND_ROS2 names none"
    for arguments, what in (
        (["launch", "--help"], "has no `ros2 launch` (launch_ros, ros2launch)"),
        (["pkg", "prefix", "dynarend_ros"], "does not find dynarend_ros: colcon build, then source install/setup.bash"),
    ):
        try:
            answer = subprocess.run([ROS2, *arguments], capture_output=True, timeout=60.0, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{ROS2} cannot be run: {error}"
        if answer.returncode:
            return f"{ROS2} {what}"
    return ""


def pytest_collection_modifyitems(items):
    """Skip this folder's tests where nothing can be launched."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    reason = why_not() if ours else ""
    for item in ours:
        item.add_marker(pytest.mark.slow)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


class Launched:
    """One ``ros2`` process and all that it starts: they share a process group, which outlives its first process."""

    def __init__(self, arguments, env):
        self.lines = []
        self.process = subprocess.Popen(
            ["env", "--default-signal", ROS2, *arguments],  # as from a terminal, even where this runs under nohup
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.group = self.process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for raw in self.process.stdout:
            self.lines.append(raw.decode(errors="replace").rstrip())

    @property
    def text(self):
        return "\n".join(self.lines)

    def members(self):
        """Process numbers of the group to their command lines; what has ended and was not waited for does not count."""
        self.process.poll()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(group) == self.group and state not in "ZX":
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, ValueError):  # ended meanwhile
                continue
        return found

    def nodes(self):
        """Processes of the group without ``ros2`` itself."""
        return {pid: command for pid, command in self.members().items() if pid != self.process.pid}

    def environment_of(self, node):
        """Variables of a node's process."""
        pid = next(pid for pid, command in self.nodes().items() if f"/{node} " in command)
        entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        return dict(entry.split("=", 1) for entry in entries if entry)

    def waits_for(self, condition, timeout_s=WAIT_S):
        """Whether ``condition()`` holds in time."""
        return wait_for(condition, timeout_s)

    def ends_within(self, timeout_s):
        """Whether every process of the group is gone in time."""
        return wait_for(lambda: not self.members(), timeout_s)

    def says(self, pattern, timeout_s=WAIT_S):
        """Whether a line with ``pattern`` comes in time, or before the end."""
        seen = lambda: any(re.search(pattern, line) for line in list(self.lines))  # noqa: E731
        wait_for(lambda: seen() or not self.members(), timeout_s)
        self._reader.join(0.0 if self.members() else 5.0)
        return seen()

    def crashes(self):
        """Lines that look like a crash."""
        return [line for line in self.lines if any(word in line for word in CRASHES)]

    def send(self, signum):
        """Signal to the whole group, as a terminal sends it."""
        os.killpg(self.group, signum)

    def stop(self):
        """End all: SIGINT, and whatever is left of the group after ten seconds SIGKILL."""
        for signum, patience_s in ((signal.SIGINT, 10.0), (signal.SIGKILL, 5.0)):
            if self.members():
                self.send(signum)
                self.ends_within(patience_s)
        self.process.wait(5.0)
        self._reader.join(5.0)
        self.process.stdout.close()


class Operator:
    """Heartbeat, services and states of a graph, and where the arm is; times in seconds of the robot's clock."""

    def __init__(self, client, launched, namespace=""):
        self.client, self.launched, self.namespace = client, launched, namespace
        self.q, self.now_s, self.moved_s, self.states, self.results = None, 0.0, -REST_AFTER_S, [("", "")], []
        self.wait_for, node = client.wait_for, client.node
        heartbeat = node.create_publisher(Empty, self.name(topics.HEARTBEAT), qos.RELIABLE)
        node.create_timer(0.1, lambda: heartbeat.publish(Empty()))
        node.create_subscription(DiagnosticStatus, self.name(topics.SAFETY_STATE), self.on_state, qos.LATCHED)
        node.create_subscription(JointState, self.name(topics.JOINT_STATES), self.on_joints, qos.RELIABLE)
        said = lambda message: self.results.append(message.data)  # noqa: E731
        node.create_subscription(String, self.name(topics.EXECUTION_MESSAGE), said, qos.RELIABLE)

    def name(self, relative):
        return f"{self.namespace}/{relative}"

    def on_state(self, message):
        self.states.append((message.message, message.values[0].value))

    def on_joints(self, message):
        q = joint_state_from_message(message).select(JOINT_NAMES)
        self.now_s = 1e-9 * stamp_to_ns(message.header.stamp)
        if self.q is not None and np.abs(q - self.q).max() > 1e-5:
            self.moved_s = self.now_s
        self.q = q

    def get(self, node, parameter):
        deadline_s = time.monotonic() + WAIT_S
        while True:
            try:
                return self.client.get_parameter(self.name(node), parameter)
            except GraphError:
                assert any(launched.members() for launched in self.launched), "all that was launched has ended"
                assert time.monotonic() < deadline_s, f"{self.name(node)} says nothing"

    def call(self, service):
        client = self.client.node.create_client(Trigger, self.name(service))
        assert client.wait_for_service(WAIT_S), service
        future = client.call_async(Trigger.Request())
        assert self.client.wait_for(future.done, WAIT_S), service
        return future.result()

    def step(self):
        """Ask for a keyframe until the policy, which first loads, begins with it."""
        deadline_s = time.monotonic() + WAIT_S
        while not (answer := self.call(topics.STEP)).success:
            assert time.monotonic() < deadline_s, answer.message
            time.sleep(0.5)

    def is_moving(self):
        return self.now_s - self.moved_s < REST_AFTER_S

    def set_off(self):
        """Arm, step, and come back in mid-motion."""
        deadline_s = time.monotonic() + WAIT_S
        under_way = lambda: self.is_moving() and self.states[-1][0] == "RUNNING"  # noqa: E731
        while not under_way():
            assert time.monotonic() < deadline_s, (self.states[-1:], self.results)
            if self.call(topics.ARM).success and self.call(topics.STEP).success:
                self.client.wait_for(under_way, 15.0)
            else:
                self.call(topics.RESET_FAULT)
                time.sleep(0.5)
        self.lets_pass(0.5)
        assert under_way(), self.results

    def lets_pass(self, duration_s):
        """Wait until the robot's own clock is so much further."""
        end_s = self.now_s + duration_s
        assert self.client.wait_for(lambda: self.now_s > end_s, WAIT_S), "the robot says nothing"

    def seconds_to_rest(self, since_s):
        """Time from then to the last movement, on the robot's clock: a starved simulator is no arm at rest."""
        assert self.client.wait_for(lambda: not self.is_moving(), WAIT_S), "the arm goes on and on"
        moved_s = self.moved_s
        self.lets_pass(1.0)
        assert self.moved_s == moved_s, "the arm moved again"
        print(f"at rest {moved_s - since_s:.2f} s after the signal; {self.states[-1:]}")
        return moved_s - since_s


def wait_for(condition, timeout_s):
    """Whether ``condition()`` holds in time."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def ros_domain(monkeypatch):
    """A domain for each test: what was killed stays known to DDS for a while."""
    domain = free_domain_id(next(DOMAINS) % LAST + 1 for _ in range(LAST))
    for key, value in environment(domain).items():
        monkeypatch.setenv(key, value)
    return domain


@pytest.fixture
def bare_environment(ros_domain, tmp_path):
    """Environment of a user's shell: the domain, and nothing that our graphs set."""
    ours = set(environment())
    bare = {key: value for key, value in os.environ.items() if key not in ours}
    return {**bare, "ROS_DOMAIN_ID": str(ros_domain), "ROS_LOG_DIR": str(tmp_path / "log"), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def ros2(bare_environment):
    """Starts ``ros2 ...``; ends it with all its processes, and prints what it said, after the test."""
    started = []

    def run(*arguments):
        started.append(Launched([str(argument) for argument in arguments], bare_environment))
        return started[-1]

    run.started = started
    yield run
    for launched in started:
        launched.stop()
        print(f"---- {' '.join(launched.process.args[3:])}\n{launched.text}")


@pytest.fixture
def launch(ros2):
    """Starts ``ros2 launch`` with a graph's name or a file of one's own, and ``name:=value`` arguments."""

    def start_graph(what, **arguments):
        file = [what] if Path(what).is_file() else ["dynarend_ros", f"{what}.launch.py"]
        return ros2("launch", *file, *(f"{name}:={value}" for name, value in arguments.items()))

    return start_graph


@pytest.fixture
def launch_file(tmp_path):
    """Writes a launch file of a user's own; ``body`` is the list of its actions."""

    def write(body):
        file = tmp_path / "mine.launch.py"
        file.write_text(f"""\
from launch import LaunchDescription
from launch.actions import ExecuteProcess, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace, SetParameter
from launch_ros.substitutions import FindPackageShare


def include(name, **arguments):
    file = [FindPackageShare("dynarend_ros"), "/launch/", name, ".launch.py"]
    return IncludeLaunchDescription(PythonLaunchDescriptionSource(file), launch_arguments=arguments.items())


def generate_launch_description():
    return LaunchDescription({body})
""")
        return file

    return write


@pytest.fixture
def parameter_file(tmp_path):
    """Writes a ROS parameter file: ``node={parameter: value}``."""

    def write(nodes):
        file = tmp_path / "mine.yaml"
        file.write_text(yaml.safe_dump({node: {"ros__parameters": values} for node, values in nodes.items()}))
        return file

    return write


@pytest.fixture
def operator(client, ros2):
    return Operator(client, ros2.started)


@pytest.fixture
def operator_in(client, ros2):
    """The operator of a graph in a namespace."""
    return lambda namespace: Operator(client, ros2.started, namespace)


@pytest.fixture
def policy():
    """A policy that is loaded quickly."""
    return share_folder("models") / "policies" / "small"


@pytest.fixture
def robot(start):
    """A simulator of its own that stands for cameras and arm: it lives on whatever happens to a graph."""
    return start(start.node("sim_node", task="push_buttons", camera_rate_hz=5.0, overview_rate_hz=0.0))


@pytest.fixture
def on_robot(parameter_file, policy):
    """Launch arguments of graph ``policy`` on :func:`robot`: it moves, slowly, and is patient on a busy machine."""
    arm = {"robot": "panda", "arm_topic": "joint_trajectory"}
    file = parameter_file(
        {
            "fusion_node": {"extrinsics": "topic", "detect_frozen": False, "camera_files": [""], "max_age_s": 0.0},
            "policy_node": {"cloud_max_age_s": 20.0, "joint_state_max_age_s": 5.0},
            "executor_node": {
                **arm,
                **{"gripper_kind": "joint_trajectory", "gripper_name": "gripper/joint_trajectory"},
                **{"dry_run": False, "confirm": False, "require_safety": True, "velocity_factor": 0.1},
                **{"joint_state_max_age_s": 5.0, "cloud_max_age_s": 20.0, "start_tolerance_rad": 0.05},
                **{"safety_lease_s": 5.0, "safety_max_age_s": 5.0, "goal_tolerance_rad": 0.1, "plan_attempts": 3},
            },
            "safety_node": {
                **arm,
                **{"nodes": ["fusion_node", "policy_node", "executor_node"], "heartbeat_timeout_s": 5.0},
                **{"policy_latency_max_s": 60.0, "joint_states_max_age_s": 5.0, "cloud_max_age_s": 20.0},
                **{"node_lease_s": 5.0, "node_silence_s": 60.0},
            },
        }
    )
    return {"policy": policy, "params_file": file, "use_sim_time": "true"}
