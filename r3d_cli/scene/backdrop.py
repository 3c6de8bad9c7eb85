"""A picture behind the mesh."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError
from r3d_cli.scene.color import linear_to_srgb, srgb_to_linear


@lru_cache(maxsize=2)
def backdrop(file: Path, size: tuple[int, int]) -> NDArray[np.uint8]:  # (H, W, 3 or 4)
    """The picture ``file``, scaled to cover ``size`` (H, W), its middle kept.

    Raises:
        R3dError: It cannot be read.
    """
    from PIL import Image, ImageOps

    from r3d_cli.scene.readers.images import ImageError, read_image

    try:
        image = Image.fromarray(read_image(file, alpha=True))
    except ImageError as error:
        raise R3dError(f"{file}: cannot be read as the picture of --background: {error}") from error
    height, width = size
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted)


def over(
    picture: NDArray[np.uint8],  # (H, W, 4)
    behind: NDArray[np.uint8],  # (H, W, 3 or 4)
) -> NDArray[np.uint8]:  # (H, W, 3 or 4)
    """A picture with straight alpha over another one, mixed in linear light.

    Example:
        >>> clear, grey = np.zeros((1, 1, 4), np.uint8), np.full((1, 1, 3), 99, np.uint8)
        >>> over(clear, grey).tolist()
        [[[99, 99, 99]]]
    """
    top, bottom = (_alpha(picture), _alpha(behind))
    rest = (1 - top) * bottom
    alpha = top + rest
    light, light_behind = (srgb_to_linear(x[..., :3] / np.float32(255)) for x in (picture, behind))
    mixed = (light * top + light_behind * rest) / np.maximum(alpha, 1e-12)
    color = np.rint(255 * linear_to_srgb(mixed.clip(0, 1)))
    parts = [color] if behind.shape[2] == 3 else [color, np.rint(255 * alpha)]
    return np.concatenate(parts, axis=2).astype(np.uint8)


def _alpha(picture: NDArray[np.uint8]) -> NDArray[np.float32]:  # (H, W, 1)
    if picture.shape[2] == 3:
        return np.ones((*picture.shape[:2], 1), np.float32)
    return picture[..., 3:] / np.float32(255)
