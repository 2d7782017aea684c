"""A renderer comes back from disk as it was, and damage is named."""

import json

import pytest
import torch

from dynarend_core.errors import CheckpointError
from dynarend_core.rendering.radiance_field import FieldConfig
from dynarend_core.rendering.rays import Rays
from dynarend_core.rendering.renderer import RenderConfig, Renderer
from dynarend_core.rendering.renderer_file import CONFIG, WEIGHTS, load_renderer, save_renderer

BOX = torch.tensor([[-0.1, -0.5, -0.15], [0.9, 0.5, 0.85]])
SMALL = RenderConfig(FieldConfig(channels=4, upsample=2, hidden=8, semantic_channels=5), strata=6, guided=4)


@pytest.fixture
def renderer():
    torch.manual_seed(0)
    return Renderer(SMALL, 6, BOX)


def test_a_renderer_from_disk_renders_the_same(renderer, tmp_path):
    save_renderer(tmp_path, renderer)
    loaded = load_renderer(tmp_path)
    assert loaded.config == renderer.config
    rays = Rays(torch.tensor([[[0.4, 0.0, 1.5]]]), torch.tensor([[[0.1, 0.1, -1.0]]]))
    planes = torch.randn(1, 3, 6, 4, 4)
    before, after = renderer.image(planes, rays), loaded.image(planes, rays)
    assert torch.equal(before.rgb, after.rgb)
    assert torch.equal(before.depth, after.depth)
    assert torch.equal(before.semantic, after.semantic)
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]


def test_a_policy_without_renderer_is_no_error(tmp_path):
    assert load_renderer(tmp_path) is None


def _edit(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / WEIGHTS).unlink(), "does not exist"),
        (lambda f: (f / CONFIG).unlink(), "does not exist"),
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:100]), "damaged"),
        (lambda f: (f / CONFIG).write_text("{"), "damaged"),
        (lambda f: _edit(f / CONFIG, lambda d: d.update(schema_version=9)), "schema version 9, this program reads 1"),
        (lambda f: _edit(f / CONFIG, lambda d: d["render"]["field"].update(colour=1)), "damaged"),
        (lambda f: _edit(f / CONFIG, lambda d: d["render"]["field"].pop("octaves")), "lacks octaves: another version"),
        (lambda f: _edit(f / CONFIG, lambda d: d.update(aabb_base=[0, 1])), "must be"),
        (lambda f: _edit(f / CONFIG, lambda d: d.update(width=8)), "does not fit"),
    ],
)
def test_damage_is_named(renderer, tmp_path, damage, words):
    save_renderer(tmp_path, renderer)
    damage(tmp_path)
    with pytest.raises(CheckpointError, match=words):
        load_renderer(tmp_path)


def test_weights_that_are_not_finite_are_refused(renderer, tmp_path):
    with torch.no_grad():
        renderer.field.density.bias.fill_(float("nan"))
    save_renderer(tmp_path, renderer)
    with pytest.raises(CheckpointError, match="non-finite"):
        load_renderer(tmp_path)
