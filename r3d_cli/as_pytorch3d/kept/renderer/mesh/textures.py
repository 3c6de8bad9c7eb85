"""The class of textures from before version 0.3, and the base of today's."""

from __future__ import annotations

import warnings
from typing import Any

from r3d_cli.renderer import TexturesUV, TexturesVertex
from r3d_cli.renderer.textures.base import TexturesBase

__all__ = ["Textures", "TexturesBase"]


def Textures(
    maps: Any = None, faces_uvs: Any = None, verts_uvs: Any = None, verts_rgb: Any = None
) -> TexturesUV | TexturesVertex:
    """The textures that the arguments speak of: `TexturesUV` or `TexturesVertex`.

    Args:
        maps: (N, H, W, 3) or a list, for `TexturesUV`.
        faces_uvs: (N, F, 3) or a list, for `TexturesUV`.
        verts_uvs: (N, T, 2) or a list, for `TexturesUV`.
        verts_rgb: (N, V, 3) or a list, for `TexturesVertex`; not looked at where the others are given.

    Raises:
        ValueError: Neither the three first nor ``verts_rgb``.

    Example:
        >>> import torch
        >>> Textures(verts_rgb=torch.ones(1, 3, 3))
        TexturesVertex(N=1, cpu)
    """
    warnings.warn(
        "Textures is deprecated; use TexturesVertex, TexturesUV or TexturesAtlas",
        PendingDeprecationWarning,
        stacklevel=2,
    )
    if maps is not None and faces_uvs is not None and verts_uvs is not None:
        return TexturesUV(maps=maps, faces_uvs=faces_uvs, verts_uvs=verts_uvs)
    if verts_rgb is not None:
        return TexturesVertex(verts_features=verts_rgb)
    raise ValueError("Textures: give maps, faces_uvs and verts_uvs together, or verts_rgb")
