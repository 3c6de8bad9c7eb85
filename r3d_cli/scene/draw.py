"""From a mesh and a camera to a picture: rasterize, shade, band by band."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.rasterize_meshes import rasterize_meshes
from r3d_cli.backend.shade_meshes import Surface, shade_meshes
from r3d_cli.constants import MAX_IMAGE_SIDE
from r3d_cli.scene.camera import Camera, Window
from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.lights import DEFAULT_LIGHTS
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.normals import compute_face_normals
from r3d_cli.scene.surface import pack_surface

#: As displayed (sRGB), 0..1.
DEFAULT_BACKGROUND = (1.0, 1.0, 1.0)

#: Samples of a band: their fragments take 24 bytes for each of K.
BAND_SAMPLES = 4 * 2**20

#: Fragments that a sample of a mesh with transparent or cut-out materials gets at first; more where more
#: show.
_FIRST_LAYERS = 4


@dataclass(frozen=True)
class Picture:
    """What ``draw`` made.

    Attributes:
        image: (H, W, 3) uint8, or (H, W, 4) with straight alpha where the background is not opaque.
        coverage: Share of the samples that a face covers, 0..1.
    """

    image: NDArray[np.uint8]
    coverage: float


def draw(
    mesh: RawMesh,
    camera: Camera,
    *,
    size: tuple[int, int] = (512, 512),
    shading: str = "phong",
    background: tuple[float, ...] = DEFAULT_BACKGROUND,
    supersampling: int = 2,
    lights: NDArray[np.floating] = DEFAULT_LIGHTS,
    device: str = "cpu",
) -> Picture:
    """Draw a mesh.

    Args:
        mesh: What to draw. Missing normals are computed.
        camera: From where.
        size: Height and width of the picture, pixels.
        shading: "phong"; "flat", the faces' own normals; or "normals", a picture of the normals in view space
            (x right, y up, z towards the viewer, 0..1 for -1..1), which are those of the pixel centres.
        background: Red, green, blue and perhaps alpha, 0..1, as displayed (sRGB).
        supersampling: Samples along each side of a pixel.
        lights: (L, 14) in view space, rows as in ``scene.lights``.
        device: "cpu", "cuda" or "cuda:N".

    Raises:
        ValueError: An argument is out of range, or the mesh has no faces.
        CudaUnavailable: CUDA was asked for and does not work here.

    Example:
        >>> from r3d_cli.scene.framing import frame
        >>> mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
        >>> draw(mesh, frame(mesh), size=(8, 12)).image.shape
        (8, 12, 3)
    """
    if supersampling < 1:
        raise ValueError(f"supersampling must be at least 1, got {supersampling}")
    as_shown = shading == "normals"
    if as_shown:
        supersampling = 1
    samples = (size[0] * supersampling, size[1] * supersampling)
    check_drawing(mesh, size, background, supersampling)
    red_green_blue, alpha = background[:3], background[3] if len(background) == 4 else 1.0
    behind = np.array([*(red_green_blue if as_shown else srgb_to_linear(red_green_blue)), alpha])

    place, fetch = transfers(device)
    view, camera = unit_view(mesh, camera)
    surface = pack_surface(mesh, view, camera.R, want_normals=shading != "flat")
    faces = place(visible_faces(mesh, surface, camera))
    layers = _FIRST_LAYERS if surface.material_codes[:, 2].any() else 1
    surface = Surface(*map(place, surface))
    eye = np.array([0.0, 0.0, 0.0, 1.0] if camera.is_perspective else [0.0, 0.0, -1.0, 0.0])
    first_faces = place(np.array([0, len(faces)], np.int64))
    light_table, eye, behind = (place(x.astype(np.float32)) for x in (lights, eye, behind))

    image = np.empty((*size, 4), np.uint8)
    covered = 0
    row = 0
    while row < size[0]:
        rows = max(BAND_SAMPLES // (samples[1] * supersampling * layers), 1)
        last = min(row + rows, size[0])
        window = Window(samples, row * supersampling, last * supersampling)
        fragments = rasterize_meshes(
            place(camera.to_ndc(view, window.affine())),
            faces,
            first_faces,
            ((last - row) * supersampling, samples[1]),
            faces_per_pixel=layers,
            perspective_correct=camera.is_perspective,
            z_near=camera.z_near,
            want_dists=False,
        )
        pixels = shade_meshes(
            fragments,
            surface,
            light_table,
            eye,
            behind,
            supersampling=supersampling,
            shading=shading,
            focal=camera.focal * min(samples) / 2,
            srgb=not as_shown,
        )
        if not pixels.finished and layers < len(faces):
            layers = min(4 * layers, len(faces))
            continue
        image[row:last] = fetch(pixels.image)
        covered += int((fragments.pix_to_face[..., 0] >= 0).sum())
        row = last
    opaque = alpha == 1.0
    return Picture(np.ascontiguousarray(image[..., :3]) if opaque else image, covered / math.prod(samples))


def check_drawing(
    mesh: RawMesh, size: tuple[int, int], background: tuple[float, ...], supersampling: int = 1
) -> None:
    """Raise a ValueError unless there is something to draw and a picture to draw it in."""
    if len(mesh.faces) == 0:
        raise ValueError("the mesh has no faces; point clouds cannot be drawn yet")
    if len(background) not in (3, 4) or not all(0.0 <= c <= 1.0 for c in background):
        raise ValueError(f"background must be three or four numbers in 0..1, got {background}")
    most = MAX_IMAGE_SIDE // supersampling
    if not (min(size) >= 1 and max(size) <= most):
        raise ValueError(f"size must lie in 1..{most} pixels at this supersampling, got {size}")


def transfers(device: str) -> tuple[Callable[[Any], Any], Callable[[Any], NDArray[Any]]]:
    """To a device, and back to the host. What is None stays None."""
    if device == "cpu":
        return (lambda array: array), np.asarray
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index or "0").isdecimal():
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {device!r}")
    from r3d_cli.backend.cuda import require_cuda

    cupy = require_cuda()

    def place(array: Any) -> Any:
        with cupy.cuda.Device(int(index or 0)):
            return None if array is None else cupy.asarray(array)

    return place, cupy.asnumpy


def unit_view(mesh: RawMesh, camera: Camera) -> tuple[NDArray[np.float32], Camera]:
    """The vertices in view space, and the camera, both scaled so that most coordinates are near 1.

    Lengths then lie far from float32's ends, whatever the mesh's unit; a power of two rounds nothing.
    """
    view = camera.to_view(mesh.verts.astype(np.float64))
    reach = np.abs(view).max(axis=1)
    reach = reach[np.isfinite(reach) & (reach > 0)]
    scale = 2.0 ** -round(math.log2(np.median(reach))) if len(reach) else 1.0
    half_extent = None if camera.half_extent is None else camera.half_extent * scale
    scaled = replace(camera, T=camera.T * scale, half_extent=half_extent, z_near=camera.z_near * scale)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(view * scale, dtype=np.float32), scaled


def visible_faces(mesh: RawMesh, surface: Surface, camera: Camera) -> NDArray[np.int64]:  # (F, 3)
    """The faces, where those of single-sided materials that are seen from behind have become points."""
    sides = [material.double_sided for material in mesh.materials] + [True]
    if all(sides):
        return surface.faces
    double_sided = np.array(sides)[surface.faces_material if surface.faces_material is not None else 0]
    with np.errstate(invalid="ignore", over="ignore"):
        normals = compute_face_normals(surface.verts, surface.faces)
    if camera.is_perspective:
        away = np.einsum("ij,ij->i", normals, surface.verts[surface.faces[:, 0]]) > 0
    else:
        away = normals[:, 2] > 0
    return np.where((away & ~double_sided)[:, None], 0, surface.faces)
