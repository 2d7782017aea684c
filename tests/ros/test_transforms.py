"""The listener over real DDS: another node's transforms, dynamic and static, also from before we listened."""

import numpy as np
import pytest

from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.transform_tree import ExtrapolationError, TransformError
from dynarend_ros import transforms
from dynarend_ros.conversions import transform_to_message

pytestmark = pytest.mark.skipif(
    not transforms.available(), reason="no tf2_msgs: cmake, g++ or Python's headers were missing at `make setup`"
)
S = 1_000_000_000


def pose(x, angle=0.0):
    return se3.make(rotations.rotation_z(angle), np.array([x, 0.0, 0.0]))


@pytest.fixture
def broadcaster(ros_domain):
    """In a context and a participant of its own, so that the messages travel."""
    import rclpy

    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("test_broadcaster", context=context)
    yield transforms.TransformBroadcaster(node)
    node.destroy_node()
    context.try_shutdown()


def known(listener, target, source, stamp_ns=None):
    try:
        listener.lookup(target, source, stamp_ns)
    except TransformError:
        return False
    return True


def test_static_and_moving_transforms_arrive_and_are_interpolated(broadcaster, client):
    calls = []
    # Sent before anybody listens: both must be there for a late joiner.
    broadcaster.send_static([transform_to_message(pose(0.1), "hand", "wrist_link", 0)])
    broadcaster.send_static([transform_to_message(pose(5.0), "base", "front_link", 0)])
    listener = transforms.TransformListener(client.node, lambda: calls.append(1))
    assert client.wait_for(
        lambda: known(listener, "base", "front_link") and known(listener, "hand", "wrist_link"), 20.0
    )

    def send_and_look():
        for t in (1, 2):
            broadcaster.send([transform_to_message(pose(float(t), 0.2 * t), "base", "hand", t * S)])
        return known(listener, "base", "wrist_link", 3 * S // 2)

    assert client.wait_for(send_and_look, 20.0)
    T = listener.lookup("base", "wrist_link", 3 * S // 2)
    np.testing.assert_allclose(T, pose(1.5, 0.3) @ pose(0.1), atol=1e-9)
    assert listener.tree.newest_ns("base", "front_link") is None  # fixed links only
    assert listener.tree.newest_ns("base", "wrist_link") is not None
    with pytest.raises(ExtrapolationError):
        listener.lookup("base", "wrist_link", 3 * S)
    assert calls


def test_one_broken_transform_does_not_stop_the_others(broadcaster, client):
    listener = transforms.TransformListener(client.node, lambda: None)
    broken = transform_to_message(pose(1.0), "base", "bad", S)
    broken.transform.rotation.w = 7.0
    messages = [broken, transform_to_message(pose(1.0), "base", "good", S)]
    assert client.wait_for(lambda: broadcaster.send(messages) or known(listener, "base", "good"), 20.0)
    assert "norm" in listener.refused
    assert not known(listener, "base", "bad")
