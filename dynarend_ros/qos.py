"""Quality-of-service profiles, one per kind of topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy

RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""Commands, states and results."""

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""State a late joiner must get: instruction, task status."""

POSES = QoSProfile(depth=32, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Camera poses: a fixed camera may publish its pose once, a moving one with every image."""

OFFERED_LEASE = Duration(nanoseconds=75_000_000)
"""Processes tell DDS within this time that they live, DDS itself and not their Python; readers allow them longer."""


def _leased(lease: Duration, latched: bool = False, depth: int = 1) -> QoSProfile:
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=lease,
    )


KEYFRAME = _leased(Duration(seconds=1))
"""Keyframes. A source that dies is noticed after the lease of one second, and the executor stops the arm; a safety
node notices earlier.

By hand: ``ros2 topic pub --qos-liveliness automatic --qos-liveliness-lease-duration 1000 ...``.
"""

EXECUTION_STATUS = _leased(Duration(nanoseconds=200_000_000), depth=10)
"""Execution status."""

ALIVE = _leased(OFFERED_LEASE)
"""``alive/<node>``, as nodes offer it: that somebody could send there is what counts first."""

SAFETY_STATE = _leased(OFFERED_LEASE, latched=True)
"""Safety state, as the safety node offers it."""


def watched(lease_s: float, latched: bool = False) -> QoSProfile:
    """Profile of a reader that misses a process so long after its last sign of life [s]."""
    return _leased(Duration(nanoseconds=round(1e9 * lease_s)), latched)


def images(reliability: str, depth: int = 15) -> QoSProfile:
    """Image streams: ``"reliable"``, or ``"best_effort"``, which matches every camera driver."""
    policy = ReliabilityPolicy.RELIABLE if reliability == "reliable" else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=depth, reliability=policy)


def subscription_events(liveliness: Callable[[Any], None]) -> Any:
    """Event callbacks of a subscription."""
    try:
        from rclpy.event_handler import SubscriptionEventCallbacks
    except ImportError:  # Humble
        from rclpy.qos_event import SubscriptionEventCallbacks
    return SubscriptionEventCallbacks(liveliness=liveliness)
