"""The one list of nodes. ``launch/*.launch.py`` and ``dynarend up`` both start exactly what stands here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dynarend_core.errors import ConfigurationError

PACKAGE = "dynarend_ros"

_DISCOVERY = "ROS_AUTOMATIC_DISCOVERY_RANGE"

WITHOUT_SHARED_MEMORY = ("executor_node", "safety_node")
"""Executables that stay out of DDS's shared memory: a process killed while it holds a lock there blocks all others that
use it for one to three seconds (seen in 1 of 20 kills), and these two must stop the arm just then."""


@dataclass(frozen=True)
class NodeSpec:
    """One process of the graph.

    Attributes:
        executable: Console script, and module ``dynarend_ros.<executable>``.
        name: Node name.
        config: Parameter file in ``config/``, or an absolute path; empty: none.
        adjustments: Parameters on top of that file.
        params_files: Parameter files of the user's, on top of those.
        parameters: Parameters on top of all files.
        remappings: Topic and service names, from to.
        required: The graph ends when this process ends.
        use_sim_time: Take time from ``/clock``; None: as the parameter files say, else not.
        module: Module to run instead of ``dynarend_ros.<executable>``.
        namespace: Namespace, without slashes at its ends; empty: none.
    """

    executable: str
    name: str
    config: str
    adjustments: Mapping[str, Any] = field(default_factory=dict)
    params_files: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)
    required: bool = True
    use_sim_time: bool | None = None
    module: str = ""
    namespace: str = ""

    def __post_init__(self) -> None:
        if not self.module:
            object.__setattr__(self, "module", f"{PACKAGE}.{self.executable}")

    @property
    def enclave(self) -> str:
        """SROS2 enclave, as in ``config/sros2``; without effect unless security is switched on."""
        return f"/{PACKAGE}/{self.executable}"

    def parameter_layers(self) -> list[Path | Mapping[str, Any]]:
        """Parameter files and single parameters; what comes later wins.

        Raises:
            ConfigurationError: there is no folder ``config``.
        """
        layers: list[Path | Mapping[str, Any]] = []
        if self.config:
            layers.append(share_folder("config") / self.config)
        time = {} if self.use_sim_time is None else {"use_sim_time": self.use_sim_time}
        layers += [self.adjustments, *map(Path, self.params_files), {**self.parameters, **time}]
        return [layer for layer in layers if layer]


def _road(config: str, use_sim_time: bool | None = None) -> tuple[NodeSpec, ...]:
    """Camera to arm: what is the same on a robot and in simulation."""
    return tuple(
        NodeSpec(executable=name, name=name, config=config, use_sim_time=use_sim_time)
        for name in ("fusion_node", "policy_node", "executor_node")
    )


_POLICY = (
    *_road("policy.yaml"),
    NodeSpec(executable="safety_node", name="safety_node", config="policy.yaml"),
)

GRAPHS: dict[str, tuple[NodeSpec, ...]] = {
    # The simulator is the source of /clock, so it must not wait for it.
    "sim": (
        NodeSpec(executable="sim_node", name="sim_node", config="sim.yaml", use_sim_time=False),
        *_road("sim.yaml", True),
    ),
    "policy": _POLICY,
    "record": (NodeSpec(executable="record_node", name="record_node", config="record.yaml"),),
    "evaluate": (
        *_POLICY,
        NodeSpec(executable="evaluation_node", name="evaluation_node", config="policy.yaml"),
    ),
    "calibrate": (NodeSpec(executable="calibration_node", name="calibration_node", config="calibrate.yaml"),),
    "cameras": tuple(NodeSpec(executable=n, name=n, config="cameras.yaml") for n in ("camera_node", "fusion_node")),
}
"""Graph name to its processes. ``sim``: everything against MuJoCo. ``policy``: against your cameras and arm.
``record``: demonstrations to bags, beside your drivers. ``evaluate``: ``policy``, and an operator's verdicts counted.
``calibrate``: records views of a board, beside your camera and arm drivers.
``cameras``: from RealSense cameras, their recordings or software stand-ins to the cloud, and no further."""


def graph(name: str, parameters: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[NodeSpec, ...]:
    """Nodes of graph ``name``, with ``parameters[node][parameter]`` on top of their parameter files.

    Raises:
        ConfigurationError: unknown graph or node.
    """
    if name not in GRAPHS:
        raise ConfigurationError(f"graph {name!r} is not one of {', '.join(GRAPHS)}")
    extra = dict(parameters or {})
    nodes = {spec.name: spec for spec in GRAPHS[name]}
    unknown = sorted(set(extra) - set(nodes))
    if unknown:
        raise ConfigurationError(f"graph {name!r} has no node {unknown}; it has {', '.join(nodes)}")
    return tuple(replace(s, parameters={**s.parameters, **extra.get(s.name, {})}) for s in nodes.values())


def share_folder(kind: str) -> Path:
    """Folder ``config``, ``launch`` or ``models``: beside the package in a checkout, else in the ROS share folder.

    Raises:
        ConfigurationError: the folder is in neither place.
    """
    here = Path(__file__).resolve().parents[1] / kind
    if here.is_dir():
        return here
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    for prefix in [p for p in prefixes if p]:
        folder = Path(prefix) / "share" / PACKAGE / kind
        if folder.is_dir():
            return folder
    raise ConfigurationError(f"folder {kind!r} was found neither in {here.parent} nor under AMENT_PREFIX_PATH")


def environment(domain_id: int | None = None) -> dict[str, str]:
    """Environment variables every process of a graph needs; what the user has already set wins.

    A Fast DDS profile with 64 MB of shared memory, because the default (0.5 MB) and the built-in ``LARGE_DATA`` mode
    drop VGA images (measured: ``docs/ros.md``). Discovery on this machine only. One thread a process, because two
    OpenMP threads on a shared core cost ten times more than they bring. glibc keeps freed memory, which saves page
    faults of large activations.
    """
    wanted = {
        _profile_variable(): str(share_folder("config") / "fastdds_large_images.xml"),
        _DISCOVERY: "LOCALHOST",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": "268435456",
        "MALLOC_TOP_PAD_": "67108864",
        "MUJOCO_GL": "egl",
        "PYTHONUNBUFFERED": "1",
        "RCUTILS_COLORIZED_OUTPUT": "0",
        "RCUTILS_CONSOLE_OUTPUT_FORMAT": "{severity}: {message}",
    }
    wanted = {key: os.environ.get(key, value) for key, value in wanted.items()}
    if domain_id is not None:
        wanted["ROS_DOMAIN_ID"] = str(domain_id)
    return wanted


def process_environment(spec: NodeSpec) -> dict[str, str]:
    """Variables of this process on top of :func:`environment`; the user's own DDS profile wins here, too."""
    ours = str(share_folder("config") / "fastdds_large_images.xml")
    if spec.executable not in WITHOUT_SHARED_MEMORY or os.environ.get(_profile_variable(), ours) != ours:
        return {}
    local = environment()[_DISCOVERY] == "LOCALHOST" and os.environ.get("ROS_DISTRO") != "humble"
    if not local:  # Humble knows no such limit
        return {_profile_variable(): str(share_folder("config") / "fastdds_network_only.xml")}
    file = share_folder("config") / "fastdds_this_machine_only.xml"
    return {_profile_variable(): str(file), _DISCOVERY: "SYSTEM_DEFAULT"}


def _profile_variable() -> str:
    fast_dds_2 = os.environ.get("ROS_DISTRO") in ("humble", "jazzy")
    return "FASTRTPS_DEFAULT_PROFILES_FILE" if fast_dds_2 else "FASTDDS_DEFAULT_PROFILES_FILE"
