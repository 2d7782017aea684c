"""What ``dynarend doctor`` looks at where ROS is: packages, middleware, shared memory, and a graph that runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib import util

from dynarend_core.commands.finding import DoctorOptions, Finding, Level
from dynarend_ros.commands.doctor_libraries import check_libraries
from dynarend_ros.shared_memory import shortage

NEEDED = (
    "rclpy",
    "action_msgs",
    "diagnostic_msgs",
    "geometry_msgs",
    "lifecycle_msgs",
    "sensor_msgs",
    "std_msgs",
    "std_srvs",
    "trajectory_msgs",
    "visualization_msgs",
)
PROCESSES = 5
"""Of the largest graph, policy with a camera driver; what shared memory must have room for."""

MAX_IMAGE_AGE_S, MAX_FUTURE_S = 1.0, 0.1


def checks() -> dict[str, Callable[[DoctorOptions], Iterator[Finding]]]:
    """The checks by name, in the order in which they are shown."""
    return {"ros": check_packages, "libraries": check_libraries, "middleware": check_middleware, "graph": check_graph}


def check_packages(options: DoctorOptions) -> Iterator[Finding]:
    """Are ROS and its message packages importable?"""
    missing = [name for name in NEEDED if util.find_spec(name) is None]
    if missing:
        yield Finding(f"missing: {', '.join(missing)}", Level.FAIL, "make setup, or source your ROS installation")
        return
    distribution = os.environ.get("ROS_DISTRO")
    yield Finding(f"rclpy and messages are there ({distribution or 'wheels from PyPI'})")
    if util.find_spec("tf2_msgs") is None:
        yield Finding(
            "no tf2_msgs: /tf can be neither read nor written",
            Level.WARN,
            "apt-get install cmake g++ python3-dev, then scripts/generate_tf2_msgs.sh; or extrinsics: topic",
        )
    elif util.find_spec("tf2_ros") is None:
        yield Finding("/tf through our own listener (no tf2_ros)")
    else:
        yield Finding("/tf through tf2_ros")


def check_middleware(options: DoctorOptions) -> Iterator[Finding]:
    """Which middleware, with what settings, and is there shared memory for images?"""
    from rclpy.utilities import get_rmw_implementation_identifier

    from dynarend_ros.graph import environment

    name = get_rmw_implementation_identifier()
    words = f"{name}, domain {os.environ.get('ROS_DOMAIN_ID', '0')}"
    if name == "rmw_fastrtps_cpp":
        variable = next(key for key in environment() if key.endswith("_DEFAULT_PROFILES_FILE"))
        ours = environment()[variable]
        if os.environ.get(variable, ours) != ours:
            yield Finding(
                f"{words}; {variable} is {os.environ[variable]}",
                Level.WARN,
                f"give it shared memory for images as in {ours}, or unset it",
            )
        else:
            yield Finding(f"{words}; dynarend up sets {variable}, a camera driver started elsewhere needs it too")
    else:
        yield Finding(
            words,
            Level.WARN,
            "tried with rmw_fastrtps_cpp only; others need large buffers for images (sysctl net.core.rmem_max)",
        )
    lack = shortage(PROCESSES)
    if lack:
        yield Finding(lack, Level.WARN, "enlarge /dev/shm, or remove left-over files")
    else:
        yield Finding(f"shared memory has room for {PROCESSES} processes with images")


def check_graph(options: DoctorOptions) -> Iterator[Finding]:
    """Listen to the graph of this domain, if one runs."""
    if options.listen_s == 0:
        return
    from dynarend_ros.graph import environment
    from dynarend_ros.graph_probe import listen

    os.environ.update(environment())  # hear what `dynarend up` says
    heard = listen(options.listen_s, options.base_frame)
    if not heard.nodes:
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        yield Finding(f"none runs in ROS domain {domain}: nothing to listen to. Start one, and call the doctor again")
        return
    yield Finding(f"heard {len(heard.nodes)} nodes: {', '.join(heard.nodes)}")
    yield from judge_reports(heard.reports)
    if not heard.cameras:
        yield Finding("no camera publishes", Level.WARN, "start camera_node or your driver (dynarend up cameras)")
    for topic, camera in sorted(heard.cameras.items()):
        yield judge_stamps(topic, camera.ages_s, options.listen_s)
        if camera.frame:
            yield judge_chain(options.base_frame, camera.frame, camera.tf_problem)


def judge_reports(reports: Mapping[str, tuple[Level, str]]) -> Iterator[Finding]:
    """What nodes complain about in ``/diagnostics``; a node's summary is left out where a part of it complains."""
    bad = {name: report for name, report in reports.items() if report[0] is not Level.OK}
    for name, (level, message) in sorted(bad.items()):
        if not any(other.startswith(f"{name}: ") for other in bad):
            yield Finding(f"{name} reports: {message}", level, "docs/cameras.md 4 and docs/safety.md say what it means")


def judge_stamps(topic: str, ages_s: list[float], listened_s: float) -> Finding:
    """How old a camera's messages arrive."""
    if not ages_s:
        remedy = "does the driver run, and with the DDS profile of config/fastdds_large_images.xml?"
        return Finding(f"{topic}: nothing in {listened_s:.0f} s", Level.FAIL, remedy)
    oldest, youngest = max(ages_s), min(ages_s)
    words = f"{topic}: {len(ages_s) / listened_s:.1f} Hz, {1e3 * youngest:.0f} to {1e3 * oldest:.0f} ms old"
    if youngest < -MAX_FUTURE_S:
        remedy = "clocks differ: chrony or ptp between the computers, global_time for RealSense cameras"
        return Finding(f"{words}: stamps lie in the future", Level.FAIL, remedy)
    if youngest > MAX_IMAGE_AGE_S:
        return Finding(f"{words}: too old", Level.FAIL, "clocks differ, or the driver cannot keep up: lower its rate")
    if oldest > MAX_IMAGE_AGE_S:
        return Finding(f"{words}: some late", Level.WARN, "the machine is busy: lower rates, stop other programs")
    return Finding(words)


def judge_chain(base_frame: str, frame: str, problem: str | None) -> Finding:
    """Whether TF leads from the base to a camera."""
    if problem is None:
        return Finding(f"TF leads from {base_frame} to {frame}")
    remedy = "calibrate the camera, and name its file in fusion_node.camera_files (docs/cameras.md 2), or --base-frame"
    return Finding(f"TF from {base_frame} to {frame}: {problem}", Level.FAIL, remedy)
