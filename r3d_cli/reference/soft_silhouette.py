"""The slow, obvious ``soft_silhouette``: every face at a pixel as a fragment, then their product."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.reference.rasterize_meshes import rasterize_meshes


def soft_silhouette(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3)
    mesh_first_face: Tensor,  # (N + 1,)
    image_size: tuple[int, int],
    *,
    sigma: float = 1e-4,
    faces_per_pixel: int | None = None,
    **settings: Any,
) -> Tensor:  # (N, H, W)
    """1 - product(1 - sigmoid(-dist / sigma)) over the faces of a pixel, or over its K nearest."""
    K = max(len(faces), 1) if faces_per_pixel is None else faces_per_pixel
    fragments = rasterize_meshes(verts, faces, mesh_first_face, image_size, faces_per_pixel=K, **settings)
    complements = torch.sigmoid(fragments.dists / sigma)
    return 1 - torch.where(fragments.pix_to_face >= 0, complements, 1).prod(-1)
