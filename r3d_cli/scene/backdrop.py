"""A picture behind the mesh."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError


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
