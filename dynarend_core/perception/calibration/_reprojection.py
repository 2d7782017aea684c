"""Residuals and Jacobian of the whole problem: where every corner of every view should fall.

``p_camera = A @ M_i(xi_i) @ B @ (s p_board)``. Unknown: A (parent to camera), B (board in its carrier), the logarithm
of the board's scale s, and xi_i, the small error of the arm's reported pose i, which has a prior.
Rotations are updated from the left or right by a rotation vector, translations added, so that the Jacobian is exact
away from zero too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from dynarend_core.geometry import se3
from dynarend_core.perception.calibration.sighting import Sighting
from dynarend_core.perception.camera_file import SetUp
from dynarend_core.types import Array

A_COLUMNS, B_COLUMNS, SCALE_COLUMN, POSES_COLUMN = slice(0, 6), slice(6, 12), 12, 13


@dataclass(frozen=True)
class NoiseModel:
    """What is expected of a good session; residuals are divided by it.

    Attributes:
        pixel: Error of a corner [px].
        turn_rad: Error of a reported hand pose, rotation [rad].
        move_m: Error of a reported hand pose, position [m].
    """

    pixel: float = 0.3
    turn_rad: float = 0.0015
    move_m: float = 0.0008


@dataclass(frozen=True)
class State:
    """Estimates: ``A`` and ``B`` ``(4, 4)``, log scale of the board, corrections ``xi`` ``(n, 6)``."""

    A: Array
    B: Array
    log_scale: float
    xi: Array


class Reprojection:
    """Residuals of a set of views about a start; ``x`` is the change from it."""

    def __init__(self, sightings: Sequence[Sighting], set_up: SetUp, noise: NoiseModel) -> None:
        self.noise, self.n = noise, len(sightings)
        self.in_hand = set_up is SetUp.EYE_IN_HAND
        self.view = np.concatenate([np.full(len(s.detection.ids), i) for i, s in enumerate(sightings)])
        self.points = np.concatenate([s.detection.points_board for s in sightings])
        self.pixels = np.concatenate([s.detection.pixels for s in sightings])
        self.K = np.stack([s.K for s in sightings])[self.view]
        self.M = known_transforms(sightings, set_up)
        self.columns = POSES_COLUMN + 6 * self.n

    def moved(self, start: State, x: Array) -> State:
        """The state ``x`` away from ``start``."""
        A, B = start.A.copy(), start.B.copy()
        A[:3, :3] = Rotation.from_rotvec(x[0:3]).as_matrix() @ A[:3, :3]
        A[:3, 3] += x[3:6]
        B[:3, 3] += B[:3, :3] @ x[9:12]
        B[:3, :3] = B[:3, :3] @ Rotation.from_rotvec(x[6:9]).as_matrix()
        return State(A, B, start.log_scale + x[SCALE_COLUMN], start.xi + x[POSES_COLUMN:].reshape(-1, 6))

    def corrected(self, xi: Array) -> Array:
        """``(n, 4, 4)`` known transforms with the arm's errors taken out."""
        E = np.tile(np.eye(4), (self.n, 1, 1))
        E[:, :3, :3] = Rotation.from_rotvec(xi[:, :3]).as_matrix()
        E[:, :3, 3] = xi[:, 3:]
        return E @ self.M if self.in_hand else self.M @ E

    def residuals(self, state: State) -> Array:
        """Whitened: pixel errors ``(2 m,)``, then the corrections ``(6 n,)``."""
        uv = self._project(self._camera_points(state)[0])
        pixels = (uv - self.pixels).ravel() / self.noise.pixel
        return np.concatenate([pixels, (state.xi / self._xi_scale()).ravel()])

    def pixel_errors(self, state: State) -> Array:
        """``(m, 2)`` [px]."""
        return self._project(self._camera_points(state)[0]) - self.pixels

    def jacobian(self, start: State, x: Array) -> Array:
        """Derivative of :meth:`residuals` after :meth:`moved` by ``x``."""
        state = self.moved(start, x)
        camera, scaled, carrier = self._camera_points(state)
        m, view = len(camera), self.view
        z = camera[:, 2]
        d_pixel = np.zeros((m, 2, 3))
        d_pixel[:, 0, 0], d_pixel[:, 1, 1] = self.K[:, 0, 0] / z, self.K[:, 1, 1] / z
        d_pixel[:, 0, 2] = -self.K[:, 0, 0] * camera[:, 0] / z**2
        d_pixel[:, 1, 2] = -self.K[:, 1, 1] * camera[:, 1] / z**2
        d_pixel /= self.noise.pixel
        R_view = self.corrected(state.xi)[:, :3, :3]
        R_board = (state.A[:3, :3] @ R_view @ state.B[:3, :3])[view]
        J = np.zeros((2 * m + 6 * self.n, self.columns))
        top = J[: 2 * m].reshape(m, 2, -1)
        top[:, :, 0:3] = -d_pixel @ _skew(camera - state.A[:3, 3]) @ _left_jacobian(x[None, 0:3])
        top[:, :, 3:6] = d_pixel
        top[:, :, 6:9] = -d_pixel @ R_board @ _skew(scaled) @ _right_jacobian(x[None, 6:9])
        top[:, :, 9:12] = d_pixel @ (state.A[:3, :3] @ R_view @ start.B[:3, :3])[view]
        top[:, :, SCALE_COLUMN] = (d_pixel @ (R_board @ scaled[:, :, None]))[:, :, 0]
        R_out = np.tile(state.A[:3, :3], (self.n, 1, 1)) if self.in_hand else state.A[:3, :3] @ self.M[:, :3, :3]
        inner = se3_apply_each(self.M[view], carrier) if self.in_hand else carrier
        E_R = Rotation.from_rotvec(state.xi[:, :3]).as_matrix()
        d_hand = d_pixel @ R_out[view]
        turned = (E_R[view] @ inner[:, :, None])[:, :, 0]
        d_turn = -d_hand @ _skew(turned) @ _left_jacobian(state.xi[:, :3])[view]
        for i in range(self.n):
            rows, first = view == i, POSES_COLUMN + 6 * i
            top[rows, :, first : first + 3] = d_turn[rows]
            top[rows, :, first + 3 : first + 6] = d_hand[rows]
        prior = np.arange(6 * self.n)
        J[2 * m + prior, POSES_COLUMN + prior] = 1.0 / np.tile(self._xi_scale(), self.n)
        return J

    def _camera_points(self, state: State) -> tuple[Array, Array, Array]:
        """Corners in the camera, in the board (scaled) and in the board's carrier frame, ``(m, 3)`` each."""
        scaled = np.exp(state.log_scale) * self.points
        carrier = se3.apply(state.B, scaled)
        parent = se3_apply_each(self.corrected(state.xi)[self.view], carrier)
        return se3.apply(state.A, parent), scaled, carrier

    def _project(self, camera: Array) -> Array:
        uvw = (self.K @ camera[:, :, None])[:, :, 0]
        return uvw[:, :2] / np.maximum(uvw[:, 2:], 1e-3)

    def _xi_scale(self) -> Array:
        return np.repeat([self.noise.turn_rad, self.noise.move_m], 3)


def known_transforms(sightings: Sequence[Sighting], set_up: SetUp) -> Array:
    """``(n, 4, 4)``: ``inv(T_base_gripper)`` for eye-in-hand, ``T_base_gripper`` for eye-to-hand."""
    T = np.stack([s.T_base_gripper for s in sightings])
    return se3.inverse(T) if set_up is SetUp.EYE_IN_HAND else T


def se3_apply_each(T: Array, points: Array) -> Array:
    """Map ``(m, 3)`` points, each by its own ``(m, 4, 4)`` transform."""
    return (T[:, :3, :3] @ points[:, :, None])[:, :, 0] + T[:, :3, 3]


def _skew(v: Array) -> Array:
    out = np.zeros((len(v), 3, 3))
    out[:, 0, 1], out[:, 0, 2], out[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    return out - out.transpose(0, 2, 1)


def _left_jacobian(v: Array) -> Array:
    """``(n, 3, 3)`` with exp(v + d) = exp(J d) exp(v) to first order."""
    angle = np.linalg.norm(v, axis=1)[:, None, None]
    S = _skew(v)
    small = angle < 1e-4
    safe = np.where(small, 1.0, angle)
    first = np.where(small, 0.5, (1 - np.cos(safe)) / safe**2)
    second = np.where(small, 1 / 6, (safe - np.sin(safe)) / safe**3)
    return np.eye(3) + first * S + second * (S @ S)


def _right_jacobian(v: Array) -> Array:
    """``(n, 3, 3)`` with exp(v + d) = exp(v) exp(J d) to first order."""
    return _left_jacobian(-v)
