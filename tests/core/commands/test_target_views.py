"""``dynarend target-views``: what it adds, that it continues, and that a model of one's own can be plugged in."""

from __future__ import annotations

import argparse
import dataclasses
import json

import numpy as np
import pytest

from dynarend_core.commands import target_views
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.datasets.view_cache import load_views
from dynarend_core.errors import ConfigurationError, DatasetError


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    target_views.register(parser.add_subparsers())
    args = parser.parse_args(["target-views", *arguments])
    return args.run(args)


def test_a_store_is_copied_with_views_and_the_copy_goes_on_and_repeats_itself(toy_store, tmp_path):
    store, out = toy_store(tmp_path / "a", 2), DemonstrationStore(tmp_path / "b")
    common = ("--data", str(store.root), "--views", "2")
    assert run(*common, "--out", str(out.root), "--json", str(tmp_path / "r.json")) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["episodes"], report["frames"], report["skipped"]) == (2, 4, 0)
    assert report["share_with_depth"] > 0.3
    for before, after in zip(store.read("toy", 1).frames, out.read("toy", 1).frames, strict=True):
        np.testing.assert_array_equal(before.views[0].rgb, after.views[0].rgb)
        assert [v.name for v in after.targets] == ["warp0", "warp1"]
        assert after.object_ids == ()
        known = np.isfinite(after.targets[0].depth_m)
        assert (after.targets[0].rgb[known] > 30).any()
    load_views(out, "toy").require_targets()
    time = out.path("toy", 0).stat().st_mtime_ns
    out.path("toy", 1).unlink()
    assert run(*common, "--out", str(out.root)) == 0
    assert out.path("toy", 0).stat().st_mtime_ns == time
    assert run(*common, "--out", str(tmp_path / "c")) == 0
    copy = DemonstrationStore(tmp_path / "c").path("toy", 1)
    assert copy.read_bytes() == out.path("toy", 1).read_bytes()
    assert run(*common, "--out", str(tmp_path / "d"), "--seed", "1") == 0
    assert copy.read_bytes() != DemonstrationStore(tmp_path / "d").path("toy", 1).read_bytes()


def test_object_maps_stay_and_say_nothing_of_warped_views(toy_store, tmp_path):
    store = toy_store(tmp_path / "a", 1)
    record = store.read("toy", 0)
    frames = tuple(dataclasses.replace(f, object_ids=(np.ones((64, 64), np.uint8),) * 2) for f in record.frames)
    store.write("toy", 0, dataclasses.replace(record, frames=frames, object_names=("table",)))
    assert run("--data", str(store.root), "--out", str(tmp_path / "b"), "--views", "1") == 0
    front, side, warped = DemonstrationStore(tmp_path / "b").read("toy", 0).frames[0].object_ids
    assert (front == 1).all()
    assert (side == 1).all()
    assert (warped == 0).all()


PLUG_IN = """
import dataclasses
class Mirrored:
    def __init__(self, count):
        self.count = count
    def views(self, frame, rng):
        v = frame.views[0]
        return tuple(dataclasses.replace(v, name=f"dream{i}", rgb=v.rgb[:, ::-1]) for i in range(self.count))
class Nothing(Mirrored):
    def views(self, frame, rng):
        return ()
"""


def test_a_model_of_ones_own_is_called(toy_store, tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    store = toy_store(tmp_path / "a", 1)
    common = ("--data", str(store.root), "--out", str(tmp_path / "b"), "--views", "3", "--source")
    with pytest.raises(DatasetError, match="Nothing gave no views"):
        run(*common, "my_models:Nothing")
    assert run(*common, "my_models:Mirrored") == 0
    frame = DemonstrationStore(tmp_path / "b").read("toy", 0).frames[0]
    assert [v.name for v in frame.targets] == ["dream0", "dream1", "dream2"]
    np.testing.assert_array_equal(frame.targets[0].rgb, frame.views[0].rgb[:, ::-1])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--views", "0"), "at least 1"),
        (("--source", "diffusion"), "warp.*module:Class"),
        (("--source", "no_such_module:Class"), "PYTHONPATH"),
        (("--source", "json:NoSuchClass"), "NoSuchClass"),
        (("--out", "{data}"), "another folder"),
        (("--data", "{data}/nothing"), "no demonstrations"),
    ],
)
def test_what_makes_no_sense_is_refused(toy_store, tmp_path, arguments, named):
    data = toy_store(tmp_path / "a", 1).root
    given = [a.format(data=data) for a in arguments]
    with pytest.raises(ConfigurationError, match=named):
        run("--data", str(data), "--out", str(tmp_path / "b"), *given)
