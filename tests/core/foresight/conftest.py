import numpy as np
import pytest
import torch

from dynarend_core.foresight import Foresight
from dynarend_core.policy import Policy
from dynarend_core.rendering.radiance_field import FieldConfig
from dynarend_core.rendering.renderer import RenderConfig, Renderer


@pytest.fixture
def renderer(debug_info):
    """Untrained, with a semantic head."""
    torch.manual_seed(0)
    config = RenderConfig(FieldConfig(channels=8, hidden=16, semantic_channels=4), strata=8, guided=4)
    width = debug_info.network.coarse.width
    return Renderer(config, width, torch.tensor(np.asarray(debug_info.aabb_base), dtype=torch.float32)).eval()


@pytest.fixture
def foresight(debug_network, debug_info, encoder, renderer):
    return Foresight(Policy(debug_network, debug_info, encoder=encoder), renderer)


@pytest.fixture
def record(tmp_path, toy_store):
    """One recorded episode of the toy table."""
    return toy_store(tmp_path / "toy_data", 1).read("toy", 0)
