"""The slow rasterizer at a few pixels of a large picture: what fast ones are held to."""

from __future__ import annotations

from typing import Any

import numpy as np


def fragments_at(
    pixels: np.ndarray,  # (P, 3) mesh, row, column
    verts: np.ndarray,  # (V, 3) float32 NDC x and y, view depth
    faces: np.ndarray,  # (F, 3)
    mesh_first_face: np.ndarray,  # (N + 1,)
    image_size: tuple[int, int],
    *,
    blur_radius: float = 0.0,
    faces_per_pixel: int = 1,
    clip_barycentric_coords: bool = False,
) -> dict[str, Any]:
    """Fragments (P, K, ...), perspective-correct, by ``reference.rasterize_meshes``.

    A pixel is an image of its own, of one pixel, moved to the origin with the faces that may reach it.
    """
    import torch

    from r3d_cli.reference.rasterize_meshes import pixel_centers, rasterize_meshes

    triangles = verts[faces]  # (F, 3, 3)
    low, high = triangles[..., :2].min(1), triangles[..., :2].max(1)
    centers = pixel_centers(image_size, torch.float32).reshape(*image_size, 2).numpy()
    reach = np.sqrt(blur_radius) + 1e-6
    found, moved = [], []
    for mesh, row, column in pixels:
        center, own = centers[row, column], slice(mesh_first_face[mesh], mesh_first_face[mesh + 1])
        near = ((low[own] <= center + reach) & (high[own] >= center - reach)).all(1)
        ids = np.nonzero(near)[0] + mesh_first_face[mesh]
        found.append(ids)
        moved.append(triangles[ids] - np.append(center, np.float32(0)))
    corners = np.concatenate(moved).reshape(-1, 3)
    fragments = rasterize_meshes(
        torch.from_numpy(corners),
        torch.arange(len(corners)).reshape(-1, 3),
        torch.from_numpy(np.cumsum([0, *map(len, found)])),
        (1, 1),
        blur_radius=blur_radius,
        faces_per_pixel=faces_per_pixel,
        clip_barycentric_coords=clip_barycentric_coords,
        perspective_correct=True,
    )
    arrays = {name: array.numpy()[:, 0, 0] for name, array in fragments._asdict().items()}
    packed = np.append(np.concatenate(found), -1)  # the last: an empty slot's
    return {**arrays, "pix_to_face": packed[arrays["pix_to_face"]]}
