"""Lit and textured scenes on raw arrays, for the kernels of soft_phong."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from machines import Emulated, Machine, on_cpu

from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.rasterize_meshes import RasterSettings
from r3d_cli.backend.soft_phong import (
    Blending,
    Kinds,
    Mesh,
    SoftPhong,
    SoftPhongGradients,
    Surface,
    Texture,
    soft_phong_bwd,
    soft_phong_fwd,
)


class Scene(NamedTuple):
    mesh: Mesh
    surface: Surface
    texture: Texture
    image_size: tuple[int, int]
    faces_per_pixel: int | None
    options: dict[str, Any]  # settings, kinds, blending

    def run(
        self,
        device: Emulation | Machine | None = None,
        corners: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> tuple[SoftPhong, SoftPhongGradients]:
        """Forward and backward; in one order where the corners are given."""
        parts = self.mesh, self.surface, self.texture
        on = device if isinstance(device, Machine) else on_cpu if device is None else Emulated(device)
        shape = self.image_size, self.faces_per_pixel
        result = on(soft_phong_fwd, *parts, *shape, in_order=corners is not None, **self.options)
        grad = np.cos(np.arange(result.image.size)).reshape(result.image.shape).astype(result.image.dtype)
        given = *parts, result, grad, self.faces_per_pixel
        return result, on(soft_phong_bwd, *given, corners=corners, **self.options)


def phong_scene(
    verts: np.ndarray,
    faces: np.ndarray,
    mesh_first_face: np.ndarray,
    *,
    image_size: tuple[int, int] = (13, 18),
    faces_per_pixel: int | None = None,
    settings: RasterSettings,
    lights: str = "point",
    texture: str = "vertices",
    padding: str = "border",
    bilinear: bool = True,
    atlas_size: int = 3,
) -> Scene:
    """Random positions, normals, looks and texels for the faces."""
    rng = np.random.default_rng(1)
    N, F, real = len(mesh_first_face) - 1, len(faces), verts.dtype

    def draw(low: float, high: float, *shape: int) -> np.ndarray:
        return rng.uniform(low, high, shape).astype(real)

    looks = np.concatenate(
        [
            draw(0.1, 0.9, N, 9),
            draw(-1, 1, N, 2),
            draw(-4, -2, N, 1),
            draw(-1, 1, N, 3),
            draw(2, 6, N, 1),
            np.tile([0.5, 4.0], (N, 1)).astype(real),
            draw(0, 1, N, 3),
        ],
        axis=1,
    )
    rows = 0 if lights == "none" else len(verts)
    surface = Surface((verts + draw(-0.1, 0.1, *verts.shape))[:rows], draw(-1, 1, *verts.shape)[:rows], looks)
    none, no_maps = np.zeros((0, 2), real), np.zeros((0, 3), np.int64)
    if texture == "vertices":
        shown = Texture(draw(0, 1, len(verts) + 2, 3), faces + 1, none, no_maps, None)
    elif texture == "atlas":
        shown = Texture(draw(0, 1, F * atlas_size**2, 3), None, none, no_maps, rng.permutation(F))
    else:
        shown = Texture(
            draw(0, 1, 41, 3),
            rng.integers(0, 40, (F, 3)),
            draw(-0.7, 1.6, 40, 2),
            np.array([[0, 5, 4], [20, 3, 7]]),
            rng.integers(0, 2, F),
        )
    kinds = Kinds(lights, texture, atlas_size if texture == "atlas" else 1, padding, True, bilinear)
    options = {"settings": settings, "kinds": kinds, "blending": Blending(0.01, 0.05)}
    mesh = Mesh(verts, faces, mesh_first_face)
    return Scene(mesh, surface, shown, image_size, faces_per_pixel, options)


def assert_same_shading(
    got: tuple[SoftPhong, SoftPhongGradients], want: tuple[SoftPhong, SoftPhongGradients], tolerance: float
) -> None:
    (image, blend, *_), (want_image, want_blend, *_) = got[0], want[0]
    np.testing.assert_allclose(image, want_image, rtol=0, atol=tolerance)
    np.testing.assert_allclose(blend, want_blend, rtol=tolerance, atol=tolerance)
    for name, grad in got[1]._asdict().items():
        wanted = getattr(want[1], name)
        scale = max(np.abs(wanted).max(initial=0), 1e-12)
        np.testing.assert_allclose(grad / scale, wanted / scale, rtol=0, atol=30 * tolerance, err_msg=name)
