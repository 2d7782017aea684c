import pytest

from dynarend_core.foresight import Foresight
from dynarend_core.policy import Policy


@pytest.fixture
def renderer(small_renderer):
    return small_renderer


@pytest.fixture
def foresight(debug_network, debug_info, encoder, renderer):
    return Foresight(Policy(debug_network, debug_info, encoder=encoder), renderer)


@pytest.fixture
def record(tmp_path, toy_store):
    """One recorded episode of the toy table."""
    return toy_store(tmp_path / "toy_data", 1).read("toy", 0)
