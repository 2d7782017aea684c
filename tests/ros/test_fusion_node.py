"""The fusion node against a publisher in another process: nothing lost, faults named, work goes on."""

from types import SimpleNamespace

import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2

from dynarend_core.benchmarks.scene import synthetic_views
from dynarend_core.errors import ConfigurationError
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception.fusion_torch import TorchCloudFuser
from dynarend_ros import qos, topics
from dynarend_ros.conversions import cloud_from_message
from dynarend_ros.parameters import build

CAMERAS = ("front", "left_shoulder", "right_shoulder", "wrist")


@pytest.fixture
def clouds(client):
    seen = []
    client.node.create_subscription(PointCloud2, topics.CLOUD, seen.append, qos.RELIABLE)
    return seen


def counter(client, name):
    return int(client.counters.get("fusion_node", {}).get(name, -1))


def test_four_vga_cameras_arrive_without_loss(start, client, clouds):
    sets = 24
    ends = ("clouds", "sets_skipped", "sets_not_wanted")  # not wanted: before it heard of the subscription
    accounted = lambda: sum(counter(client, name) for name in ends)  # noqa: E731
    start(start.node("fusion_node"), start.double("camera_publisher", sets=sets, rate_hz=6.0))
    assert client.wait_for(lambda: counter(client, "wrist/received") == sets, 30.0), client.counters
    client.wait_for(lambda: accounted() == sets, 3.0)
    assert {name: counter(client, f"{name}/received") for name in CAMERAS} == dict.fromkeys(CAMERAS, sets)
    assert {name: counter(client, f"{name}/lost") for name in CAMERAS} == dict.fromkeys(CAMERAS, 0)
    assert accounted() == sets
    assert counter(client, "clouds") > 0
    cloud = cloud_from_message(clouds[-1])
    assert clouds[-1].header.frame_id == "panda_link0"
    assert len(cloud) > 1000
    assert abs(cloud.xyz[:, 2].mean()) < 0.01  # the plane the cameras look at is the table top, z = 0
    assert (cloud.xyz >= SCENE_AABB_BASE[0] - 0.005).all()


@pytest.mark.parametrize(
    ("fault", "camera", "says"), [("wrist_stops", "wrist", "no frame"), ("front_nan", "front", "0.0 % of the depth")]
)
def test_a_faulty_camera_is_named_and_the_others_go_on(start, client, clouds, fault, camera, says):
    small = {"width": 64, "height": 48, "sets": 200, "fault": fault, "fault_after": 10}
    start(start.node("fusion_node"), start.double("camera_publisher", **small))
    message = lambda: client.counters.get("fusion_node", {}).get("message", "")  # noqa: E731
    assert client.wait_for(lambda: f"{camera}: " in message() and says in message(), 45.0), message()
    before = len(clouds)
    assert client.wait_for(lambda: len(clouds) > before + 5, 15.0)
    # A busy machine may stall everybody for longer than camera_timeout_s; that passes.
    others = [name for name in CAMERAS if name != camera]
    assert client.wait_for(lambda: not any(f"{name}: " in message() for name in others), 10.0), message()
    assert any("going on with the other cameras" in line and camera in line for line in start.logs)


def node_here(monkeypatch, **parameters):
    """The node in this process."""
    from dynarend_ros import fusion_node

    values = lambda _node, cls: SimpleNamespace(values=build(cls, parameters))  # noqa: E731
    monkeypatch.setattr(fusion_node, "NodeParameters", values)
    return fusion_node.FusionNode()


def test_the_device_decides_who_fuses_and_normals_are_published(client, clouds, monkeypatch):
    from dynarend_ros import fusion_node

    asked = []

    def on_the_cpu(config, device):
        asked.append(device)
        return TorchCloudFuser(config, "cpu")

    monkeypatch.setattr(fusion_node, "create_fuser", on_the_cpu)
    node = node_here(monkeypatch, device="cuda", normals=True, voxel_m=0.02)
    try:
        views = list(synthetic_views(width=64, height=48))
        assert client.wait_for(lambda: node._publish(views, 0.0) or bool(clouds), 20.0)
    finally:
        node.on_shutdown()
        node.destroy_node()
    assert asked == ["cuda"]
    cloud = cloud_from_message(clouds[-1])
    table = np.abs(cloud.xyz[:, 2]) < 0.002
    assert table.sum() > 100
    assert np.nanmedian(cloud.normals[table][:, 2]) > 0.99


def test_a_gpu_that_is_not_there_is_refused_with_the_remedy(client, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="use cpu"):
        node_here(monkeypatch, device="cuda")
