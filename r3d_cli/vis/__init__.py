"""Scenes as interactive figures of Plotly, and texture maps with their coordinates; the extra ``vis``."""

from r3d_cli.vis.plotly_vis import AxisArgs, Lighting, plot_batch_individually, plot_scene
from r3d_cli.vis.texture_vis import texturesuv_image_matplotlib, texturesuv_image_PIL
from r3d_cli.vis.traces import get_camera_wireframe

__all__ = [
    "AxisArgs",
    "Lighting",
    "get_camera_wireframe",
    "plot_batch_individually",
    "plot_scene",
    "texturesuv_image_PIL",
    "texturesuv_image_matplotlib",
]
