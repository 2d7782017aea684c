"""Feature maps: right at every pixel, computed once, and never silently stale. The model is made here."""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dynarend_core.commands import features
from dynarend_core.datasets.feature_maps import FeatureMaps
from dynarend_core.errors import ConfigurationError, DatasetError
from dynarend_core.training.feature_extractor import ExtractorConfig, FeatureExtractor


class Means(torch.nn.Module):
    """Mean colour of each 8 x 8 patch, as (n, 3, h / 8, w / 8)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(x, 8)


class Radio(torch.nn.Module):
    """A summary, then tokens behind a class token, as several models return them."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = torch.nn.functional.avg_pool2d(x, 8).flatten(2).transpose(1, 2)
        return x.mean(dim=[2, 3]), torch.cat([torch.full_like(tokens[:, :1], 9.0), tokens], dim=1)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "means.ts"
    torch.jit.script(Means()).save(str(path))
    return path


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    features.register(parser.add_subparsers())
    args = parser.parse_args(["features", *arguments])
    return args.run(args)


def test_features_are_those_of_the_pixel_for_every_frame_and_camera(toy_store, model, tmp_path):
    """64 x 64 images in four coloured quarters: inside a quarter the patch mean is the pixel's colour."""
    store = toy_store(tmp_path / "a", 3)
    report = tmp_path / "r.json"
    arguments = ("--data", str(store.root), "--model", str(model), "--name", "means", "--input-size", "64")
    assert run(*arguments, "--json", str(report)) == 0
    written = json.loads(report.read_text())
    assert (written["images"], written["channels"]) == (12, 3)
    maps = FeatureMaps(store, "toy", "means")
    assert maps.channels == 3
    v, u = np.array([4, 20, 40, 60, 8, 0, 63]), np.array([4, 50, 10, 60, 27, 63, 0])
    for frame in range(6):
        view = store.read("toy", frame // 2).frames[frame % 2].views[1]
        found = maps.at(frame, 1, v, u)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, view.rgb[v, u] / 255.0, atol=2e-3)
    border = maps.at(0, 0, np.array([8]), np.array([31]))[0]
    rgb = store.read("toy", 0).frames[0].views[0].rgb[8] / 255.0
    share = (31.5 - 28) / 8  # the pixel's centre lies between those of the patches on both sides, at columns 28 and 36
    np.testing.assert_allclose(border, (1 - share) * rgb[31] + share * rgb[32], atol=2e-3)
    assert len(FeatureMaps(store, "toy", "means", episodes=1).at(1, 0, v, u)) == 7


def test_nothing_is_computed_twice_and_nothing_stale_is_used(toy_store, model, tmp_path):
    store, report = toy_store(tmp_path / "a", 2), tmp_path / "r.json"

    def computed(*extra: str) -> int:
        common = ("--data", str(store.root), "--model", str(model), "--name", "m", "--input-size", "64")
        run(*common, "--json", str(report), *extra)
        return json.loads(report.read_text())["images"]

    assert computed() == 8
    assert computed() == 0
    toy_store(tmp_path / "a", 3)
    with pytest.raises(DatasetError, match=r"3 of 3 episodes .*dynarend features"):
        FeatureMaps(store, "toy", "m")
    assert computed() == 12
    time.sleep(0.01)
    store.write("toy", 1, store.read("toy", 1))
    with pytest.raises(DatasetError, match="1 of 3 episodes"):
        FeatureMaps(store, "toy", "m")
    assert computed() == 4
    assert computed("--normalisation", "imagenet") == 12
    (store.root / ".features" / "m" / "toy" / "episode_000001.npy").write_bytes(b"half")
    with pytest.raises(DatasetError, match="damaged"):
        FeatureMaps(store, "toy", "m")
    with pytest.raises(DatasetError, match="called 'other'"):
        FeatureMaps(store, "toy", "other")


def test_models_that_return_tokens_and_classes_with_weights_are_read(tmp_path, monkeypatch):
    torch.jit.script(Radio()).save(str(tmp_path / "radio.ts"))
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    maps = FeatureExtractor(ExtractorConfig(str(tmp_path / "radio.ts"), input_size=32, batch_size=2))(images)
    assert (maps.shape, maps.dtype) == ((5, 4, 4, 3), np.float16)
    expected = images.reshape(5, 4, 8, 4, 8, 3).mean(axis=(2, 4)) / 255.0
    np.testing.assert_allclose(maps, expected, atol=2e-3)

    (tmp_path / "patches.py").write_text("import torch\ndef Patches():\n    return torch.nn.Conv2d(3, 5, 8, 8)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    convolution = torch.nn.Conv2d(3, 5, 8, 8)
    save_file(convolution.state_dict(), tmp_path / "w.safetensors")
    torch.save(convolution.state_dict(), tmp_path / "w.pt")
    for weights in ("w.safetensors", "w.pt"):
        config = ExtractorConfig("patches:Patches", tmp_path / weights, input_size=32, normalisation="clip")
        mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
        x = torch.tensor(((images / 255.0 - mean) / std).transpose(0, 3, 1, 2), dtype=torch.float32)
        with torch.no_grad():
            wanted = convolution(x).permute(0, 2, 3, 1).numpy()
        np.testing.assert_allclose(FeatureExtractor(config)(images), wanted, atol=5e-3)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--model", "missing.ts"), "module:Class"),
        (("--model", "no_such_module:Class"), "no_such_module"),
        (("--model", "{rubbish}"), "cannot be used"),
        (("--normalisation", "whitening"), "imagenet"),
        (("--input-size", "0"), "at least 1"),
        (("--weights", "{rubbish}"), "leave --weights out"),
        (("--model", "torch.nn:Flatten"), r"\(2, 12288\); it must return"),
    ],
)
def test_models_that_cannot_be_used_are_refused_with_a_reason(toy_store, model, tmp_path, arguments, named):
    (tmp_path / "rubbish.ts").write_bytes(b"no model")
    store = toy_store(tmp_path / "a", 1)
    given = [a.format(rubbish=tmp_path / "rubbish.ts") for a in arguments]
    common = ("--data", str(store.root), "--model", str(model), "--name", "m", "--input-size", "64")
    with pytest.raises(ConfigurationError, match=named):
        run(*common, *given)


def test_bad_names_and_features_beyond_half_precision_are_refused(toy_store, model, tmp_path):
    class Large(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 1e6 + torch.nn.functional.avg_pool2d(x, 8)

    torch.jit.script(Large()).save(str(tmp_path / "large.ts"))
    store = toy_store(tmp_path / "a", 1)
    with pytest.raises(DatasetError, match="half precision"):
        run("--data", str(store.root), "--model", str(tmp_path / "large.ts"), "--name", "m")
    with pytest.raises(DatasetError, match="becomes a folder"):
        run("--data", str(store.root), "--model", str(model), "--name", "../m")
