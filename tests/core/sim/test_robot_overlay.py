"""The modelled robot covers the robot in the image, for cameras with any intrinsics."""

import numpy as np
import pytest

from dynarend_core.sim.mujoco.robot_overlay import RobotOverlay
from dynarend_core.sim.mujoco.world import MujocoWorld


@pytest.fixture(scope="module")
def seen():
    world = MujocoWorld()
    world.reset("push_buttons", 0, seed=0)
    view = world.views(["front"], size=(200, 160))[0]
    q = world.q
    world.close()
    return view, q


def test_model_and_image_agree(seen):
    view, q = seen
    overlay = RobotOverlay((200, 160))
    model = overlay.depth(q, view.K, view.T_base_camera)
    overlay.close()
    mask = np.isfinite(model)
    assert mask.sum() > 500
    assert (np.abs(model - view.depth_m)[mask] < 0.02).mean() > 0.9


def test_a_shifted_principal_point_and_another_focal_length_move_the_robot(seen):
    view, q = seen
    overlay = RobotOverlay((200, 160))
    straight = np.isfinite(overlay.depth(q, view.K, view.T_base_camera))
    shifted_K = view.K + np.array([[0, 0, 12.0], [0, 0, -7.0], [0, 0, 0]])
    shifted = np.isfinite(overlay.depth(q, shifted_K, view.T_base_camera))
    narrow = np.isfinite(overlay.depth(q, np.diag([0.5, 0.5, 1]) @ view.K + [[0, 0, 50], [0, 0, 40], [0, 0, 0]],
                                       view.T_base_camera))  # fmt: skip
    overlay.close()
    expected = straight[7:150, 20:180]
    assert (shifted[0:143, 32:192] == expected).mean() > 0.985
    assert narrow.sum() < 0.6 * straight.sum()
