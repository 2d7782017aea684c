"""What ``dynarend doctor`` looks at without ROS: GPU, OpenGL, cameras, calibrations, policy, language model, disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from dynarend_core.commands.finding import DoctorOptions, Finding, Level
from dynarend_core.errors import CameraError, DynaRendError, MissingDependencyError
from dynarend_core.perception.camera_file import CameraFile

MAX_AGE_DAYS = 30.0
MIN_FREE_GB, ENOUGH_FREE_GB = 1.0, 10.0
_RENDER = """
import mujoco
model = mujoco.MjModel.from_xml_string('<mujoco><worldbody><light pos="0 0 2"/><geom size=".1"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 32, 32) as renderer:
    renderer.update_scene(data)
    assert renderer.render().max() > 0, 'the picture is black'
"""

Check = Callable[[DoctorOptions], Iterator[Finding]]


def checks() -> dict[str, Check]:
    """The core's checks by name, in the order in which they are shown."""
    return {
        "gpu": check_gpu,
        "opengl": check_opengl,
        "cameras": check_cameras,
        "calibration": check_calibration,
        "policy": check_policy,
        "language model": check_language_model,
        "disk": check_disk,
    }


def check_gpu(options: DoctorOptions) -> Iterator[Finding]:
    """Does torch compute on a GPU?"""
    import torch

    if torch.cuda.is_available():
        total_gb = torch.cuda.get_device_properties(0).total_memory / 2**30
        value = float(torch.ones(64, 64, device="cuda").sum())
        yield Finding(f"{torch.cuda.get_device_name(0)}, {total_gb:.0f} GB, torch {torch.__version__} computes on it")
        if value != 64 * 64:
            yield Finding(f"it adds wrongly: {value}", Level.FAIL, "update the driver, or replace the card")
    elif shutil.which("nvidia-smi"):
        yield Finding(
            f"there is an NVIDIA driver, but torch {torch.__version__} sees no GPU",
            Level.WARN,
            "install a CUDA build of torch that fits the driver: https://pytorch.org/get-started/locally",
        )
    else:
        yield Finding(
            "none: everything runs on the CPU",
            Level.WARN,
            "enough for preset small; training base or paper wants a GPU",
        )


def check_opengl(options: DoctorOptions) -> Iterator[Finding]:
    """Does MuJoCo draw without a display? In processes of their own: a broken driver may end the process."""
    failures: list[str] = []
    for backend in ("egl", "osmesa"):
        reason = _render(backend)
        if not reason:
            slower = backend == "osmesa"
            yield Finding(
                f"MuJoCo renders with {backend.upper()}" + (f"; EGL fails: {failures[0]}" if slower else ""),
                Level.WARN if slower else Level.OK,
                "export MUJOCO_GL=osmesa, or apt-get install libegl1 libgl1-mesa-dri" if slower else "",
            )
            return
        failures.append(reason)
    yield Finding(
        f"no rendering: EGL: {failures[0]}; OSMesa: {failures[1]}",
        Level.FAIL,
        "apt-get install libegl1 libgl1-mesa-dri libosmesa6",
    )


def _render(backend: str) -> str:
    """Empty if a picture came, else why not."""
    environment = {**os.environ, "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _RENDER], env=environment, capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        return "no picture within 120 s"
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith((" ", "Exception ignored"))]
    return "" if done.returncode == 0 else (lines[-1] if lines else f"exit code {done.returncode}")


def check_cameras(options: DoctorOptions) -> Iterator[Finding]:
    """RealSense cameras on the bus: firmware and USB speed."""
    from dynarend_core.perception.realsense_info import connected_cameras

    try:
        cameras = connected_cameras()
    except CameraError as error:
        yield Finding(str(error), Level.WARN, "make setup; without the SDK, run realsense-ros or another driver")
        return
    if not cameras:
        yield Finding(
            "no RealSense camera is connected",
            Level.WARN,
            "check cable, power, udev rules (docs/cameras.md); without hardware: dynarend up cameras --source software",
        )
    for camera in cameras:
        yield describe_camera(camera)


def describe_camera(info: Mapping[str, str]) -> Finding:
    """One camera by its :data:`~dynarend_core.perception.realsense_info.FIELDS`: USB 2 fails, old firmware warns."""
    firmware, advised = info.get("firmware_version", ""), info.get("recommended_firmware_version", "")
    usb = info.get("usb_type_descriptor", "")
    words = f"{info.get('name', 'camera')} {info.get('serial_number', '')}, firmware {firmware or 'unknown'}, "
    words += f"USB {usb or 'unknown'}"
    if usb and not usb.startswith("3"):
        return Finding(words, Level.FAIL, "USB 2 is too slow: use a USB 3 port and cable; turn the plug over once")
    if advised and _version(firmware) < _version(advised):
        return Finding(words, Level.WARN, f"the SDK advises firmware {advised}: rs-fw-update, or realsense-viewer")
    return Finding(words)


def _version(text: str) -> list[int]:
    return [int(part) for part in text.split(".") if part.isdigit()]


def check_calibration(options: DoctorOptions) -> Iterator[Finding]:
    """Age and quality of each camera file."""
    files = sorted(options.cameras.glob("*.yaml")) if options.cameras.is_dir() else []
    if not files:
        yield Finding(
            f"no camera file in {options.cameras}",
            Level.WARN,
            "dynarend up calibrate (docs/calibration.md), or --cameras",
        )
    for path in files:
        try:
            yield describe_calibration(CameraFile.load(path))
        except DynaRendError as error:
            yield Finding(str(error), Level.FAIL, "calibrate anew: docs/calibration.md")


def describe_calibration(camera: CameraFile) -> Finding:
    """One calibration: old or badly known is a warning."""
    from dynarend_core.perception.calibration.report import MAX_RESIDUAL_PX, MAX_UNCERTAINTY_DEG, MAX_UNCERTAINTY_MM

    age_days, quality = camera.age_days(), camera.quality
    known = quality.views > 0
    words = f"{camera.camera} ({camera.set_up.value}): " + (
        f"{age_days:.0f} days old" if age_days < float("inf") else "of unknown age"
    )
    words += (
        f", residual {quality.residual_px:.2f} px, known to {quality.uncertainty_mm:.1f} mm and "
        f"{quality.uncertainty_deg:.2f} deg from {quality.views} views"
        if known
        else ", of unknown quality"
    )
    bad = (
        quality.residual_px > MAX_RESIDUAL_PX
        or quality.uncertainty_mm > MAX_UNCERTAINTY_MM
        or quality.uncertainty_deg > MAX_UNCERTAINTY_DEG
    )
    if bad or not known:
        return Finding(words, Level.WARN, "calibrate anew, with more and more tilted views (docs/calibration.md)")
    if age_days > MAX_AGE_DAYS:
        return Finding(words, Level.WARN, "check it: dynarend calibrate --check (docs/calibration.md)")
    return Finding(words)


def check_policy(options: DoctorOptions) -> Iterator[Finding]:
    """Does the policy's folder load?"""
    from dynarend_core.policy import Policy

    if not options.policy.is_dir():
        yield Finding(
            f"no policy folder {options.policy}", Level.FAIL, "train one (make policy, dynarend finetune), or --policy"
        )
        return
    try:
        policy = Policy.from_checkpoint(options.policy)
    except DynaRendError as error:
        yield Finding(str(error), Level.FAIL, "fetch the folder anew: it holds config.json and *.safetensors")
        return
    yield Finding(f"{options.policy}: preset {policy.info.preset}, tasks {', '.join(policy.info.tasks) or 'unknown'}")


def check_language_model(options: DoctorOptions) -> Iterator[Finding]:
    """Does the sentence encoder turn words into numbers?"""
    import torch

    from dynarend_core.networks.language import LANGUAGE_MODEL, SentenceEncoder

    try:
        features = SentenceEncoder().encode("open the drawer")
    except MissingDependencyError as error:
        yield Finding(str(error), Level.FAIL, "make setup")
        return
    if torch.isfinite(features).all():
        yield Finding(f"{LANGUAGE_MODEL} reads instructions")
    else:
        yield Finding(f"{LANGUAGE_MODEL} gives numbers that are not finite", Level.FAIL, "reinstall it: make setup")


def check_disk(options: DoctorOptions) -> Iterator[Finding]:
    """Room for demonstrations and bags here."""
    free_gb = shutil.disk_usage(Path.cwd()).free / 2**30
    words = f"{free_gb:.0f} GB free in {Path.cwd()}"
    if free_gb < MIN_FREE_GB:
        yield Finding(words, Level.FAIL, "make room: logs and checkpoints cannot be written")
    elif free_gb < ENOUGH_FREE_GB:
        yield Finding(words, Level.WARN, "make room before you record or train")
    else:
        yield Finding(words)
