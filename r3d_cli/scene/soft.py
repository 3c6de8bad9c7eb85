"""Soft pictures: faces that fade across their edges and blend by depth (Liu et al. 2019)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.rasterize_meshes import Fragments, RasterSettings
from r3d_cli.backend.shade_meshes import shade_meshes
from r3d_cli.backend.soft_silhouette import soft_silhouette_fwd
from r3d_cli.scene.camera import Camera, Window
from r3d_cli.scene.color import linear_to_srgb, srgb_to_linear
from r3d_cli.scene.draw import BAND_SAMPLES, DEFAULT_BACKGROUND, Picture, check_drawing
from r3d_cli.scene.drawable import Drawable, View, as_drawable
from r3d_cli.scene.lights import DEFAULT_LIGHTS
from r3d_cli.scene.model import RawMesh

#: Where nobody says: as in PyTorch3D's tutorials.
DEFAULT_SIGMA = DEFAULT_GAMMA = 1e-4
DEFAULT_LAYERS = 16
#: The blur ends where a face's probability has fallen to this.
_FAINTEST = 1e-4
_SMALLEST_WEIGHT = 1e-10


def default_blur(sigma: float, size: tuple[int, int]) -> float:
    """The distance in pixels at which a face's probability has fallen to 1e-4.

    Example:
        >>> round(default_blur(1e-4, (512, 512)), 2)
        7.77
    """
    return math.sqrt(math.log(1 / _FAINTEST - 1) * sigma) * min(size) / 2


def draw_soft(
    mesh: RawMesh | Drawable,
    camera: Camera,
    *,
    size: tuple[int, int] = (512, 512),
    shading: str = "soft-phong",
    background: tuple[float, ...] = DEFAULT_BACKGROUND,
    sigma: float = DEFAULT_SIGMA,
    gamma: float = DEFAULT_GAMMA,
    blur: float | None = None,
    faces_per_pixel: int | None = None,
    lights: NDArray[np.floating] = DEFAULT_LIGHTS,
    device: str | None = None,
) -> Picture:
    """Draw a mesh softly (Liu et al. 2019, "Soft Rasterizer").

    Args:
        mesh: What to draw.
        camera: From where.
        size: Height and width of the picture, pixels.
        shading: "soft-phong", the lit faces blended by coverage and nearness; or "silhouette", black with the
            probability that any face covers a pixel as alpha.
        background: Red, green, blue and perhaps alpha, 0..1, as displayed (sRGB).
        sigma: Width of a face's soft edge, squared NDC distance (the picture's shorter side is 2 long).
        gamma: How fast weights fall with depth, as a share of the mesh's depth; small is opaque.
        blur: How far from a face it still counts, pixels; None: `default_blur`.
        faces_per_pixel: Only the K nearest faces of a pixel count. None: all in a silhouette, else 16.
        lights: (L, 14) in view space, rows as in ``scene.lights``.
        device: "cpu", "cuda" or "cuda:N". None: that of the ``Drawable``, or "cpu".

    Raises:
        ValueError: An argument is out of range, or the mesh has no faces.
        CudaUnavailable: CUDA was asked for and does not work here.

    Example:
        >>> from r3d_cli.scene.framing import frame
        >>> mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
        >>> draw_soft(mesh, frame(mesh), size=(8, 12), shading="silhouette").image.shape
        (8, 12, 3)
    """
    if shading not in ("soft-phong", "silhouette"):
        raise ValueError(f"shading must be soft-phong or silhouette, got {shading!r}")
    for name, value in (("sigma", sigma), ("gamma", gamma)):
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be a number > 0, got {value}")
    blur = default_blur(sigma, size) if blur is None else blur
    if not (blur >= 0 and math.isfinite(blur)):
        raise ValueError(f"blur must be a number of pixels >= 0, got {blur}")
    check_drawing(size, background)
    drawable = as_drawable(mesh, device=device)
    view, fetch = View(drawable, camera), drawable.fetch
    behind, opacity = np.array(background[:3], np.float32), background[3] if len(background) == 4 else 1.0
    if shading == "silhouette":
        # A mask: its values, not light, are what is mixed.
        covered = fetch(_silhouette(view, size, sigma, blur, faces_per_pixel))
        rest = (1 - covered)[..., None] * opacity
        color = rest * behind / np.maximum(covered[..., None] + rest, 1e-12)
    else:
        layers = DEFAULT_LAYERS if faces_per_pixel is None else faces_per_pixel
        light, covered = _phong(view, size, sigma, gamma, blur, layers, srgb_to_linear(behind), lights)
        color = np.asarray(linear_to_srgb(light.clip(0, 1)), np.float32)
    if opacity != 1.0:
        color = np.concatenate([color, (covered + (1 - covered) * opacity)[..., None]], -1)
    return Picture(np.rint(255 * color).astype(np.uint8), float((covered > 0.5).mean()))


def _silhouette(
    view: View, size: tuple[int, int], sigma: float, blur: float, faces_per_pixel: int | None
) -> Any:  # (H, W)
    camera = view.camera
    result = soft_silhouette_fwd(
        view.project(Window(size, 0, size[0])),
        view.faces,
        view.first_faces,
        size,
        sigma,
        faces_per_pixel,
        settings=RasterSettings(
            (2 * blur / min(size)) ** 2, camera.is_perspective, True, False, camera.z_near, math.inf
        ),
    )
    return 1 - result.uncovered[0]


def _phong(
    view: View,
    size: tuple[int, int],
    sigma: float,
    gamma: float,
    blur: float,
    layers: int,
    behind: NDArray[np.floating],
    lights: NDArray[np.floating],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # (H, W, 3), (H, W)
    """Band by band: each layer of the fragments lit as a picture of its own, then blended."""
    place, fetch, camera = view.drawable.place, view.drawable.fetch, view.camera
    nothing = place(np.zeros(4, np.float32))
    light_table = place(lights.astype(np.float32))
    depths = view.verts[view.drawable.faces.ravel(), 2]
    depths = depths[np.isfinite(depths)]
    near = max(float(depths.min()), camera.z_near) if len(depths) else 0.0
    span = max(float(depths.max()) - near, 1e-6) if len(depths) else 1.0
    color, alpha = np.empty((*size, 3), np.float32), np.empty(size, np.float32)
    rows = max(BAND_SAMPLES // (size[1] * layers), 1)
    for row in range(0, size[0], rows):
        last = min(row + rows, size[0])
        pixel = 2 / min(last - row, size[1])  # NDC of the band
        fragments = view.rasterize(
            size, (row, last), layers=layers, want_dists=True, blur_radius=(blur * pixel) ** 2
        )
        lit = []
        for layer in range(layers):
            one = Fragments(
                *(place(np.ascontiguousarray(fetch(part[:, :, :, layer : layer + 1]))) for part in fragments)
            )
            if layer and not (one.pix_to_face >= 0).any():
                break
            shaded = shade_meshes(
                one,
                view.surface,
                light_table,
                view.eye,
                nothing,
                focal=camera.focal * min(size) / 2,
                want_image=False,
                want_linear=True,
                check_ids=False,
            )
            lit.append(fetch(shaded.linear))
        ids, depth, _, dists = (fetch(part)[0, ..., : len(lit)] for part in fragments)
        sigma_band = sigma * (pixel * min(size) / 2) ** 2
        nearness = np.where(ids >= 0, 1 - (depth - near) / span, 0)
        color[row:last], alpha[row:last] = _blend(
            np.stack(lit, 2), ids >= 0, nearness, dists / sigma_band, gamma, behind
        )
    return color, alpha


def _blend(
    lit: NDArray[np.floating],  # (H, W, K, 4) linear light, straight alpha
    covered: NDArray[np.bool_],  # (H, W, K)
    nearness: NDArray[np.floating],  # (H, W, K)
    dists: NDArray[np.floating],  # (H, W, K) in units of sigma
    gamma: float,
    behind: NDArray[np.floating],  # (3,) linear light
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:  # (H, W, 3), (H, W)
    """Equations 2 to 4: the light that shows, and the probability that any face covers the pixel."""
    probability = np.where(covered, 1 / (1 + np.exp(dists.clip(-80, 80))), 0) * lit[..., 3]
    nearest = nearness.max(-1, keepdims=True).clip(_SMALLEST_WEIGHT)
    weights = probability * np.exp((nearness - nearest) / gamma)
    of_background = np.exp((_SMALLEST_WEIGHT - nearest) / gamma).clip(_SMALLEST_WEIGHT)
    shown = (weights[..., None] * lit[..., :3]).sum(2) + of_background * behind
    return shown / (weights.sum(-1, keepdims=True) + of_background), 1 - (1 - probability).prod(-1)
