"""One exposure of an RGB-D camera, as a driver gives it."""

from __future__ import annotations

from dataclasses import dataclass

from dynarend_core.types import Array


@dataclass(frozen=True)
class RgbdFrame:
    """Colour and depth of one moment.

    Attributes:
        camera: Name of the camera.
        stamp_ns: Time of the colour exposure on the host's clock [ns since 1970].
        rgb: ``(h, w, 3)`` uint8.
        depth_mm: uint16 [mm], 0 where invalid; ``(h, w)`` of the colour image if aligned, else the depth sensor's own.
        K: ``(3, 3)`` pinhole matrix of the colour image [px], pixel centres at integer coordinates + 0.5.
        K_depth: The same of the depth image (equal to ``K`` if aligned).
        T_color_depth: ``(4, 4)`` frame of the depth sensor in that of the colour sensor, both optical, as the factory
            calibrated them.
        aligned: Depth was resampled into the colour image.
        number: The camera's own count of colour frames; gaps are frames lost on the way from the camera.
        skew_ms: Depth exposure after (+) the colour exposure [ms].
        clock: Where the stamp comes from: ``global_time``, ``system_time``, ``hardware_clock``.
    """

    camera: str
    stamp_ns: int
    rgb: Array
    depth_mm: Array
    K: Array
    K_depth: Array
    T_color_depth: Array
    aligned: bool
    number: int
    skew_ms: float
    clock: str
