"""``dynarend render`` from a policy folder to a table, a file and a picture."""

import argparse
import json

import cv2
import numpy as np
import pytest
import torch

from dynarend_core.commands import render
from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.networks.checkpoint import save_checkpoint
from dynarend_core.rendering.radiance_field import FieldConfig
from dynarend_core.rendering.renderer import RenderConfig, Renderer
from dynarend_core.rendering.renderer_file import save_renderer


def arguments(*words):
    parser = argparse.ArgumentParser()
    render.register(parser.add_subparsers())
    return parser.parse_args(["render", *map(str, words)])


@pytest.fixture
def policy(tmp_path, debug_network, debug_info):
    """A policy folder with an untrained renderer."""
    folder = tmp_path / "policy"
    save_checkpoint(folder, debug_network, debug_info)
    config = RenderConfig(FieldConfig(channels=4, upsample=2, hidden=8), strata=4, guided=2)
    box = torch.tensor(np.asarray(debug_info.aabb_base), dtype=torch.float32)
    save_renderer(folder, Renderer(config, debug_info.network.coarse.width, box))
    return folder


def test_rows_of_all_sources_and_a_picture(policy, toy_store, tmp_path, capsys):
    store = toy_store(tmp_path / "data", 2).root
    file, picture = tmp_path / "deep" / "render.json", tmp_path / "deep" / "render.png"
    args = arguments("--policy", policy, "--data", store, "--camera", "side", "--json", file, "--picture", picture)
    assert args.run(args) == 0
    rows = json.loads(file.read_text())["rows"]
    fields = {"when", "source", "camera", "scenes", "psnr_db", "depth_cm", "depth_mean_cm"}
    assert all(set(row) == fields for row in rows)
    assert {(r["when"], r["source"]) for r in rows} >= {("now", "rendered"), ("future", "rendered"), ("future", "copy")}
    assert {(r["camera"], r["scenes"]) for r in rows} == {("side", 2)}
    assert cv2.imread(str(picture)).shape[1] > 1000
    assert "warp" in capsys.readouterr().out


def test_a_policy_without_a_renderer_and_bad_numbers_are_refused(policy, toy_store, tmp_path):
    store = toy_store(tmp_path / "data", 1).root
    args = arguments("--policy", policy, "--data", store, "--scenes", 0)
    with pytest.raises(ConfigurationError, match="--scenes"):
        args.run(args)
    (policy / "renderer.safetensors").unlink()
    (policy / "renderer.json").unlink()
    args = arguments("--policy", policy, "--data", store)
    with pytest.raises(CheckpointError, match="no renderer"):
        args.run(args)


def test_one_source_of_scenes_must_be_named(policy, tmp_path, capsys):
    for words in ((), ("--data", tmp_path, "--rlbench", tmp_path)):
        with pytest.raises(SystemExit):
            arguments("--policy", policy, *words)
    assert "--rlbench" in capsys.readouterr().err
