"""What a calibration says about itself, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.perception.calibration.depth_check import DepthCheck
from dynarend_core.perception.calibration.hypotheses import ScaleTest, SlipTest
from dynarend_core.perception.calibration.session import SessionInfo
from dynarend_core.perception.calibration.sighting import CalibrationView, Rejection
from dynarend_core.perception.camera_file import CalibrationQuality, CameraFile, SetUp, utc_now
from dynarend_core.types import Array

MAX_RESIDUAL_PX = 1.0
MAX_LEFT_OUT_MM = 8.0
MAX_UNCERTAINTY_MM, MAX_UNCERTAINTY_DEG = 2.0, 0.2
MAX_DEPTH_RATIO_ERROR, MAX_DEPTH_TILT_DEG = 0.02, 2.0
OUTLIER_FACTOR = 4.0


@dataclass(frozen=True)
class ViewResult:
    """One view's part.

    Attributes:
        index: Number of the view.
        residual_px: Root mean square reprojection error [px].
        left_out_mm: The board from where the other views expect it [mm].
        left_out_deg: The same as an angle [deg].
        arm_mm: Correction of the reported hand pose that fits best [mm].
        arm_deg: Its rotation [deg].
        depth: Depth against PnP; None without depth.
    """

    index: int
    residual_px: float
    left_out_mm: float
    left_out_deg: float
    arm_mm: float
    arm_deg: float
    depth: DepthCheck | None


@dataclass(frozen=True)
class MethodResult:
    """How far one closed form is from the refined pose: ``mm``, ``deg``."""

    name: str
    mm: float
    deg: float


@dataclass(frozen=True)
class CalibrationReport:
    """A camera's pose and what speaks for and against it.

    Attributes:
        set_up: Who carries the camera.
        T_parent_camera: ``(4, 4)`` optical frame in the gripper frame (eye-in-hand) or base frame (eye-to-hand).
        T_carrier_board: ``(4, 4)`` board in the base frame (eye-in-hand) or gripper frame (eye-to-hand).
        residual_px: Root mean square reprojection error [px].
        uncertainty_mm: Standard error of the position, by jackknife [mm].
        uncertainty_deg: Standard error of the rotation [deg].
        views: Used views, in order.
        rejected: Refused views with reasons.
        methods: The closed forms against the refined pose.
        scale: Test for a wrong board size.
        slip: Test for a slipped camera or board.
    """

    set_up: SetUp
    T_parent_camera: Array
    T_carrier_board: Array
    residual_px: float
    uncertainty_mm: float
    uncertainty_deg: float
    views: tuple[ViewResult, ...]
    rejected: tuple[Rejection, ...]
    methods: tuple[MethodResult, ...]
    scale: ScaleTest
    slip: SlipTest

    @property
    def left_out_mm(self) -> float:
        """Root mean square leave-one-out error [mm]."""
        return float(np.sqrt(np.mean([v.left_out_mm**2 for v in self.views])))

    @property
    def depth_ratio(self) -> float | None:
        """Median ratio of distance by depth to distance by PnP; None without depth."""
        ratios = [v.depth.ratio for v in self.views if v.depth is not None]
        return float(np.median(ratios)) if ratios else None

    @property
    def depth_tilt_deg(self) -> float:
        """Median angle between the board by depth and by PnP [deg]."""
        return float(np.median([v.depth.tilt_deg for v in self.views if v.depth is not None] or [0.0]))

    @property
    def method_spread(self) -> tuple[float, float]:
        """Largest distance of a closed form from the refined pose [mm], [deg]."""
        return max(m.mm for m in self.methods), max(m.deg for m in self.methods)

    @property
    def outliers(self) -> tuple[int, ...]:
        """Views whose leave-one-out error stands far out from the others'."""
        errors = np.array([v.left_out_mm for v in self.views])
        limit = OUTLIER_FACTOR * max(float(np.median(errors)), 0.3)
        return tuple(v.index for v in self.views if v.left_out_mm > limit)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why this calibration must not be used; empty if it may."""
        return tuple(p for p in (self._slip(), self._scale(), self._fit(), self._uncertainty()) if p)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to look at although the calibration may be used."""
        return tuple(w for w in (self._depth(), self._outliers()) if w)

    @property
    def ok(self) -> bool:
        """Whether the calibration may be used."""
        return not self.problems

    def quality(self) -> CalibrationQuality:
        """The numbers that go into the camera file."""
        return CalibrationQuality(
            len(self.views), self.residual_px, self.left_out_mm, self.uncertainty_mm, self.uncertainty_deg
        )

    def _slip(self) -> str:
        s = self.slip
        if not s.slipped:
            return ""
        return (
            f"the {s.what} slipped before view {s.before_view}, by about {s.moved_mm:.1f} mm and {s.moved_deg:.2f} "
            f"deg: fasten it and record again, or use only the views from {s.before_view} on (--from-view)"
        )

    def _scale(self) -> str:
        if not self.scale.wrong or self.slip.slipped:
            return ""
        percent = 100.0 * (self.scale.scale - 1.0)
        size = "larger" if percent > 0 else "smaller"
        words = f"the board is {abs(percent):.1f} % {size} than stated, by the arm's motion"
        if self.depth_ratio is not None:
            agrees = abs(self.depth_ratio - self.scale.scale) < abs(self.depth_ratio - 1.0)
            words += f"; depth {'says so too' if agrees else 'does not, so suspect the focal length or the arm'} "
            words += f"({self.depth_ratio:.3f})"
        return words + ": measure the printed squares and state their size"

    def _fit(self) -> str:
        if self.residual_px > MAX_RESIDUAL_PX:
            return (
                f"residual {self.residual_px:.2f} px is above {MAX_RESIDUAL_PX} px: wrong intrinsics, or a bent board"
            )
        if self.left_out_mm > MAX_LEFT_OUT_MM and not self.slip.slipped and not self.scale.wrong:
            return (
                f"a view that was left out is missed by {self.left_out_mm:.1f} mm ({MAX_LEFT_OUT_MM} allowed): "
                "hand poses and images do not belong together (wrong frame, late joint states, loose board)"
            )
        return ""

    def _uncertainty(self) -> str:
        if self.uncertainty_mm <= MAX_UNCERTAINTY_MM and self.uncertainty_deg <= MAX_UNCERTAINTY_DEG:
            return ""
        return (
            f"known to {self.uncertainty_mm:.1f} mm and {self.uncertainty_deg:.2f} deg only "
            f"({MAX_UNCERTAINTY_MM} and {MAX_UNCERTAINTY_DEG} allowed): record more views that turn the hand further"
        )

    def _depth(self) -> str:
        ratio = self.depth_ratio
        if ratio is None:
            return "no depth on the board: not checked against PnP"
        if abs(ratio - 1.0) > MAX_DEPTH_RATIO_ERROR or self.depth_tilt_deg > MAX_DEPTH_TILT_DEG:
            return (
                f"depth sees the board at {ratio:.3f} of its distance by PnP, tilted {self.depth_tilt_deg:.1f} deg: "
                "board size, depth scale, or depth not aligned to colour"
            )
        return ""

    def _outliers(self) -> str:
        if not self.outliers:
            return ""
        return f"views {', '.join(map(str, self.outliers))} disagree with the others: did the arm still move?"


def camera_file(report: CalibrationReport, info: SessionInfo, view: CalibrationView) -> CameraFile:
    """The camera file that goes with a report."""
    return CameraFile(
        camera=info.camera,
        set_up=info.set_up,
        parent_frame=info.parent_frame,
        optical_frame=info.optical_frame,
        T_parent_optical=report.T_parent_camera,
        link_frame=info.link_frame,
        T_link_optical=info.T_link_optical,
        K=view.K,
        image_size=(view.rgb.shape[1], view.rgb.shape[0]),
        board=str(info.board),
        calibrated_at=utc_now(),
        quality=report.quality(),
    )
