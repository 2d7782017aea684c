"""Laws of the arm's kinematics."""

from __future__ import annotations

import numpy as np
import pytest

from dynarend_core.errors import InvalidInputError, PlanningError
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.planning import _chain
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import HOME_Q, JOINT_LIMITS, panda_mjcf_path


@pytest.fixture(scope="module")
def kinematics() -> ArmKinematics:
    return ArmKinematics()


def test_start_configuration_gives_the_recorded_tip_pose(kinematics: ArmKinematics) -> None:
    recorded = se3.from_pose(np.array([0.2785, -0.0082, 1.4720]), np.array([0.0, 0.99266, 0.0, 0.12090]))
    tip = T_WORLD_BASE @ kinematics.forward(HOME_Q)
    assert np.linalg.norm(tip[:3, 3] - recorded[:3, 3]) < 2e-3
    assert rotations.rotation_angle(tip[:3, :3], recorded[:3, :3]) < np.radians(0.3)


def test_chain_agrees_with_the_simulator_model() -> None:
    mujoco = pytest.importorskip("mujoco")
    model = mujoco.MjModel.from_xml_path(str(panda_mjcf_path()))
    data = mujoco.MjData(model)
    assert np.allclose(model.jnt_range[:7], JOINT_LIMITS)
    for q in np.random.default_rng(0).uniform(*JOINT_LIMITS.T, size=(20, 7)):
        data.qpos[:7] = q
        mujoco.mj_kinematics(model, data)
        frames = _chain.link_frames(q)
        for index, name in enumerate(["link0", *(f"link{i}" for i in range(1, 8)), "hand"]):
            body = model.body(name).id
            assert np.allclose(frames[index, :3, 3], data.xpos[body], atol=1e-6)
            assert np.allclose(frames[index, :3, :3], data.xmat[body].reshape(3, 3), atol=1e-6)


def test_jacobian_is_the_derivative_of_the_tip_pose(kinematics: ArmKinematics) -> None:
    q, step = HOME_Q + 0.1, 1e-6
    J = _chain.jacobian(_chain.link_frames(q))
    for joint in range(7):
        moved = kinematics.forward(q + step * np.eye(7)[joint])
        assert np.allclose(_chain.tip_error(kinematics.forward(q), moved) / step, J[:, joint], atol=1e-4)


def test_inverse_undoes_forward_on_reachable_poses(kinematics: ArmKinematics) -> None:
    rng = np.random.default_rng(1)
    span = JOINT_LIMITS[:, 1] - JOINT_LIMITS[:, 0]
    for _ in range(100):
        q_true = rng.uniform(JOINT_LIMITS[:, 0] + 0.1 * span, JOINT_LIMITS[:, 1] - 0.1 * span)
        target = kinematics.forward(q_true)
        q = kinematics.inverse(target, HOME_Q, restarts=100)
        assert (q >= JOINT_LIMITS[:, 0]).all()
        assert (q <= JOINT_LIMITS[:, 1]).all()
        reached = kinematics.forward(q)
        assert np.linalg.norm(reached[:3, 3] - target[:3, 3]) < 5e-4
        assert rotations.rotation_angle(reached[:3, :3], target[:3, :3]) < 5e-3


def test_inverse_stays_near_a_good_seed(kinematics: ArmKinematics) -> None:
    q_true = HOME_Q + 0.05
    assert np.abs(kinematics.inverse(kinematics.forward(q_true), HOME_Q) - q_true).max() < 0.15


def test_unreachable_pose_names_the_residual(kinematics: ArmKinematics) -> None:
    with pytest.raises(PlanningError, match=r"misses by \d+\.\d mm") as info:
        kinematics.inverse(se3.make(rotations.rotation_x(np.pi), np.array([2.0, 0.0, 0.5])), HOME_Q)
    assert info.value.cause == "ik"


@pytest.mark.parametrize("q", [np.full(7, np.nan), np.zeros(6)])
def test_malformed_joint_positions_are_refused(kinematics: ArmKinematics, q: np.ndarray) -> None:
    with pytest.raises(InvalidInputError, match="7 finite"):
        kinematics.forward(q)


def test_half_turn_is_measured_as_half_a_turn() -> None:
    for axis in np.eye(3):
        error = _chain.tip_error(np.eye(4), se3.make(rotations.matrix_from_rotation_vector(np.pi * axis)))
        assert np.isclose(np.linalg.norm(error[3:]), np.pi, atol=1e-6)
