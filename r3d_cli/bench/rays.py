"""Rays through pixel centres, for peers that cast them: the first hit is what a K = 1 raster keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.bench.suite import Unsupported

if TYPE_CHECKING:
    from r3d_cli.bench.cases.rasterize_meshes import Inputs


def directions(inputs: Inputs) -> NDArray[np.float32]:  # (H, W, 3)
    """View-space rays from the origin, so long that a hit's ray parameter is its depth.

    Raises:
        Unsupported: The case asks for more than the first hit of one mesh.
    """
    if inputs.faces_per_pixel != 1 or inputs.blur_radius or inputs.num_meshes != 1:
        raise Unsupported
    height, width = inputs.image_size
    half = min(height, width) / 2
    x = (width / 2 - np.arange(width) - 0.5) / half / inputs.focal
    y = (height / 2 - np.arange(height) - 0.5) / half / inputs.focal
    rays = np.ones((height, width, 3), np.float32)
    rays[..., 0], rays[..., 1] = x, y[:, None]
    return rays


def first_hits(
    ids: NDArray[np.integer],  # (H, W) or flat; what is no face is a miss
    depth: NDArray[np.floating],  # the same
    inputs: Inputs,
) -> Fragments:
    """Rays' hits as fragments with K = 1."""
    shape = (1, *inputs.image_size, 1)
    ids = np.asarray(ids).astype(np.int64).reshape(shape)
    missed = (ids < 0) | (ids >= len(inputs.faces))
    depth = np.where(missed, -1, np.asarray(depth).reshape(shape))
    return Fragments(np.where(missed, -1, ids), depth, None, None)
