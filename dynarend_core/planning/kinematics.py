"""Forward and inverse kinematics of the Panda's tip frame; the FR3 has the same chain with other joint ranges."""

from __future__ import annotations

import numpy as np

from dynarend_core.errors import InvalidInputError, PlanningError
from dynarend_core.geometry import se3
from dynarend_core.planning import _chain
from dynarend_core.planning.panda import HOME_Q, JOINT_LIMITS
from dynarend_core.types import FailureReason

Array = np.ndarray

_AIM = 1e-6
"""The solver goes on to this error [m, rad], far below what is accepted: smooth paths need smooth solutions."""


class ArmKinematics:
    """Kinematics of the seven joints up to RLBench's tip frame. Holds no state; safe to share.

    Attributes:
        joint_limits: ``(7, 2)`` lower and upper joint positions [rad].
    """

    def __init__(self, joint_limits: Array = JOINT_LIMITS) -> None:
        self.joint_limits: Array = np.array(joint_limits, dtype=np.float64)

    def forward(self, q: Array) -> Array:
        """Tip frame in the base frame, ``(4, 4)``, at joint positions ``(7,)`` [rad]."""
        return _chain.link_frames(_check_q(q))[9]

    def inverse(
        self,
        T_base_tip: Array,
        q_seed: Array,
        position_tol: float = 5e-4,
        rotation_tol: float = 5e-3,
        restarts: int = 12,
        rng: np.random.Generator | None = None,
    ) -> Array:
        """Joint positions that reach ``T_base_tip``, as near to the seed as damped least squares finds them.

        Args:
            T_base_tip: ``(4, 4)`` wanted tip frame in the base frame.
            q_seed: ``(7,)`` start of the search [rad].
            position_tol: Accepted position error [m].
            rotation_tol: Accepted rotation error [rad].
            restarts: Further seeds tried when the first does not converge.
            rng: Source of further seeds; a fixed one by default, so equal inputs give equal answers.

        Returns:
            ``(7,)`` joint positions within their limits [rad].

        Raises:
            InvalidInputError: non-finite or malformed pose or seed.
            PlanningError: cause ``ik``; the message names the best residual.
        """
        target = np.array(se3.check(T_base_tip, "T_base_tip"))
        seed = _check_q(q_seed)
        rng = np.random.default_rng(0) if rng is None else rng
        best = (np.inf, np.inf)
        for attempt in range(restarts + 1):
            q, position, rotation = _chain.solve(target, self._seed(attempt, seed, rng), self.joint_limits, 60, _AIM)
            if position <= position_tol and rotation <= rotation_tol:
                return q
            best = min(best, (position, rotation), key=lambda e: e[0] / position_tol + e[1] / rotation_tol)
        raise PlanningError(
            f"no joint positions reach the pose at {np.round(target[:3, 3], 3).tolist()} m: nearest misses by "
            f"{best[0] * 1e3:.1f} mm and {np.degrees(best[1]):.1f} deg after {restarts + 1} seeds",
            FailureReason.IK.value,
        )

    def solutions(self, T_base_tip: Array, q_seed: Array, seeds: int, rng: np.random.Generator) -> list[Array]:
        """Distinct solutions from several seeds, nearest to ``q_seed`` first; empty if there is none."""
        found: list[Array] = []
        for attempt in range(seeds):
            q, position, rotation = _chain.solve(
                T_base_tip, self._seed(attempt, q_seed, rng), self.joint_limits, 60, _AIM
            )
            if position < 5e-4 and rotation < 5e-3 and all(np.abs(q - other).max() > 0.05 for other in found):
                found.append(q)
        return sorted(found, key=lambda q: float(np.abs(q - q_seed).max()))

    def follow(self, poses: Array, q_start: Array, max_joint_step: float) -> Array | None:
        """Joint path along tip poses that lie close together, drawn slightly to a relaxed elbow on the way.

        Args:
            poses: ``(n, 4, 4)`` tip frames in the base frame, the first next to the start.
            q_start: ``(7,)`` joint positions before the first pose [rad].
            max_joint_step: Largest change of one joint between two poses [rad].

        Returns:
            ``(n + 1, 7)`` joint positions including the start, or None where the arm cannot follow.
        """
        path, reached = _chain.follow(
            np.array(poses), _check_q(q_start), HOME_Q, self.joint_limits, max_joint_step, _AIM
        )
        return path if reached else None

    def _seed(self, attempt: int, q_seed: Array, rng: np.random.Generator) -> Array:
        """The caller's seed, then the start pose turned to the side, then random ones inside the limits."""
        if attempt == 0:
            return q_seed
        if attempt == 1:
            return np.concatenate([q_seed[:1], HOME_Q[1:]])
        if attempt < 5:
            return q_seed + rng.normal(scale=0.4, size=7)
        return rng.uniform(self.joint_limits[:, 0], self.joint_limits[:, 1])


def _check_q(q: Array) -> Array:
    q = np.array(q, dtype=np.float64)  # a copy: compiled code is typed for writable, contiguous arrays
    if q.shape != (7,) or not np.isfinite(q).all():
        raise InvalidInputError(f"joint positions must be 7 finite numbers [rad], got {q!r}")
    return q
