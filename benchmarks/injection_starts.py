"""Graphs that are started wrongly, disarmed, doubled or left alone: nothing may move by accident."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import rclpy
from injection_cases import Case, Draw
from injection_rig import Rig
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_core.geometry import se3
from dynarend_core.types import Keyframe
from dynarend_ros import qos, topics
from dynarend_ros.conversions import keyframe_to_message

PLACE = [0.45, 0.2, 0.35]
LISTENS_S = 3.0
# What an executor needs on its command line to move the simulated arm, if it wanted to.
ABLE = ["-p", "gripper_kind:=joint_trajectory", "-p", "gripper_name:=gripper/joint_trajectory"]
ABLE += ["-r", "panda_arm_controller/joint_trajectory:=/joint_trajectory", "-r", "joint_trajectory:=/joint_trajectory"]
REFUSED = ("dry run", "not confirmed", "refused", "ended with 2")
PARTIAL = {"executor_node": {"ros__parameters": {"velocity_factor": 0.3}}}
TYPO = {"excutor_node": {"ros__parameters": {"dry_run": True, "confirm": True, "require_safety": True}}}


def send(rig: Rig, _draw: Draw) -> None:
    """A keyframe, and time enough for a motion that should not be."""
    if rig.keyframe.get_subscription_count():
        rig.send(PLACE)
    time.sleep(LISTENS_S)


def called(name: str) -> Callable[[Rig, Draw], None]:
    def inject(rig: Rig, _draw: Draw) -> None:
        rig.call(name)
        time.sleep(LISTENS_S)

    return inject


def stranger(rig: Rig, _draw: Draw) -> None:
    """A keyframe of a node that nobody knows."""
    node = rclpy.create_node("stranger")
    try:
        publisher = node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        rig.client.wait_for(lambda: publisher.get_subscription_count() > 0, 10.0)
        keyframe = Keyframe(se3.make(rig.down, PLACE), gripper_open=True)
        publisher.publish(keyframe_to_message(keyframe, "panda_link0", time.time_ns()))
        time.sleep(LISTENS_S)
    finally:
        node.destroy_node()


def executor(*arguments: str, file: dict | None = None) -> Callable[[Rig], None]:
    """The executor started by hand, with these arguments and this parameter file."""

    def arrange(rig: Rig) -> None:
        rig.end(rig.running("executor_node"))
        rig.client.counters.pop("executor_node", None)
        given = [*arguments, *ABLE]
        if file is not None:
            path = Path(tempfile.mkdtemp()) / "mine.yaml"
            path.write_text(json.dumps(file))  # JSON is YAML
            given += ["--params-file", str(path)]
        rig.launch("executor_node", given)
        rig.await_node("executor_node")

    return arrange


def double(name: str, *arguments: str) -> Callable[[Rig, Draw], dict[str, str] | None]:
    """A second node of that name: it must go, and the first must not care."""

    def inject(rig: Rig, _draw: Draw) -> dict[str, str] | None:
        first = rig.running(name)
        second = rig.launch(name, [*arguments, "--params-file", str(rig.config("sim.yaml"))])
        try:
            second.process.wait(60.0)
        except subprocess.TimeoutExpired:
            return {"unsafe": f"a second {name} goes on"}
        return {"unsafe": f"the first {name} has gone"} if first.exit_code is not None else None

    return inject


def changed(parameters: dict, extra: dict[str, str] | None = None, policy: bool = False) -> Callable[[Rig], None]:
    def arrange(rig: Rig) -> None:
        rig.exchange("executor_node", parameters, extra)
        if policy:
            rig.start_policy()

    return arrange


def under_a_runner(rig: Rig) -> None:
    """Executor and safety node as children of a process of their own."""
    for name in ("executor_node", "safety_node"):
        rig.end(rig.running(name))
        rig.client.counters.pop(name, None)
    rig.pids = Path(tempfile.mkdtemp()) / "pids.json"
    variables = {**os.environ, "PYTHONPATH": rig.python_path()}
    script = Path(__file__).parent / "injected_runner.py"
    rig.helper = subprocess.Popen(
        [sys.executable, str(script), str(rig.pids), str(rig.plan_timeout_s)], env=variables, start_new_session=True
    )
    rig.client.wait_for(lambda: rig.client.is_up("executor_node") and rig.client.is_up("safety_node"), 90.0)
    rig.client.wait_for(lambda: rig.keyframe.get_subscription_count() >= 2, 10.0)
    time.sleep(0.5)


def runner_killed(rig: Rig, _draw: Draw) -> dict[str, str] | None:
    rig.mark()
    rig.helper.kill()
    rig.helper.wait()
    rig.helper = None
    pids = json.loads(rig.pids.read_text())
    left = lambda: [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()]  # noqa: E731
    deadline_s = time.monotonic() + 10.0
    while left() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    orphans = left()
    for name in orphans:
        os.kill(pids[name], signal.SIGKILL)
    return {"hang": f"{', '.join(orphans)} live on without the runner"} if orphans else None


POLICY = changed({}, policy=True)
OWN_POLICY = changed({"confirm": True, "confirm_timeout_s": 2.0}, policy=True)
STARTS = {
    "keyframe while disarmed": Case(send, False, ("refused",), armed=False, still=True),
    "keyframe of a stranger while disarmed": Case(stranger, False, ("refused",), armed=False, still=True),
    "step while disarmed": Case(called(topics.STEP), False, ("DISARMED",), 20.0, POLICY, False, True),
    "run while disarmed": Case(called(topics.RUN), False, ("DISARMED",), 20.0, POLICY, False, True),
    "keyframe without confirm": Case(
        send, False, ("not confirmed",), 20.0, changed({"confirm": True, "confirm_timeout_s": 2.0}), still=True
    ),
    "step without confirm": Case(
        called(topics.STEP), False, ("not confirmed", "aborted"), 20.0, OWN_POLICY, still=True
    ),
    "executor without its parameter file": Case(send, False, REFUSED, 70.0, executor(), still=True),
    "executor without its parameter file, disarmed": Case(send, False, REFUSED, 8.0, executor(), False, True),
    "executor with a partial parameter file": Case(send, False, REFUSED, 70.0, executor(file=PARTIAL), still=True),
    "executor with a typo in its parameter file": Case(send, False, REFUSED, 70.0, executor(file=TYPO), still=True),
    "executor in a namespace its file does not know": Case(
        send, False, REFUSED, 8.0,
        executor("-r", "__ns:=/cell1", *(a for t in (topics.KEYFRAME, topics.JOINT_STATES, topics.CLOUD,
                 topics.SAFETY_STATE, topics.EXECUTION_MESSAGE, topics.EXECUTION_STATUS)
                 for a in ("-r", f"{t}:=/{t}")), file=PARTIAL), False, True,
    ),
    "second executor": Case(double("executor_node"), False, ("executor_node ended with",), 70.0),
    "second safety node": Case(double("safety_node"), False, ("safety_node ended with",), 70.0),
    "gripper action aborted": Case(
        send, False, ("aborted: gripper", "gripper"), 20.0,
        changed(
            {"gripper_kind": "gripper_command", "gripper_name": "hand/gripper_cmd"}, {"DYNAREND_GRIPPER": "aborts"}
        ),
        never=("succeeded",),
    ),
    "arm topic without subscriber": Case(
        send, False, ("aborted: controller", "ended with 2"), 20.0, changed({"arm_topic": "nobody/joint_trajectory"}),
        still=True, never=("succeeded",),
    ),
    "runner killed in mid-motion": Case(
        runner_killed, True, ("shutting down", "ending", "disappeared"), 1.5, under_a_runner
    ),
}  # fmt: skip
