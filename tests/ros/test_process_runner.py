"""Processes are started, watched, and never left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from dynarend_ros.graph import NodeSpec
from dynarend_ros.process_runner import ProcessDiedError, ProcessRunner

DOUBLES = os.path.join(os.path.dirname(__file__), "doubles")


def sleeper(name="sleeper", **kwargs):
    return NodeSpec(executable=name, name=name, config="", module="sleeper", **kwargs)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().split()[2] != "Z"


def wait_until(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Module ``sleeper``: says hello, then sleeps; ignores SIGINT on request."""
    (tmp_path / "sleeper.py").write_text(
        textwrap.dedent(
            """
            import os, signal, sys, time
            # Nodes set their own handler, too: a shell starts background jobs with interrupts ignored.
            stubborn = os.environ.get("STUBBORN")
            signal.signal(signal.SIGINT, signal.SIG_IGN if stubborn else signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            print("hello", flush=True)
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                sys.exit(0)
            """
        )
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_leaving_the_context_ends_all_and_keeps_exit_codes(module):
    lines = []
    with ProcessRunner([sleeper("a"), sleeper("b")], sink=lambda name, line: lines.append((name, line))) as runner:
        wait_until(lambda: len(lines) == 2)
        pids = [n.process.pid for n in runner.nodes]
        assert all(map(alive, pids))
    assert sorted(lines) == [("a", "hello"), ("b", "hello")]
    assert [n.exit_code for n in runner.nodes] == [0, 0]
    assert not any(map(alive, pids))


def test_a_process_that_ignores_the_request_is_ended_anyway(module):
    lines = []
    environment = {"STUBBORN": "1"}
    with ProcessRunner([sleeper()], sink=lambda *line: lines.append(line), extra_environment=environment) as runner:
        wait_until(lambda: lines)
    assert runner.nodes[0].exit_code == -signal.SIGTERM


def test_a_dead_required_process_is_named_with_its_last_words(module):
    lines = []
    with ProcessRunner([sleeper()], sink=lambda *line: lines.append(line)) as runner:
        wait_until(lambda: lines)
        runner.check()
        runner.nodes[0].process.kill()
        runner.nodes[0].process.wait()
        with pytest.raises(ProcessDiedError, match=r"sleeper ended with exit code -9:\s+hello"):
            runner.check()


def test_an_optional_process_may_die(module):
    with ProcessRunner([sleeper(required=False)], sink=lambda *line: None) as runner:
        runner.nodes[0].process.kill()
        runner.nodes[0].process.wait()
        runner.check()


def test_nodes_end_when_the_runner_is_killed(ros_domain):
    """kill -9 of the runner leaves it no chance; the nodes notice that their parent is gone."""
    script = textwrap.dedent(
        f"""
        from dynarend_ros.graph import NodeSpec
        from dynarend_ros.process_runner import ProcessRunner
        spec = NodeSpec(executable="fake_arm", name="fake_arm", config="", module="fake_arm")
        with ProcessRunner([spec], {ros_domain}, extra_environment={{"PYTHONPATH": {DOUBLES!r}}}) as runner:
            print(runner.nodes[0].process.pid, flush=True)
            runner.wait()
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    time.sleep(2.5)  # the node is up
    assert alive(pid)
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(pid))
