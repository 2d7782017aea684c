"""The faults, one function each: it does harm and returns the moment it did [s, steady]; with what must come of it."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from injection_rig import Rig

from dynarend_ros import topics

Draw = np.random.Generator


@dataclass(frozen=True)
class Case:
    """A kind of fault.

    Attributes:
        inject: Does it; the arm is ARMED and at rest before, moving if ``moving``. What it returns is added to the
            result: ``{"unsafe": ...}``.
        moving: It happens in mid-motion.
        reason: What must be published, in the safety state, as the keyframe's end, as the answer of a service or by
            a process that ends; any of these texts. Empty: nobody is left to say anything.
        within_s: The arm must be at rest so long after it [s].
        arrange: Changes the graph before; the arm is ARMED after it.
        armed: Whether the graph is ARMED; else DISARMED.
        still: The arm may not move at all.
        never: What must not be published: then the case is unsafe.
    """

    inject: Callable[[Rig, Draw], dict[str, str] | None]
    moving: bool
    reason: tuple[str, ...]
    within_s: float = 1.0
    arrange: Callable[[Rig], None] | None = None
    armed: bool = True
    still: bool = False
    never: tuple[str, ...] = ()


def relay(mode: str) -> Callable[[Rig, Draw], None]:
    def inject(rig: Rig, _draw: Draw) -> None:
        rig.relay = mode

    return inject


def shift(low_s: float, high_s: float) -> Callable[[Rig, Draw], None]:
    def inject(rig: Rig, draw: Draw) -> None:
        rig.shift_ns += int(1e9 * draw.uniform(low_s, high_s))

    return inject


def keyframe(low: list[float], high: list[float]) -> Callable[[Rig, Draw], None]:
    return lambda rig, draw: rig.send(draw.uniform(low, high))


def kill(signum: signal.Signals, *names: str) -> Callable[[Rig, Draw], None]:
    def inject(rig: Rig, _draw: Draw) -> None:
        for name in names:
            rig.signal(name, signum)

    return inject


def wall(rig: Rig, draw: Draw) -> None:
    """A wall between where the arm is and where it is sent, from side to side and as high as it reaches."""
    side = draw.choice([-1.0, 1.0])
    rig.reaches([0.42, -0.3 * side, 0.35])
    rig.client.executions.clear()
    x, z = np.meshgrid(np.arange(0.15, 0.95, 0.015), np.arange(0.02, draw.uniform(0.4, 0.84), 0.015))
    rig.obstacle = np.stack([x.ravel(), np.full(x.size, 0.02 * side), z.ravel()], axis=1)
    rig.clearance = np.inf
    rig.start_gap = rig.gap()
    time.sleep(0.6)  # until the wall is in the cloud
    rig.send([0.5, 0.32 * side, 0.3])


def flood(rig: Rig, draw: Draw) -> None:
    for _ in range(100):
        rig.send(draw.uniform([0.3, -0.3, 0.2], [0.6, 0.3, 0.5]))
        time.sleep(0.002)


def policy_gone(rig: Rig, _draw: Draw) -> None:
    rig.client.run_on_spin(rig.drop_keyframe_source)


def heartbeat_lost(rig: Rig, _draw: Draw) -> None:
    rig.alive = False


def clouds_stop(rig: Rig, _draw: Draw) -> None:
    rig.clouds = False


def stopped(name: str) -> Callable[[Rig, Draw], None]:
    return lambda rig, _draw: rig.call(name) and None


def restamped_then_stop(rig: Rig, draw: Draw) -> None:
    rig.relay = "restamped"
    time.sleep(draw.uniform(0.1, 0.5))
    rig.mark()
    rig.call(topics.SAFETY_STOP)


def old_keyframe(rig: Rig, _draw: Draw) -> None:
    rig.call(topics.STOP)
    time.sleep(0.1)
    rig.send([0.45, 0.2, 0.3], stamp_ns=time.time_ns() - 5_000_000_000)


STALE = ("joint_states",)
BOTH = ("executor_node", "safety_node")
ENDED = {"executor": BOTH[:1], "safety node": BOTH[1:], "both": BOTH}
ENDS = ("shutting down", "ending", "disappeared", "is not there", "safety_state is")
CASES = {
    "joint states stop": Case(relay("silent"), True, STALE),
    "joint states repeat themselves": Case(relay("frozen"), True, STALE),
    "joint states are not numbers": Case(relay("nan"), True, STALE),
    "keyframe below the table": Case(
        keyframe([0.3, -0.3, -0.4], [0.6, 0.3, -0.05]), False, ("aborted: out_of_bounds",)
    ),
    "keyframe out of reach": Case(keyframe([0.9, 0.45, 0.7], [1.0, 0.55, 0.9]), False, ("aborted: ik",)),
    "keyframe outside the workspace": Case(keyframe([1.2, -1, 0], [3, 1, 2]), False, ("aborted: out_of_bounds",)),
    "keyframe not a number": Case(lambda rig, _: rig.send([np.nan, 0, 0.3]), False, ("aborted: limits",)),
    "keyframe in another frame": Case(lambda rig, _: rig.send([0.5, 0, 0.3], "world"), False, ("aborted: limits",)),
    "keyframe from before a stop": Case(old_keyframe, False, ("before stop", "forbid", "stopped")),
    "wall between start and goal": Case(wall, False, ("aborted: planning", "succeeded"), 60.0),
    "planner that never returns": Case(lambda rig, _: rig.hang_planner(), False, ("aborted: timeout",)),
    "executor killed in mid-motion": Case(kill(signal.SIGKILL, "executor_node"), True, ("executor_node disappeared",)),
    "executor frozen in mid-motion": Case(kill(signal.SIGSTOP, "executor_node"), True, ("executor_node disappeared",)),
    "safety node killed in mid-motion": Case(kill(signal.SIGKILL, "safety_node"), True, ("safety",)),
    "time jumps back": Case(shift(-30.0, -1.0), True, ("jumped back",)),
    "time jumps ahead": Case(shift(60.0, 3600.0), True, ("aborted: timeout",)),
    "flood of keyframes": Case(flood, False, ("another keyframe", "succeeded", "in a row failed"), 20.0),
    "policy gone in mid-motion": Case(policy_gone, True, ("source of keyframes disappeared",), 2.0),
    "operator gone": Case(heartbeat_lost, True, ("operator_heartbeat",), 1.5),
    "clouds stop": Case(clouds_stop, True, ("cloud",), 4.0),
    "stop called": Case(stopped(topics.SAFETY_STOP), True, ("stopped by the operator",)),
    "executor's stop called": Case(stopped(topics.STOP), True, ("stop was called",)),
    "joint states restamped": Case(relay("restamped"), True, STALE, 1.5),
    "joint states restamped, then stop": Case(restamped_then_stop, True, ("stopped by the operator", *STALE)),
    **{
        f"{kind} of {who} in mid-motion": Case(kill(getattr(signal, kind), *names), True, ENDS)
        for kind in ("SIGHUP", "SIGQUIT")
        for who, names in ENDED.items()
    },
    "all killed in mid-motion": Case(kill(signal.SIGKILL, *BOTH), True, ()),
}
