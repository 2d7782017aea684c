"""The house rules that a linter cannot see: imports do nothing, the core needs no ROS, verbs explain themselves."""

import pkgutil
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import dynarend_core

CORE_MODULES = sorted(
    m.name for m in pkgutil.walk_packages(dynarend_core.__path__, "dynarend_core.") if not m.name.endswith("__main__")
)


def test_importing_every_core_module_loads_no_ros_and_prints_nothing():
    code = f"""
import importlib, sys
for name in {CORE_MODULES!r}:
    importlib.import_module(name)
ros = [m for m in sys.modules if m.split(".")[0] in ("rclpy", "sensor_msgs", "dynarend_ros")]
assert not ros, ros
import torch
assert not torch.cuda.is_initialized()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", CORE_MODULES)
def test_public_names_exist(name):
    module = sys.modules.get(name) or __import__(name, fromlist=["*"])
    for public in getattr(module, "__all__", []):
        assert hasattr(module, public), f"{name}.__all__ names {public}, which is missing"


@pytest.mark.parametrize("verb", sorted(ep.name for ep in entry_points(group="dynarend.commands")))
def test_every_verb_explains_itself(verb, capsys):
    from dynarend_core.commands.__main__ import main

    with pytest.raises(SystemExit) as exit_info:
        main([verb, "--help"])
    assert exit_info.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 6


def test_shape_annotations_are_checked_in_tests():
    """A wrong shape must fail, or the checker is off."""
    import torch

    from dynarend_core.networks import transformer

    assert transformer.__name__  # imported under the jaxtyping import hook
    from jaxtyping import TypeCheckError

    with pytest.raises(TypeCheckError):
        transformer.rotary(torch.zeros(2, 3, 4, 5), 32, 8)


def test_unexpected_verb_is_refused():
    from dynarend_core.commands.__main__ import main

    with pytest.raises(SystemExit) as exit_info:
        main(["fly"])
    assert exit_info.value.code == 2
