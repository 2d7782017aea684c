"""Pictures for people: clouds with value maps and grippers, filmstrips of episodes. No display needed."""

from dynarend_core.visualization.cloud_view import CloudViewConfig, render_cloud_with_value_map
from dynarend_core.visualization.filmstrip import filmstrip

__all__ = ["CloudViewConfig", "filmstrip", "render_cloud_with_value_map"]
