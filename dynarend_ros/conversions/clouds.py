"""Coloured point clouds."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField

from dynarend_core.errors import InvalidInputError
from dynarend_core.types import PointCloud
from dynarend_ros.conversions.stamps import byte_array, stamp_from_ns, stamp_to_ns

# x y z as float32 and the colour as 0x00RRGGBB, bit-cast to float32: what RViz and PCL read. 16 bytes a point, with
# normals 28.
_POINT = np.dtype([("xyz", "<f4", 3), ("bgr0", "u1", 4)])
_FIELDS = (("x", 0), ("y", 4), ("z", 8), ("rgb", 12))
_NORMAL_POINT = np.dtype([*((n, _POINT[n]) for n in ("xyz", "bgr0")), ("normal", "<f4", 3)])
_NORMAL_FIELDS = (("normal_x", 16), ("normal_y", 20), ("normal_z", 24))


def cloud_to_message(cloud: PointCloud, frame_id: str) -> PointCloud2:
    """Unorganised cloud with fields x, y, z, rgb (float32 each), stamped with the cloud's stamp.

    Where the cloud has normals also normal_x, normal_y, normal_z, NaN for points without one, as in PCL.
    """
    n, normals = len(cloud), cloud.normals
    point, fields = (_POINT, _FIELDS) if normals is None else (_NORMAL_POINT, _FIELDS + _NORMAL_FIELDS)
    points = np.zeros(n, dtype=point)
    if normals is not None:
        points["normal"] = normals
    points["xyz"] = cloud.xyz
    points["bgr0"][:, :3] = cloud.rgb[:, ::-1]
    message = PointCloud2()
    message.header.frame_id = frame_id
    message.header.stamp = stamp_from_ns(cloud.stamp_ns)
    message.height, message.width = 1, n
    message.fields = [PointField(name=f, offset=o, datatype=PointField.FLOAT32, count=1) for f, o in fields]
    message.point_step = point.itemsize
    message.row_step = point.itemsize * n
    message.is_dense = bool(np.isfinite(cloud.xyz).all() and (normals is None or np.isfinite(normals).all()))
    message.data = byte_array(points)
    return message


def cloud_from_message(message: PointCloud2) -> PointCloud:
    """Any cloud with float32 x, y, z and optionally rgb or rgba, and normals, at any offsets.

    Points with NaN are left out; those whose normal alone is NaN stay.

    Raises:
        InvalidInputError: a field is missing or of another type, or the data is shorter than its size says.
    """
    fields = {field.name: field for field in message.fields}
    for name in ("x", "y", "z"):
        if name not in fields or fields[name].datatype != PointField.FLOAT32:
            raise InvalidInputError(f"cloud needs a float32 field {name!r}; it has {sorted(fields)}")
    n = message.width * message.height
    row_bytes = message.width * message.point_step
    if message.row_step < row_bytes or len(message.data) < message.row_step * message.height:
        raise InvalidInputError(
            f"cloud of {message.height} rows of {message.width} points: {len(message.data)} bytes, "
            f"row_step {message.row_step}, needs {row_bytes} a row"
        )
    raw = np.frombuffer(message.data, dtype=np.uint8, count=message.row_step * message.height)
    table = raw.reshape(message.height, message.row_step)[:, :row_bytes].reshape(n, message.point_step)
    order = ">f4" if message.is_bigendian else "<f4"

    def column(name: str) -> np.ndarray:
        offset = fields[name].offset
        return np.ascontiguousarray(table[:, offset : offset + 4])

    xyz = np.stack([column(name).view(order)[:, 0] for name in ("x", "y", "z")], axis=1).astype(np.float32)
    colour = "rgb" if "rgb" in fields else "rgba" if "rgba" in fields else None
    if colour is None:
        rgb = np.zeros((n, 3), dtype=np.uint8)
    else:
        # Bytes, never float values: a colour whose bits spell NaN would be canonicalised.
        packed = column(colour)
        rgb = packed[:, 1:4] if message.is_bigendian else packed[:, 2::-1]
    normal_names = [name for name, _ in _NORMAL_FIELDS]
    normals = None
    if all(name in fields and fields[name].datatype == PointField.FLOAT32 for name in normal_names):
        normals = np.stack([column(name).view(order)[:, 0] for name in normal_names], axis=1).astype(np.float32)
    finite = np.isfinite(xyz).all(axis=1)
    return PointCloud(
        xyz=np.ascontiguousarray(xyz[finite]),
        rgb=np.ascontiguousarray(rgb[finite]),
        stamp_ns=stamp_to_ns(message.header.stamp),
        normals=None if normals is None else np.ascontiguousarray(normals[finite]),
    )
