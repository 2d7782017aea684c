"""Transforms from ``/tf`` and ``/tf_static``: tf2_ros where it is installed, a small listener of our own elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from importlib import import_module, util
from typing import Any, Protocol

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time

from dynarend_core.errors import DynaRendError, MissingDependencyError
from dynarend_core.geometry.transform_tree import (
    ExtrapolationError,
    TransformError,
    TransformTree,
    UnconnectedFramesError,
    UnknownFrameError,
)
from dynarend_core.types import Array
from dynarend_ros.conversions import stamp_to_ns, transform_from_message

DYNAMIC_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
STATIC_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
CACHE_S = 10.0


class Transforms(Protocol):
    """Answers for the pose of one frame in another."""

    def lookup(self, target: str, source: str, stamp_ns: int | None = None) -> Array:
        """``T_target_source`` ``(4, 4)`` at a time, or at the newest common time; never waits.

        Raises:
            TransformError: one of its kinds, see :mod:`dynarend_core.geometry.transform_tree`.
        """

    def moves(self, target: str, source: str) -> bool:
        """Whether a link between the frames is not static; false while no chain joins them."""


def available() -> bool:
    """Whether ``/tf`` can be read and written here."""
    return util.find_spec("tf2_msgs") is not None


def tf_message_type() -> Any:
    """``tf2_msgs.msg.TFMessage``.

    Raises:
        MissingDependencyError: it is not installed and was not generated.
    """
    if not available():
        raise MissingDependencyError(
            "tf2_msgs is not installed: scripts/generate_tf2_msgs.sh makes it (needs cmake, g++, python3-dev), or set "
            "the parameter extrinsics to topic and publish <camera>/transform"
        )
    return import_module("tf2_msgs.msg").TFMessage


def listen(node: Node, on_change: Callable[[], None]) -> Transforms:
    """Listen on ``/tf`` and ``/tf_static``; ``on_change`` is called after every message.

    Raises:
        MissingDependencyError: as :func:`tf_message_type`.
    """
    kind = Tf2Transforms if util.find_spec("tf2_ros") is not None else TransformListener
    return kind(node, on_change)


class TransformListener:
    """Our own listener, on a :class:`TransformTree`. As tf2's, it forgets what moves when the clock jumps back."""

    def __init__(self, node: Node, on_change: Callable[[], None]) -> None:
        self.tree = TransformTree(CACHE_S)
        self.refused = ""
        self._on_change = on_change
        self._clock = node.get_clock()
        self._newest_ns = 0
        message_type = tf_message_type()
        node.create_subscription(message_type, "/tf", lambda m: self._add(m.transforms, False), DYNAMIC_QOS)
        node.create_subscription(message_type, "/tf_static", lambda m: self._add(m.transforms, True), STATIC_QOS)

    def _add(self, transforms: Sequence[TransformStamped], static: bool) -> None:
        now_ns = self._clock.now().nanoseconds
        if now_ns < self._newest_ns - 1_000_000_000:
            self.tree.clear()
        self._newest_ns = now_ns
        for message in transforms:
            stamp_ns = stamp_to_ns(message.header.stamp)
            try:
                T = transform_from_message(message)
                self.tree.set(message.header.frame_id, message.child_frame_id, T, stamp_ns, static)
            except DynaRendError as error:  # one bad publisher must not cut off the others
                self.refused = str(error)
        self._on_change()

    def lookup(self, target: str, source: str, stamp_ns: int | None = None) -> Array:
        """See :class:`Transforms`."""
        return self.tree.lookup(target, source, stamp_ns)

    def moves(self, target: str, source: str) -> bool:
        """See :class:`Transforms`."""
        return self.tree.newest_ns(target, source) is not None


class Tf2Transforms:
    """tf2_ros under the same names, for machines with a ROS installation. Not tried where this was written."""

    def __init__(self, node: Node, on_change: Callable[[], None]) -> None:
        self._tf2 = import_module("tf2_ros")
        self._buffer = self._tf2.Buffer(Duration(seconds=CACHE_S), node=node)
        self._listener = self._tf2.TransformListener(self._buffer, node)
        node.create_subscription(tf_message_type(), "/tf", lambda _m: on_change(), DYNAMIC_QOS)
        node.create_subscription(tf_message_type(), "/tf_static", lambda _m: on_change(), STATIC_QOS)

    def lookup(self, target: str, source: str, stamp_ns: int | None = None) -> Array:
        """See :class:`Transforms`."""
        try:
            message = self._buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns or 0))
        except self._tf2.LookupException as error:
            raise UnknownFrameError(str(error)) from error
        except self._tf2.ConnectivityException as error:
            raise UnconnectedFramesError(str(error)) from error
        except self._tf2.ExtrapolationException as error:
            raise ExtrapolationError(str(error), ahead="future" in str(error)) from error
        except self._tf2.TransformException as error:
            raise TransformError(str(error)) from error
        return transform_from_message(message)

    def moves(self, target: str, source: str) -> bool:
        """See :class:`Transforms`. tf2 stamps the newest transform of a chain of static links alone with 0."""
        try:
            return bool(stamp_to_ns(self._buffer.lookup_transform(target, source, Time()).header.stamp))
        except self._tf2.TransformException:
            return False


class TransformBroadcaster:
    """Publishes transforms. Static ones are kept and sent together: a late joiner gets the last message only."""

    def __init__(self, node: Node) -> None:
        self._type = tf_message_type()
        self._dynamic = node.create_publisher(self._type, "/tf", DYNAMIC_QOS)
        latched = QoSProfile(
            depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        self._static = node.create_publisher(self._type, "/tf_static", latched)
        self._kept: dict[str, TransformStamped] = {}
        self._lock = threading.Lock()  # each camera sends from a thread of its own

    def send(self, transforms: Sequence[TransformStamped]) -> None:
        """Publish transforms of this moment."""
        self._dynamic.publish(self._type(transforms=list(transforms)))

    def send_static(self, transforms: Sequence[TransformStamped]) -> None:
        """Publish transforms that hold from now on, beside those sent before."""
        with self._lock:
            self._kept |= {message.child_frame_id: message for message in transforms}
            self._static.publish(self._type(transforms=list(self._kept.values())))
