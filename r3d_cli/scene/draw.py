"""From a mesh and a camera to a picture and its passes: rasterize, shade, measure, band by band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.backend.shade_meshes import SHADINGS, shade_meshes
from r3d_cli.constants import MAX_IMAGE_SIDE
from r3d_cli.scene.camera import Camera
from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.drawable import Drawable as Drawable
from r3d_cli.scene.drawable import View, as_drawable
from r3d_cli.scene.lights import DEFAULT_LIGHTS
from r3d_cli.scene.measure import Measurement
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.passes import PASSES
from r3d_cli.scene.wireframe import Wireframe as Wireframe

#: A colour, red, green, blue and perhaps alpha; or a picture.
Background = tuple[float, ...] | NDArray[np.uint8]

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
        image: (H, W, 3) uint8, or (H, W, 4) with straight alpha where the background is not opaque; None
            where "rgb" was not asked for.
        coverage: Share of the samples that a face covers, 0..1.
        passes: All that was asked for, by name; see ``scene.passes``.
        light: (H, W, 3 or 4) float32, what ``image`` shows as linear light, unbounded, with straight alpha;
            None where it was not asked for.
    """

    image: Any  # NDArray[np.uint8] | None
    coverage: float
    passes: dict[str, NDArray[Any]] = field(default_factory=dict)
    light: NDArray[np.float32] | None = None


def draw(
    mesh: RawMesh | Drawable,
    camera: Camera,
    *,
    size: tuple[int, int] = (512, 512),
    passes: Sequence[str] = ("rgb",),
    shading: str | None = None,
    background: Background = DEFAULT_BACKGROUND,
    supersampling: int = 2,
    lights: NDArray[np.floating] = DEFAULT_LIGHTS,
    cull: bool = False,
    wireframe: Wireframe | None = None,
    want_light: bool = False,
    device: str | None = None,
) -> Picture:
    """Draw a mesh.

    Args:
        mesh: What to draw; a ``Drawable`` saves the preparation when there is more than one picture.
        camera: From where.
        size: Height and width of the picture, pixels.
        passes: Of "rgb", the picture, and what else the camera measures: "depth", "normal", "mask",
            "faceid", "uv", "position". Those are of the centres of the pixels, whatever the supersampling;
            ``scene.passes`` says what they hold.
        shading: "phong"; "gouraud", lit at the vertices and interpolated; "flat", the faces' own normals;
            "unlit", base colour and emission; or "normals", a picture of the normals in view space (x right,
            y up, z towards the viewer, 0..1 for -1..1), which are those of the pixel centres. None: as the
            ``Drawable`` says, or "phong".
        background: Red, green, blue and perhaps alpha, 0..1, as displayed (sRGB); or a picture of this
            ``size``, (H, W, 3) or (H, W, 4) uint8, straight alpha.
        supersampling: Samples along each side of a pixel.
        lights: (L, 14) in view space, rows as in ``scene.lights``.
        cull: Leave out all faces that are seen from behind.
        wireframe: Draw the edges of the visible faces over the shaded ones, smoothed by the supersampling.
        want_light: Also return the picture in linear light, with "rgb".
        device: "cpu", "cuda" or "cuda:N". None: that of the ``Drawable``, or "cpu".

    Raises:
        ValueError: An argument is out of range, or the mesh has no faces.
        CudaUnavailable: CUDA was asked for and does not work here.

    Example:
        >>> from r3d_cli.scene.framing import frame
        >>> mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
        >>> picture = draw(mesh, frame(mesh), size=(8, 12), passes=("rgb", "depth"))
        >>> picture.image.shape, picture.passes["depth"].shape
        ((8, 12, 3), (8, 12))
    """
    drawable = as_drawable(mesh, shading=shading, device=device)
    shading = drawable.shading if shading is None else shading
    if supersampling < 1:
        raise ValueError(f"supersampling must be at least 1, got {supersampling}")
    if shading not in SHADINGS:
        raise ValueError(f"shading must be one of {', '.join(SHADINGS)}, got {shading!r}")
    for name in passes:
        if name not in PASSES:
            raise ValueError(f"passes must be of {', '.join(PASSES)}, got {name!r}")
    as_shown = shading == "normals"
    want_rgb = "rgb" in passes
    if as_shown or not want_rgb:
        supersampling = 1
    check_drawing(size, background, supersampling)
    if isinstance(background, np.ndarray):
        backdrop, behind = _as_rgba(background), np.ones(4)
        opaque = bool((backdrop[..., 3] == 255).all())
    else:
        backdrop, behind = None, _as_light(background, as_shown)
        opaque = behind[3] == 1.0

    view = View(drawable, camera, cull=cull)
    flat = shading == "flat"
    measurement = Measurement(view, size, [name for name in passes if name != "rgb"], flat=flat)
    samples = (size[0] * supersampling, size[1] * supersampling)
    layers = min(_FIRST_LAYERS, len(drawable.faces)) if drawable.has_holes else 1
    light_table, behind = (drawable.place(np.asarray(x, np.float32)) for x in (lights, behind))
    line = None if wireframe is None else _as_light(wireframe.color, as_shown)

    channels = 3 if opaque else 4
    image = np.empty((*size, channels), np.uint8) if want_rgb else None
    light = np.empty((*size, channels), np.float32) if want_rgb and want_light else None
    covered = 0
    row = 0
    while row < size[0]:
        rows = max(BAND_SAMPLES // (samples[1] * supersampling * layers), 1)
        last = min(row + rows, size[0])
        fragments = None
        if image is not None:
            fragments = view.rasterize(
                samples,
                (row * supersampling, last * supersampling),
                layers=layers,
                want_dists=wireframe is not None,
            )
            if line is not None and wireframe is not None:
                # Half the width on either side; the shorter side of the band is 2 long.
                line[3] = (wireframe.width / min(last - row, size[1])) ** 2
            pixels = shade_meshes(
                fragments,
                view.bare_surface if flat else view.surface,
                light_table,
                view.eye,
                behind,
                backdrop=None if backdrop is None else drawable.place(backdrop[row:last]),
                wireframe=None if line is None else drawable.place(line.astype(np.float32)),
                supersampling=supersampling,
                shading=shading,
                focal=view.camera.focal * min(samples) / 2,
                srgb=not as_shown,
                channels=channels,
                want_linear=light is not None,
                check_ids=False,
            )
            if not pixels.finished and layers < len(drawable.faces):
                layers = min(4 * layers, len(drawable.faces))
                continue
            image[row:last] = drawable.fetch(pixels.image)
            if light is not None:
                light[row:last] = drawable.fetch(pixels.linear)[..., :channels]
        if measurement.passes or fragments is None:
            centers = _centers(fragments, supersampling)
            if centers is None:
                centers = view.rasterize(
                    size, (row, last), layers=layers, want_bary_coords=measurement.wants_bary_coords
                )
            nearest = measurement.nearest(centers)
            if nearest is None:
                layers = min(4 * layers, len(drawable.faces))
                continue
            shown = measurement.measure(nearest, row)
        if fragments is not None:
            shown = int((fragments.pix_to_face[..., 0] >= 0).sum())
        covered += shown
        row = last
    made: dict[str, Any] = {"rgb": image, **measurement.passes}
    return Picture(image, covered / math.prod(samples), {name: made[name] for name in passes}, light)


def _as_light(color: Sequence[float], as_shown: bool) -> NDArray[np.float64]:  # (4,)
    """A colour as the shading adds it up: linear but for pictures of values, with its alpha."""
    rgb = np.asarray(color[:3], np.float64)
    return np.array([*(rgb if as_shown else srgb_to_linear(rgb)), color[3] if len(color) == 4 else 1.0])


def _as_rgba(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:  # (H, W, 3 or 4) -> (H, W, 4)
    if picture.shape[2] == 4:
        return np.ascontiguousarray(picture)
    return np.concatenate([picture, np.full((*picture.shape[:2], 1), 255, np.uint8)], axis=2)


def _centers(fragments: Fragments | None, supersampling: int) -> Fragments | None:
    """Those of the samples that are the centres of pixels; None: there are none."""
    if fragments is None or supersampling % 2 == 0:
        return None
    if supersampling == 1:
        return fragments
    middle = supersampling // 2
    at = slice(middle, None, supersampling)
    return Fragments(*(None if part is None else part[:, at, at].copy() for part in fragments))


def check_drawing(size: tuple[int, int], background: Background, supersampling: int = 1) -> None:
    """Raise a ValueError unless there is a picture to draw in."""
    if isinstance(background, np.ndarray):
        if background.dtype != np.uint8 or background.shape not in ((*size, 3), (*size, 4)):
            raise ValueError(
                f"background must be a colour or uint8 of shape {(*size, 3)} or {(*size, 4)}, got "
                f"{background.dtype} of shape {background.shape}"
            )
    elif len(background) not in (3, 4) or not all(0.0 <= c <= 1.0 for c in background):
        raise ValueError(f"background must be three or four numbers in 0..1, got {background}")
    most = MAX_IMAGE_SIDE // supersampling
    if not (min(size) >= 1 and max(size) <= most):
        raise ValueError(f"size must lie in 1..{most} pixels at this supersampling, got {size}")
