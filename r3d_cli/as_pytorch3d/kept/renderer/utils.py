"""Sizes of images."""

from __future__ import annotations

from typing import Any

from r3d_cli.renderer.rasterize_meshes import read_image_size

__all__ = ["parse_image_size"]


def parse_image_size(image_size: Any) -> tuple[int, int]:
    """(height, width) of a number of pixels or a pair.

    Raises:
        ValueError: It is neither, or a side is no pixel long.

    Example:
        >>> parse_image_size(64), parse_image_size((32, 48))
        ((64, 64), (32, 48))
    """
    return read_image_size("parse_image_size", image_size)
