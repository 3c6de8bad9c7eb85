"""Fragments of random faces, with all that hard_phong takes, as raw arrays."""

from __future__ import annotations

import numpy as np

from r3d_cli.backend.hard_phong import Kinds, Look, Pixels, Texture
from r3d_cli.backend.rasterize_meshes import rasterize_meshes
from r3d_cli.backend.soft_phong import LIGHTS, PADDINGS, TEXTURES

VERTS = 60
Scene = tuple[Pixels, Texture, Look, Kinds]


def fragment_scene(
    texture: str = "vertices",
    *,
    lights: str = "point",
    real: str = "float64",
    per_picture: bool = True,
    padding: str = "border",
    align: bool = True,
    bilinear: bool = True,
    K: int = 2,
    size: tuple[int, int] = (13, 18),
    faces_per_mesh: tuple[int, ...] = (14, 0, 9),
) -> Scene:
    """A picture of each mesh; every other part of the looks has a row for each."""
    rng = np.random.default_rng(0)

    def draw(low: float, high: float, *shape: int) -> np.ndarray:
        return rng.uniform(low, high, shape).astype(real)

    verts = draw(-1.2, 1.2, VERTS, 3)
    verts[:, 2] += 3
    count = sum(faces_per_mesh)
    faces = np.array([rng.permutation(VERTS)[:3] for _ in range(count)], np.int64).reshape(-1, 3)
    first = np.array([0, *np.cumsum(faces_per_mesh)])
    seen = rasterize_meshes(verts, faces, first, size, faces_per_pixel=K, perspective_correct=True)
    positions, normals = verts + draw(-0.1, 0.1, VERTS, 3), draw(-1, 1, VERTS, 3)
    many = len(faces_per_mesh) if per_picture else 1
    look = Look(
        material_ambient=draw(0.1, 0.9, many, 3),
        material_diffuse=draw(0.1, 0.9, 1, 3),
        material_specular=draw(0.1, 0.9, many, 3),
        material_shininess=draw(2, 6, many),
        light_ambient=draw(0.1, 0.9, 1, 3),
        light_diffuse=draw(0.1, 0.9, many, 3),
        light_specular=draw(0.1, 0.9, 1, 3),
        light_source=draw(-3, 3, many, 3),
        rotation=np.eye(3, dtype=real) + draw(0, 0.2, many, 3, 3),
        translation=draw(-0.3, 0.3, 1, 3),
        background=draw(0, 1, 1, 3),
    )
    kinds = Kinds(
        LIGHTS.index(lights),
        TEXTURES.index(texture),
        3 if texture == "atlas" else 1,
        PADDINGS.index(padding),
        align,
        bilinear,
    )
    corners = rng.integers(0, 40, (count, 3))
    if texture == "vertices":
        shown = Texture(draw(0, 1, 40, 3), corners, None, None, None)
    elif texture == "atlas":
        shown = Texture(draw(0, 1, 9 * count, 3), None, None, None, rng.permutation(count))
    else:
        maps, which = np.array([[0, 5, 4], [20, 3, 7]]), rng.integers(0, 2, count)
        shown = Texture(draw(0, 1, 41, 3), corners, draw(-0.7, 1.6, 40, 2), maps, which)
    pixels = Pixels(seen.pix_to_face, seen.bary_coords, faces, positions, normals)
    return pixels, shown, look, kinds
