"""A toy world that needs no simulator: boxes on a table, an instruction that names one by its colour.

The label is the top of the named box, the fingers along the box's short side.
"""

from __future__ import annotations

import numpy as np

from dynarend_core.datasets.cloud_cache import POINT, TaskClouds
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.geometry.rotations import rotation_x, rotation_z

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 170, 40),
    "blue": (30, 50, 210),
    "yellow": (220, 210, 40),
    "purple": (130, 30, 150),
    "orange": (240, 130, 20),
}
PHRASINGS = ("touch the {} box", "put your fingers on the {} one", "go to the {} block")


def box_points(rng, centre, yaw, size, colour, n=900):
    """Random points on the top and the sides of a box standing on the table."""
    p = rng.uniform(-0.5, 0.5, (n, 3))
    face = rng.integers(0, 5, n)
    p[face == 0, 2] = 0.5
    for f, (axis, sign) in enumerate([(0, 0.5), (0, -0.5), (1, 0.5), (1, -0.5)], start=1):
        p[face == f, axis] = sign
    p = (p * size) @ rotation_z(yaw).T + centre
    return p, np.tile(colour, (n, 1))


def scene(rng):
    """Points, colours, the named colour and T_base_gripper of the label."""
    names = rng.permutation(list(COLOURS))[:3]
    table = np.column_stack([rng.uniform(0.0, 0.9, 6000), rng.uniform(-0.45, 0.45, 6000), np.zeros(6000)])
    xyz, rgb = [table], [np.tile((150, 140, 130), (6000, 1))]
    centres = []
    while len(centres) < 3:
        c = np.array([rng.uniform(0.25, 0.7), rng.uniform(-0.3, 0.3), 0.03])
        if all(np.linalg.norm(c - o) > 0.15 for o in centres):
            centres.append(c)
    yaws = rng.uniform(-0.6, 0.6, 3)
    for name, c, yaw in zip(names, centres, yaws, strict=True):
        p, col = box_points(rng, c, yaw, (0.10, 0.05, 0.06), COLOURS[name])
        xyz.append(p)
        rgb.append(col)
    label = se3.make(rotation_z(yaws[0]) @ rotation_x(np.pi), centres[0] + [0, 0, 0.03])
    return np.concatenate(xyz), np.concatenate(rgb), str(names[0]), label


def task_clouds(episodes: int, seed: int = 0) -> TaskClouds:
    """Episodes of one transition each."""
    rng = np.random.default_rng(seed)
    aabb = SCENE_AABB_BASE
    points, offsets, labels, sentences = [], [0], [], []
    for _ in range(episodes):
        xyz, rgb, name, label = scene(rng)
        cloud = np.zeros(len(xyz), dtype=POINT)
        cloud["xyz"] = np.clip(np.rint((xyz - aabb[0]) / (aabb[1] - aabb[0]) * 65535), 0, 65535)
        cloud["rgb"] = rgb
        points.append(cloud)
        offsets.append(offsets[-1] + len(cloud))
        labels.append(label)
        sentences.append([p.format(name) for p in PHRASINGS])
    n = episodes
    home = np.tile(se3.make(rotation_x(np.pi), np.array([0.3, 0.0, 0.5])), (n, 1, 1))
    return TaskClouds(
        "coloured_boxes",
        np.concatenate(points),
        np.array(offsets),
        home,
        np.ones(n, bool),
        np.full(n, 0.08),
        np.zeros(n, bool),
        base=np.arange(n),
        previous=np.full(n, -1),
        first=np.arange(n),
        command=home,
        command_open=np.ones(n, bool),
        frame=np.arange(n),
        episode=np.arange(n),
        step=np.zeros(n, int),
        target=np.array(labels),
        target_open=np.zeros(n, bool),
        target_ignore=np.ones(n, bool),
        origin=np.zeros(n, int),
        instructions=sentences,
    )
