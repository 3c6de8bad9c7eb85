"""Textures of meshes: features at vertices, maps with coordinates, texels of faces."""

from r3d_cli.renderer.textures.atlas import TexturesAtlas
from r3d_cli.renderer.textures.base import TexturesBase
from r3d_cli.renderer.textures.uv import TexturesUV
from r3d_cli.renderer.textures.vertex import TexturesVertex

__all__ = ["TexturesAtlas", "TexturesBase", "TexturesUV", "TexturesVertex"]
