"""Every closed form finds the camera, in both set-ups."""

import numpy as np
import pytest

from dynarend_core.geometry.rotations import rotation_angle
from dynarend_core.perception.calibration import hand_eye
from dynarend_core.perception.calibration._reprojection import known_transforms
from dynarend_core.perception.camera_file import SetUp


@pytest.mark.parametrize("set_up", list(SetUp))
@pytest.mark.parametrize("method", list(hand_eye.METHODS))
@pytest.mark.parametrize(("noise", "limit"), [(0.0, 1e-9), (1.0, 4e-3)])
def test_closed_forms_find_the_camera(synthetic, set_up, method, noise, limit):
    truth = synthetic(set_up, arm_mm=0.3 * noise, arm_deg=0.03 * noise, pixel_noise=0.0)
    M = known_transforms(truth.sightings, set_up)
    seen = np.stack([s.T_camera_board for s in truth.sightings])
    T = hand_eye.METHODS[method](hand_eye.relative_motions(M, seen))
    assert np.linalg.norm(T[:3, 3] - truth.T_parent_camera[:3, 3]) < limit
    assert rotation_angle(T[:3, :3], truth.T_parent_camera[:3, :3]) < max(limit, 1e-6)
    B = hand_eye.board_pose(M, seen, T)
    assert np.linalg.norm(B[:3, 3] - truth.T_carrier_board[:3, 3]) < max(2 * limit, 1e-8)
