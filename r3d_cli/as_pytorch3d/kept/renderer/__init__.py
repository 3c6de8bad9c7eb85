"""The deprecated classes that PyTorch3D's renderer still exports, as functions."""

from r3d_cli.as_pytorch3d.kept.renderer.cameras import (
    OpenGLOrthographicCameras,
    OpenGLPerspectiveCameras,
    SfMOrthographicCameras,
    SfMPerspectiveCameras,
)
from r3d_cli.as_pytorch3d.kept.renderer.mesh.textures import Textures

__all__ = [
    "OpenGLOrthographicCameras",
    "OpenGLPerspectiveCameras",
    "SfMOrthographicCameras",
    "SfMPerspectiveCameras",
    "Textures",
]
