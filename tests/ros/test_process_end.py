"""How nodes end, what they refuse to start beside, and what they are started with: real processes."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from dynarend_ros.process_end import watch_process

NODE = """
import sys, time
from dynarend_ros import runtime

class Example(runtime.SpinningNode):
    def __init__(self):
        super().__init__("example")
        print("made", flush=True)
        time.sleep({loading_s})

    def on_shutdown(self):
        print("orderly end", flush=True)

    def tick(self):
        print("turn", flush=True)
        return 0.1

runtime.run(Example)
"""


class Started:
    """A node in a process of its own; its lines as they come."""

    def __init__(self, ros_domain, *command, **variables):
        self.lines = []
        environment = {**os.environ, "ROS_DOMAIN_ID": str(ros_domain), "PYTHONUNBUFFERED": "1", **variables}
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def wait_for(self, text, timeout_s=30.0):
        deadline = time.monotonic() + timeout_s
        while not any(text in line for line in list(self.lines)):
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)

    def end(self, timeout_s=30.0):
        """Exit code, once the process has ended and all of its lines are there."""
        code = self.process.wait(timeout_s)
        self._reader.join(5.0)
        return code

    @property
    def text(self):
        return "".join(self.lines)


@pytest.fixture
def node(ros_domain):
    """Starts nodes from source text or a module; ends them after the test."""
    started = []

    def start(*command, **variables):
        started.append(Started(ros_domain, sys.executable, *command, **variables))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()


def example(loading_s=0.0):
    return ("-c", textwrap.dedent(NODE.format(loading_s=loading_s)), "--ros-args", "--log-level", "info")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGUSR1", "SIGALRM"])
def test_every_signal_that_would_end_or_suspend_a_node_ends_it_in_order(name, node):
    started = node(*example())
    started.wait_for("turn")
    started.process.send_signal(getattr(signal, name))
    assert started.end() == 0
    assert "orderly end" in started.text
    assert f"ending: {name} was received" in started.text


def test_a_node_that_is_still_loading_ends_at_once_and_without_a_traceback(node):
    started = node(*example(loading_s=60.0))
    started.wait_for("made")
    started.process.send_signal(signal.SIGINT)
    assert started.end(10.0) == 0
    assert "Traceback" not in started.text


def test_the_end_of_whoever_started_a_node_ends_it(node):
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    started = node(*example(), DYNAREND_PARENT_PID=str(parent.pid))
    started.wait_for("turn")
    parent.kill()
    parent.wait()
    assert started.end() == 0
    assert "orderly end" in started.text
    assert "the process that started this node is gone" in started.text


def test_a_process_that_is_gone_already_is_noticed():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    seen = []
    watch_process(ended.pid, lambda: seen.append(True))
    assert seen == [True]


def test_a_second_node_of_one_name_refuses_to_start_and_leaves_the_first_alone(node):
    first = node(*example())
    first.wait_for("turn")
    second = node(*example())
    assert second.end() == 2
    assert "another /example is already running" in second.text
    assert "made" not in second.text
    turns = len(first.lines)
    time.sleep(1.0)
    assert first.process.poll() is None
    assert len(first.lines) > turns
    third = node(*example(), "-r", "__ns:=/cell2")
    third.wait_for("turn")


def test_a_second_safety_node_under_another_name_refuses_to_start(node):
    arguments = ("-m", "dynarend_ros.safety_node", "--ros-args", "-p", "nodes:=[executor_node]")
    first = node(*arguments)
    first.wait_for("DISARMED")
    second = node(*arguments, "-r", "__node:=left_safety_node")
    assert second.end() == 2
    assert "another /safety_node is already running" in second.text


def test_a_file_in_a_pushed_namespace_applies_and_what_it_relaxes_is_said(node, tmp_path):
    file = tmp_path / "cell.yaml"
    file.write_text("safety_node: {ros__parameters: {heartbeat_timeout_s: 0.0}}")
    arguments = ("-m", "dynarend_ros.safety_node", "--ros-args", "--params-file", str(file), "-r", "__ns:=/cell1")
    started = node(*arguments)
    started.wait_for("RELAXED: heartbeat_timeout_s = 0.0 (default 1.0)")


def test_two_rules_for_one_name_are_refused(node):
    started = node(*example(), "-r", "__ns:=/a", "-r", "__ns:=/b")
    assert started.end() == 2
    assert "its parameters were read for" in started.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("safty_node: {ros__parameters: {max_failures: 1}}", "Write safety_node instead of safty_node"),
        ("safety_node: {ros__parameters: {max_failure: 1}}", "did you mean 'max_failures'"),
    ],
)
def test_a_file_that_would_not_apply_keeps_the_node_from_starting(text, says, node, tmp_path):
    file = tmp_path / "cell.yaml"
    file.write_text(text)
    started = node("-m", "dynarend_ros.safety_node", "--ros-args", "--params-file", str(file))
    assert started.end() == 2
    assert says in started.text
