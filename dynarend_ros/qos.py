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

LEASE = Duration(nanoseconds=150_000_000)
"""A process that dies, or is frozen, is noticed within this time; DDS itself says so, not the process's Python."""

KEYFRAME = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    liveliness=LivelinessPolicy.AUTOMATIC,
    liveliness_lease_duration=LEASE,
)
"""Keyframes. A source that dies is noticed within the lease, and the executor stops the arm.

By hand: ``ros2 topic pub --qos-liveliness automatic --qos-liveliness-lease-duration 150 ...``.
"""

EXECUTION_STATUS = QoSProfile(
    depth=10,
    reliability=ReliabilityPolicy.RELIABLE,
    liveliness=LivelinessPolicy.AUTOMATIC,
    liveliness_lease_duration=LEASE,
)
"""Execution status. The safety node notices within the lease that the executor's process is gone."""

SAFETY_STATE = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    liveliness=LivelinessPolicy.AUTOMATIC,
    liveliness_lease_duration=LEASE,
)
"""Safety state. The executor notices within the lease that the safety node's process is gone."""

ALIVE = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    liveliness=LivelinessPolicy.AUTOMATIC,
    liveliness_lease_duration=LEASE,
)
"""``alive/<node>``: nothing is sent there; that somebody could is what counts."""


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
