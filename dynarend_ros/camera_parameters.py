"""Parameters of the camera node, and what they say about each camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dynarend_core.errors import ConfigurationError
from dynarend_core.perception.realsense_config import Profile, RealSenseConfig, parse_filters
from dynarend_ros.parameters import parameter

_EACH = "One for all cameras, or one each."


@dataclass(frozen=True)
class CameraParameters:
    """Parameters of the camera node."""

    source: str = parameter("realsense", "Where images come from.", choices=("realsense", "recording", "software"))
    cameras: tuple[str, ...] = parameter(
        ("front", "left_shoulder", "right_shoulder", "wrist"), "Camera names, the prefixes of their topics."
    )
    serials: tuple[str, ...] = parameter(("",), "Serial numbers, one each; empty: the only camera there is.")
    color_profiles: tuple[str, ...] = parameter(("640x480x30",), f"Colour size and rate. {_EACH}")
    depth_profiles: tuple[str, ...] = parameter(("640x480x30",), f"Depth size and rate. {_EACH}")
    filters: tuple[str, ...] = parameter(
        ("none",), f"Depth filters, such as decimation=2+spatial+temporal+hole_filling=1+threshold=3. {_EACH}"
    )
    sync_modes: tuple[str, ...] = parameter(
        ("none",), f"Hardware synchronisation: none, master, slave, full_slave. {_EACH}"
    )
    align: bool = parameter(True, "Resample depth into the colour image; fusion needs it.")
    global_time: bool = parameter(True, "Let the SDK map the cameras' clocks to this computer's.")
    start_stagger_s: float = parameter(1.0, "Pause between two camera starts [s].", low=0.0, high=30.0)
    silence_s: float = parameter(2.0, "Without a frame for so long a camera counts as lost [s].", low=0.1, high=60.0)
    reconnect_s: float = parameter(2.0, "Look for a lost camera this often [s].", low=0.1, high=60.0)
    reset_when_silent: bool = parameter(False, "Reset a camera that is connected but gives no frames.")
    recordings: tuple[str, ...] = parameter(("",), "Files of the SDK's recorder, one each (source recording).")
    record_folder: str = parameter("", "Record every camera with the SDK into this folder; empty: not.")
    image_reliability: str = parameter("reliable", "Of the images.", choices=("reliable", "best_effort"))
    base_frame: str = parameter("panda_link0", "Parent of the poses that source software knows.")
    scene: str = parameter(
        "mujoco",
        "What software cameras see: the simulator drawn once, at every frame, or a ray-cast scene; with depth noise.",
        choices=("mujoco", "mujoco_live", "raycast"),
    )
    scene_task: str = parameter("open_drawer", "Task of the simulated scene.")
    unplugged: tuple[str, ...] = parameter(("",), "Software cameras whose cable is pulled out.", dynamic=True)

    def __post_init__(self) -> None:
        if len(set(self.cameras)) != len(self.cameras):
            raise ConfigurationError(f"cameras must have distinct names, got {list(self.cameras)}")
        n, different = len(self.cameras), set(self.serials) - {""}
        if self.source == "realsense" and n > 1 and len(different) != n:
            raise ConfigurationError(
                f"{n} cameras need {n} different serials, got {list(self.serials)}; librealsense's "
                "`rs-enumerate-devices -s` lists the connected ones. A serial of digits only must be quoted in YAML"
            )
        if self.source == "recording" and len(self.recordings) != len(self.cameras):
            raise ConfigurationError(
                f"{len(self.cameras)} cameras need as many recordings, got {list(self.recordings)}"
            )
        self.configs()  # refuses profiles, filters and modes that do not exist

    def configs(self) -> tuple[RealSenseConfig, ...]:
        """One configuration a camera.

        Raises:
            ConfigurationError: a list has neither one entry nor one for each camera, or an entry is malformed.
        """
        return tuple(self._config(i, name) for i, name in enumerate(self.cameras))

    def _config(self, i: int, name: str) -> RealSenseConfig:
        recorded = self.source == "recording"
        return RealSenseConfig(
            name,
            serial=self._each("serials", i) if self.source == "realsense" else name,
            color_profile=None if recorded else Profile.parse(self._each("color_profiles", i)),
            depth_profile=None if recorded else Profile.parse(self._each("depth_profiles", i)),
            filters=parse_filters(self._each("filters", i)),
            align_to_color=self.align,
            sync_mode=self._each("sync_modes", i),
            global_time=self.global_time,
            silence_s=self.silence_s,
            reset_when_silent=self.reset_when_silent,
            record_to=str(Path(self.record_folder) / f"{name}.db3") if self.record_folder else "",
        )

    def _each(self, field: str, i: int) -> str:
        values: tuple[str, ...] = getattr(self, field)
        if len(values) not in (1, len(self.cameras)):
            raise ConfigurationError(
                f"{field} needs one entry, or {len(self.cameras)} as there are cameras; got {list(values)}"
            )
        return values[i if len(values) > 1 else 0]
