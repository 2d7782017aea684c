"""The camera node with software cameras, over DDS, to the cloud; a cable is pulled out and put back."""

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from dynarend_core.errors import ConfigurationError
from dynarend_ros import qos, topics, transforms
from dynarend_ros.camera_parameters import CameraParameters
from dynarend_ros.conversions import cloud_from_message
from dynarend_ros.parameters import build

CAMERAS = ["front", "left_shoulder", "wrist"]
SOFTWARE = {
    "source": "software",
    "scene": "raycast",
    "cameras": CAMERAS,
    "serials": [""],
    "color_profiles": ["128x96x10"],
    "depth_profiles": ["128x96x10"],
    "silence_s": 0.5,
    "reconnect_s": 0.3,
}
EXTRINSICS = "tf" if transforms.available() else "topic"


def part(client, node, camera, key="message"):
    return client.counters.get(f"{node}: {camera}", {}).get(key, "")


def test_software_cameras_reach_the_cloud_under_realsense_names_and_survive_their_cables(start, client):
    clouds, messages = [], {}
    client.node.create_subscription(PointCloud2, topics.CLOUD, clouds.append, qos.RELIABLE)
    listened = {
        "front/color/image_raw": Image,
        "front/aligned_depth_to_color/image_raw": Image,
        "front/color/camera_info": CameraInfo,
        "front/aligned_depth_to_color/camera_info": CameraInfo,
    }
    for topic, kind in listened.items():
        client.node.create_subscription(kind, topic, lambda m, t=topic: messages.update({t: m}), qos.images("reliable"))
    fusion = {"cameras": CAMERAS, "extrinsics": EXTRINSICS, "detect_frozen": True, "camera_timeout_s": 0.4}
    start(
        start.node("camera_node", config="cameras.yaml", **SOFTWARE),
        start.node("fusion_node", config="cameras.yaml", **fusion),
    )
    assert client.wait_for(lambda: len(clouds) > 3 and len(messages) == len(listened), 60.0), client.counters

    color, depth = (messages[topic] for topic in list(listened)[:2])
    assert (color.encoding, depth.encoding) == ("rgb8", "16UC1")
    assert {m.header.frame_id for m in messages.values()} == {"front_color_optical_frame"}
    assert (depth.width, depth.height) == (color.width, color.height) == (128, 96)

    cloud = cloud_from_message(clouds[-1])
    assert len(cloud) > 500
    on_table = np.abs(cloud.xyz[:, 2]) < 0.006  # the poses travelled as base -> link -> frame -> optical frame
    assert on_table.mean() > 0.2, np.percentile(cloud.xyz[:, 2], [5, 50, 95])

    client.set_parameters("camera_node", {"unplugged": ["front"]})
    assert client.wait_for(lambda: "not connected" in part(client, "camera_node", "front"), 15.0)
    assert client.wait_for(lambda: "no frame for" in part(client, "fusion_node", "front"), 15.0)
    before = len(clouds)
    assert client.wait_for(lambda: len(clouds) > before + 3, 10.0)
    client.set_parameters("camera_node", {"unplugged": [""]})
    assert client.wait_for(lambda: part(client, "fusion_node", "front") == "ok", 15.0)
    assert part(client, "camera_node", "front", "starts") == "2"
    assert float(part(client, "fusion_node", "front", "valid_depth_share")) > 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"serials": ["1", "1", "2"]}, "3 different serials"),
        ({"serials": ["1", "2", "3"], "color_profiles": ["640x480"]}, "WIDTHxHEIGHTxFPS"),
        ({"serials": ["1", "2", "3"], "filters": ["none", "median"]}, "one entry, or 3"),
        ({"serials": ["1", "2", "3"], "sync_modes": ["leader"]}, "master"),
        ({"source": "recording"}, "as many recordings"),
    ],
)
def test_parameters_that_cannot_be_are_refused_before_any_camera_is_opened(change, says):
    with pytest.raises(ConfigurationError, match=says):
        build(CameraParameters, {"cameras": CAMERAS, **change})


def test_lists_hold_one_entry_for_all_or_one_each():
    values = {"cameras": CAMERAS, "serials": ["1", "2", "3"], "sync_modes": ["master", "slave", "slave"]}
    configs = build(CameraParameters, {**values, "filters": ["decimation=2+temporal"]}).configs()
    assert [c.serial for c in configs] == ["1", "2", "3"]
    assert [c.sync_mode for c in configs] == ["master", "slave", "slave"]
    assert all(c.filters["decimation"] == 2.0 and set(c.filters) == {"decimation", "temporal"} for c in configs)
