"""Calibration boards: ChArUco and AprilTag grids, drawn for the printer and found in images by OpenCV."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import cv2
import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.types import Array

_APRILTAG = "APRILTAG_36H11"


class BoardKind(str, enum.Enum):
    """Pattern of a board."""

    CHARUCO = "charuco"
    APRILTAG = "apriltag"


@dataclass(frozen=True)
class BoardConfig:
    """What is printed. The default fits A4.

    Attributes:
        kind: ChArUco (chessboard with markers) or a grid of AprilTags 36h11.
        columns: Squares (ChArUco) or tags (AprilTag) in a row.
        rows: Rows of them.
        square_m: Edge of a square, or distance from tag to tag [m]. Measure it on the print.
        marker_m: Edge of a marker's black border [m].
        dictionary: ArUco dictionary of a ChArUco board, as in ``cv2.aruco.DICT_<dictionary>``.
    """

    kind: BoardKind = BoardKind.CHARUCO
    columns: int = 7
    rows: int = 5
    square_m: float = 0.04
    marker_m: float = 0.03
    dictionary: str = "4X4_50"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", BoardKind(self.kind))
        if self.columns < 3 or self.rows < 3:
            raise ConfigurationError(f"a board needs at least 3 columns and 3 rows, got {self.columns} x {self.rows}")
        if not 0.0 < self.marker_m < self.square_m < 2.0:
            raise ConfigurationError(
                f"a board needs 0 < marker_m < square_m < 2 m, got {self.marker_m} and {self.square_m}; "
                "sizes are in metres"
            )
        if self.kind is BoardKind.CHARUCO and not hasattr(cv2.aruco, f"DICT_{self.dictionary}"):
            known = sorted(name[5:] for name in dir(cv2.aruco) if name.startswith("DICT_"))
            raise ConfigurationError(f"unknown dictionary {self.dictionary!r}; choose from {', '.join(known)}")

    def __str__(self) -> str:
        return (
            f"{self.kind.value} {self.columns}x{self.rows}, "
            f"square {1e3 * self.square_m:g} mm, marker {1e3 * self.marker_m:g} mm"
        )


@dataclass(frozen=True)
class Detection:
    """Corners of a board found in an image.

    Attributes:
        ids: ``(n,)`` which corners.
        points_board: ``(n, 3)`` where they are on the board, origin at its middle, x right, y down, z into it [m].
        pixels: ``(n, 2)`` where they are in the image [px], pixel centres at integer + 0.5.
    """

    ids: Array
    points_board: Array
    pixels: Array


class Board:
    """A board that can be drawn and found."""

    def __init__(self, config: BoardConfig | None = None) -> None:
        self.config = c = config or BoardConfig()
        if c.kind is BoardKind.CHARUCO:
            dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{c.dictionary}"))
            self._board = cv2.aruco.CharucoBoard((c.columns, c.rows), c.square_m, c.marker_m, dictionary)
            self._charuco = cv2.aruco.CharucoDetector(self._board)
            corners = np.asarray(self._board.getChessboardCorners(), dtype=np.float64)
            self.size_m = np.array([c.columns * c.square_m, c.rows * c.square_m])
        else:
            dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{_APRILTAG}"))
            gap = c.square_m - c.marker_m
            self._board = cv2.aruco.GridBoard((c.columns, c.rows), c.marker_m, gap, dictionary)
            parameters = cv2.aruco.DetectorParameters()
            parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_APRILTAG
            self._tags = cv2.aruco.ArucoDetector(dictionary, parameters)
            corners = np.asarray(self._board.getObjPoints(), dtype=np.float64).reshape(-1, 3)
            self.size_m = np.array([c.columns * c.square_m - gap, c.rows * c.square_m - gap])
        self.points = corners - [*(self.size_m / 2), 0.0]
        """``(n, 3)`` all corners on the board, origin at its middle [m]."""

    def find(self, gray: Array) -> Detection:
        """Corners in a ``(h, w)`` uint8 image; none if the board is not seen."""
        if self.config.kind is BoardKind.CHARUCO:
            found, ids, _, _ = self._charuco.detectBoard(gray)
            if ids is None:
                return self._detection(np.empty(0, int), np.empty((0, 2)))
            return self._detection(np.ravel(ids), np.reshape(found, (-1, 2)))
        found, tags, _ = self._tags.detectMarkers(gray)
        if tags is None:
            return self._detection(np.empty(0, int), np.empty((0, 2)))
        known = np.ravel(tags) < self.config.columns * self.config.rows
        ids = (4 * np.ravel(tags)[known, None] + np.arange(4)).ravel()
        pixels = np.reshape(found, (-1, 4, 2))[known].reshape(-1, 2)
        return self._detection(ids, pixels - 0.5)  # this refinement already counts pixel centres at integer + 0.5

    def _detection(self, ids: Array, pixels: Array) -> Detection:
        # OpenCV puts the first pixel's centre at (0, 0), this project at (0.5, 0.5).
        return Detection(ids, self.points[ids], np.asarray(pixels, dtype=np.float64) + 0.5)

    def draw(self, pixels_per_m: float, margin_m: float = 0.0) -> Array:
        """The board as ``(h, w)`` uint8 image, to print at exactly this scale or to render."""
        width, height = (round(float(v + 2 * margin_m) * pixels_per_m) for v in self.size_m)
        return self._board.generateImage((width, height), None, round(margin_m * pixels_per_m), 1)
