"""Times, durations and byte arrays of ROS messages."""

from __future__ import annotations

import array

import numpy as np
from builtin_interfaces.msg import Duration, Time

NS = 1_000_000_000


def stamp_from_ns(stamp_ns: int) -> Time:
    """Integer nanoseconds to a message stamp."""
    return Time(sec=int(stamp_ns // NS), nanosec=int(stamp_ns % NS))


def stamp_to_ns(stamp: Time) -> int:
    """Message stamp to integer nanoseconds."""
    return int(stamp.sec) * NS + int(stamp.nanosec)


def duration_from_seconds(seconds: float) -> Duration:
    """Seconds to a message duration, rounded to nanoseconds."""
    total = round(seconds * NS)
    return Duration(sec=int(total // NS), nanosec=int(total % NS))


def seconds_from_duration(duration: Duration) -> float:
    """Message duration to seconds."""
    return float(duration.sec) + float(duration.nanosec) / NS


def byte_array(values: np.ndarray) -> array.array:
    """A message's ``uint8[]`` field from any array.

    Assigning ``bytes`` makes rclpy check every byte in Python; an ``array.array('B')`` is taken as it is.
    """
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return data
