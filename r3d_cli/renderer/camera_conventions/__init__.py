"""Cameras of other systems as r3d's, and back: OpenCV, OpenGL, Blender, COLMAP."""

from r3d_cli.renderer.camera_conventions.blender import BlenderParameters, from_blender, to_blender
from r3d_cli.renderer.camera_conventions.colmap import ColmapParameters, from_colmap, to_colmap
from r3d_cli.renderer.camera_conventions.opencv import OpenCVParameters, from_opencv, to_opencv
from r3d_cli.renderer.camera_conventions.opengl import OpenGLParameters, from_opengl, to_opengl

__all__ = [
    "BlenderParameters",
    "ColmapParameters",
    "OpenCVParameters",
    "OpenGLParameters",
    "from_blender",
    "from_colmap",
    "from_opencv",
    "from_opengl",
    "to_blender",
    "to_colmap",
    "to_opencv",
    "to_opengl",
]
