"""Texture maps with the places that texture coordinates name, for the eye."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from r3d_cli.extras import pip_install
from r3d_cli.renderer import TexturesUV


def texturesuv_image_matplotlib(
    texture: TexturesUV,
    *,
    texture_index: int = 0,
    radius: float = 1,
    color: Any = (1.0, 0.0, 0.0),
    subsample: int | None = 10000,
    origin: Literal["upper", "lower"] = "upper",
) -> None:
    """Draw a map, and a disc at each texture coordinate, into the current axes of matplotlib.

    Coordinates that no face uses are drawn too.

    Args:
        texture: The textures.
        texture_index: Which of them.
        radius: Of the discs, pixels of the map.
        color: Of the discs, as matplotlib takes it.
        subsample: Of more coordinates, that many are drawn, by chance; None: all.
        origin: Where the map's first row lies, "upper" or "lower".

    Raises:
        ImportError: matplotlib is missing.

    Example:
        >>> import torch, matplotlib; matplotlib.use("Agg")
        >>> texture = TexturesUV(torch.rand(1, 4, 4, 3), torch.tensor([[[0, 1, 2]]]), torch.rand(1, 3, 2))
        >>> texturesuv_image_matplotlib(texture)
    """
    try:
        from matplotlib import pyplot
        from matplotlib.patches import Circle
    except ImportError as error:
        raise ImportError(
            f"texturesuv_image_matplotlib needs the package matplotlib, of r3d's extra vis ({error}): "
            f"{pip_install(extra='vis')}"
        ) from None
    image, centers = _map_and_centers(texture, texture_index, subsample)
    axes = pyplot.gca()
    axes.imshow(image, origin=origin)
    for x, y in centers.tolist():
        axes.add_patch(Circle((x, y), radius, color=color, clip_on=False))


def texturesuv_image_PIL(
    texture: TexturesUV,
    *,
    texture_index: int = 0,
    radius: float = 1,
    color: Any = "red",
    subsample: int | None = 10000,
) -> Image.Image:
    """A map with a disc at each texture coordinate, those that no face uses included.

    Args:
        texture: The textures.
        texture_index: Which of them.
        radius: Of the discs, pixels.
        color: Of the discs, as Pillow takes it.
        subsample: Of more coordinates, that many are drawn, by chance; None: all.

    Returns:
        An image of the map's size.

    Example:
        >>> import torch
        >>> texture = TexturesUV(torch.rand(1, 4, 8, 3), torch.tensor([[[0, 1, 2]]]), torch.rand(1, 3, 2))
        >>> texturesuv_image_PIL(texture).size
        (8, 4)
    """
    values, centers = _map_and_centers(texture, texture_index, subsample)
    image = Image.fromarray((255 * values).round().astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for x, y in centers.tolist():
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=color)
    return image


def _map_and_centers(
    texture: TexturesUV, index: int, limit: int | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # (H, W, 3) in [0, 1], (T, 2) pixels
    maps = texture[index].maps_list()[0]
    first = maps if maps.dim() == 3 else maps[0]  # of several maps
    image = first.detach().float().clamp(0, 1).cpu().numpy()
    centers = texture.centers_for_image(index=index).detach().cpu().numpy()
    if limit is not None and len(centers) > limit:
        centers = centers[np.sort(np.random.choice(len(centers), limit, replace=False))]
    return image, centers
