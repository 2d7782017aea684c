"""What the policy thinks, as images and markers for RViz and consoles."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from geometry_msgs.msg import Point
from sensor_msgs.msg import Image
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from dynarend_core.types import Prediction, ValueMap
from dynarend_ros.conversions.images import rgb_to_message
from dynarend_ros.conversions.poses import pose_to_message
from dynarend_ros.conversions.stamps import stamp_from_ns

Array = np.ndarray

_AXIS_COLOURS = ((1.0, 0.2, 0.2), (0.2, 0.9, 0.2), (0.3, 0.5, 1.0))


def _tile(plane: Array, size: int) -> Array:
    """``(size, size, 3)`` heat map of a probability plane, its maximum at full heat; first axis up, second left."""
    scaled = plane / max(float(plane.max()), 1e-12)
    image = cv2.applyColorMap((255.0 * scaled[::-1, ::-1]).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return cv2.resize(image[:, :, ::-1], (size, size), interpolation=cv2.INTER_NEAREST)


def value_heat_map(value_maps: Sequence[ValueMap], size: int = 192) -> Array:
    """Heat maps: one row a map (coarse, zoomed); columns seen along z, y and x (largest value on each ray).

    Returns:
        ``(rows * size, 3 * size, 3)`` uint8. In the first column the robot's x points up and its y to the left.
    """
    rows = []
    for value_map in value_maps:
        p = value_map.probability
        planes = (p.max(axis=2), p.max(axis=1).T, p.max(axis=0).T)
        rows.append(np.hstack([_tile(plane, size) for plane in planes]))
    return np.ascontiguousarray(np.vstack(rows))


def heat_map_to_message(value_maps: Sequence[ValueMap], frame_id: str, stamp_ns: int) -> Image:
    """:func:`value_heat_map` as an rgb8 image."""
    return rgb_to_message(value_heat_map(value_maps), frame_id, stamp_ns)


def _axis_marker(T: Array, axis: int, length: float) -> Marker:
    start, end = T[:3, 3], T[:3, 3] + length * T[:3, axis]
    marker = Marker(type=Marker.ARROW, ns="keyframe", id=axis)
    marker.points = [Point(x=float(p[0]), y=float(p[1]), z=float(p[2])) for p in (start, end)]
    marker.scale.x, marker.scale.y, marker.scale.z = 0.008, 0.016, 0.02
    r, g, b = _AXIS_COLOURS[axis]
    marker.color = ColorRGBA(r=r, g=g, b=b, a=1.0)
    marker.pose.orientation.w = 1.0
    return marker


def markers_to_message(prediction: Prediction, frame_id: str, stamp_ns: int) -> MarkerArray:
    """Predicted gripper as three arrows, and a text with gripper command, collision flag and confidence."""
    keyframe = prediction.keyframe
    markers = [_axis_marker(keyframe.T_base_gripper, axis, 0.1) for axis in range(3)]
    text = Marker(type=Marker.TEXT_VIEW_FACING, ns="keyframe", id=3)
    text.pose = pose_to_message(keyframe.T_base_gripper)
    text.pose.position.z += 0.12
    text.scale.z = 0.03
    text.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
    command = "open" if keyframe.gripper_open else "close"
    contact = ", contact allowed" if keyframe.ignore_collisions else ""
    text.text = f"{command}{contact}, {100 * prediction.confidence:.0f} %"
    markers.append(text)
    for marker in markers:
        marker.header.frame_id = frame_id
        marker.header.stamp = stamp_from_ns(stamp_ns)
        marker.action = Marker.ADD
    return MarkerArray(markers=markers)


def boxes_to_message(workspace: Array, keep_out: Array, frame_id: str) -> MarkerArray:
    """The workspace ``(2, 3)`` as edges and the keep-out boxes ``(k, 2, 3)`` as red blocks, base frame [m]."""
    edges = Marker(type=Marker.LINE_LIST, ns="workspace", id=0)
    edges.scale.x = 0.004
    edges.color = ColorRGBA(r=0.3, g=0.8, b=1.0, a=0.9)
    corners = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    for a, first in enumerate(corners):
        for second in corners[a + 1 :]:
            if sum(i != j for i, j in zip(first, second, strict=True)) == 1:
                ends = ([workspace[side, axis] for axis, side in enumerate(corner)] for corner in (first, second))
                edges.points += [Point(x=float(p[0]), y=float(p[1]), z=float(p[2])) for p in ends]
    markers = [edges]
    for k, box in enumerate(keep_out):
        block = Marker(type=Marker.CUBE, ns="keep_out", id=k)
        centre, size = box.mean(axis=0), box[1] - box[0]
        block.pose.position.x, block.pose.position.y, block.pose.position.z = (float(v) for v in centre)
        block.scale.x, block.scale.y, block.scale.z = (float(v) for v in size)
        block.color = ColorRGBA(r=1.0, g=0.1, b=0.1, a=0.35)
        markers.append(block)
    for marker in markers:
        marker.header.frame_id = frame_id
        marker.pose.orientation.w = 1.0
        marker.action = Marker.ADD
    return MarkerArray(markers=markers)
