"""What is asked of one RealSense camera."""

from __future__ import annotations

from dataclasses import dataclass, field

from dynarend_core.errors import ConfigurationError

SYNC_MODES = {"none": 0, "master": 1, "slave": 2, "full_slave": 3}
"""``inter_cam_sync_mode`` of the D400 family, by name. A sync cable is needed; the D405 has none."""

FILTERS = ("decimation", "spatial", "temporal", "hole_filling", "threshold")


@dataclass(frozen=True)
class Profile:
    """Size and rate of a stream, written ``640x480x30`` as in realsense-ros."""

    width: int
    height: int
    fps: int

    @classmethod
    def parse(cls, text: str) -> Profile | None:
        """Profile of ``WIDTHxHEIGHTxFPS``; None for the empty string (whatever the camera offers first).

        Raises:
            ConfigurationError: another form.
        """
        if not text:
            return None
        try:
            width, height, fps = (int(part) for part in text.split("x"))
        except ValueError:
            raise ConfigurationError(f"a profile is WIDTHxHEIGHTxFPS, such as 640x480x30, got {text!r}") from None
        return cls(width, height, fps)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.fps}"


def parse_filters(text: str) -> dict[str, float]:
    """Filters of ``"decimation=2+spatial+temporal"``: name to its main setting (NaN: the SDK's default).

    Raises:
        ConfigurationError: an unknown filter, or a setting that is not a number.
    """
    filters: dict[str, float] = {}
    for part in [p for p in text.split("+") if p and p != "none"]:
        name, equals, value = part.partition("=")
        if name not in FILTERS:
            raise ConfigurationError(f"depth filter {name!r} is not one of {', '.join(FILTERS)} (joined by +), or none")
        try:
            filters[name] = float(value) if equals else float("nan")
        except ValueError:
            raise ConfigurationError(f"depth filter {part!r}: {value!r} is not a number") from None
    return filters


@dataclass(frozen=True)
class RealSenseConfig:
    """One camera.

    Attributes:
        name: Name, prefix of its topics.
        serial: Serial number; empty: the only camera there is.
        color_profile: Size and rate of the colour images; None: the first offered.
        depth_profile: The same of the depth images.
        filters: Depth filters by name, with their main setting; applied in the SDK's recommended order.
        align_to_color: Resample depth into the colour image. Without, depth keeps its own size, place and intrinsics.
        sync_mode: One of :data:`SYNC_MODES`.
        global_time: Let the SDK map the camera's clock to the host's.
        silence_s: Without a frame for so long the camera counts as lost [s].
        reset_when_silent: Reset a camera that is still connected but gives no frames.
        record_to: ``.db3`` file of the SDK's recorder; empty: none.
    """

    name: str
    serial: str = ""
    color_profile: Profile | None = field(default_factory=lambda: Profile(640, 480, 30))
    depth_profile: Profile | None = field(default_factory=lambda: Profile(640, 480, 30))
    filters: dict[str, float] = field(default_factory=dict)
    align_to_color: bool = True
    sync_mode: str = "none"
    global_time: bool = True
    silence_s: float = 2.0
    reset_when_silent: bool = False
    record_to: str = ""

    def __post_init__(self) -> None:
        if self.sync_mode not in SYNC_MODES:
            raise ConfigurationError(f"sync_mode {self.sync_mode!r} is not one of {', '.join(SYNC_MODES)}")
        if unknown := sorted(set(self.filters) - set(FILTERS)):
            raise ConfigurationError(f"depth filters {unknown} are not among {', '.join(FILTERS)}")
        if self.record_to and not self.record_to.endswith(".db3"):
            raise ConfigurationError(f"the SDK records into .db3 files, got {self.record_to!r}")
        if not self.silence_s > 0:
            raise ConfigurationError(f"silence_s must be positive, got {self.silence_s}")
