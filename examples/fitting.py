"""What the fits in this folder share: targets, cameras, how near a fit came, pictures, and a quiet end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import torch
import typer
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from r3d_cli.errors import R3dError
from r3d_cli.io import IO
from r3d_cli.renderer import (
    BlendParams,
    FoVPerspectiveCameras,
    MeshRasterizer,
    RasterizationSettings,
    look_at_view_transform,
)
from r3d_cli.scene.files import replacing
from r3d_cli.structures import Meshes

FOLDER = Path(__file__).parent
SIGMA = 1e-4  # squared NDC distance over which an edge fades
#: Where the probability that a face covers a pixel has fallen to 1e-4: what lies beyond does not count.
BLUR = float(torch.tensor(1 / 1e-4 - 1).log()) * SIGMA
BLEND = BlendParams(sigma=SIGMA, gamma=1e-4)
LABEL = 20  # pixels, the height of a line of text

_interrupted = False


def load_centred(path: Path, device: str, textures: bool = False) -> Meshes:
    """A mesh, moved to its vertices' mean and scaled so that no coordinate exceeds 1."""
    mesh = IO().load_mesh(path, include_textures=textures, device=device)
    mesh.offset_verts_(-mesh.verts_packed().mean(0))
    mesh.scale_verts_(1 / float(mesh.verts_packed().abs().max()))
    return mesh


def cameras_around(device: str, views: int = 20, between: bool = False) -> FoVPerspectiveCameras:
    """The views that are fitted, on a loop in front of the target; or those halfway between them."""
    elev, azim = torch.linspace(0, 360, views), torch.linspace(-180, 180, views)
    if between:
        elev, azim = (elev[1:] + elev[:-1]) / 2, (azim[1:] + azim[:-1]) / 2
    R, T = look_at_view_transform(dist=2.7, elev=elev, azim=azim)
    return FoVPerspectiveCameras(R=R, T=T, device=device)


def cameras_on_all_sides(device: str) -> FoVPerspectiveCameras:
    """Views of which many are far from all that are fitted: from above and below, behind and beside."""
    azim = torch.arange(8) * 45.0 + 22.5
    R, T = look_at_view_transform(dist=2.7, elev=torch.tensor([30.0, -30.0] * 4), azim=azim)
    return FoVPerspectiveCameras(R=R, T=T, device=device)


def masks(mesh: Meshes, cameras: FoVPerspectiveCameras, size: int = 256) -> Tensor:  # (N, size, size) bool
    """The pixels whose centres a mesh covers, without blur."""
    fragments = MeshRasterizer(cameras, RasterizationSettings(image_size=size))(mesh.extend(len(cameras)))
    return fragments.pix_to_face[..., 0] >= 0


def overlap(mesh: Meshes, target: Meshes, cameras: FoVPerspectiveCameras) -> float:
    """Intersection over union of two silhouettes, the mean over the views."""
    ours, theirs = masks(mesh, cameras).flatten(1), masks(target, cameras).flatten(1)
    return float(((ours & theirs).sum(1) / (ours | theirs).sum(1)).mean())


def compare(mesh: Meshes, target: Meshes) -> str:
    """A line of how near a fit has come to its target, in views that were not fitted and in space."""
    device = str(mesh.device)
    between = overlap(mesh, target, cameras_around(device, between=True))
    on_all_sides = overlap(mesh, target, cameras_on_all_sides(device))
    return (
        f"silhouettes overlap by {between:.4f} between the fitted views, by {on_all_sides:.4f} on all sides; "
        f"Chamfer distance {surface_distance(mesh, target):.6f}"
    )


def surface_distance(mesh: Meshes, target: Meshes, points: int = 5000) -> float:
    """The Chamfer distance: mean squared distance of points on each surface to the other's, summed."""
    apart = torch.cdist(surface_points(mesh, points), surface_points(target, points))
    return float(apart.amin(1).square().mean() + apart.amin(0).square().mean())


def surface_points(mesh: Meshes, count: int) -> Tensor:  # (count, 3)
    """Points spread evenly over a surface: a face by its area, then a place on it (Osada et al. 2002)."""
    generator = torch.Generator().manual_seed(0)
    areas = mesh.faces_areas_packed().detach().cpu()
    face = areas.multinomial(count, replacement=True, generator=generator).to(mesh.device)
    u, v = torch.rand(2, count, 1, generator=generator).to(mesh.device)
    a, b, c = mesh.verts_packed().detach()[mesh.faces_packed()[face]].unbind(1)
    return (1 - u.sqrt()) * a + u.sqrt() * (1 - v) * b + u.sqrt() * v * c


def settling(iterations: int) -> Callable[[int], float]:
    """What the learning rate is multiplied by: 1, and over the last quarter a number that falls to 0.

    Two views an iteration are a rough sample of twenty: at a constant rate the last of them would show.
    """
    return lambda iteration: min(1.0, 4 * (1 - iteration / iterations))


def until_interrupted(iterations: int) -> Iterator[int]:
    """The iterations' numbers. Ctrl-C ends them after the current one, so that what is fitted by then is
    kept; a second one ends the script at once."""

    def stop(*_: object) -> None:
        global _interrupted
        _interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, stop)
    try:
        for iteration in range(iterations):
            yield iteration
            if _interrupted:
                print(f"interrupted after {iteration + 1} iterations; keeping their result", file=sys.stderr)
                return
    finally:
        signal.signal(signal.SIGINT, before)


def save_sheet(path: Path, rows: dict[str, Tensor]) -> None:
    """Pictures (N, H, W) or (N, H, W, C) in [0, 1], each row under its name; the file appears whole or not
    at all."""
    strips = {name: strip(pictures) for name, pictures in rows.items()}
    width = max(picture.width for picture in strips.values())
    height = sum(picture.height + LABEL for picture in strips.values())
    sheet = Image.new("RGB", (width, height), "white")
    pen, y = ImageDraw.Draw(sheet), 0
    for name, picture in strips.items():
        pen.text((4, y + LABEL / 2), name, fill="black", font=ImageFont.load_default(12), anchor="lm")
        sheet.paste(picture, (0, y + LABEL))
        y += picture.height + LABEL
    with replacing(path) as partial:
        sheet.save(partial, optimize=True)
    print(f"{path}: {sheet.width}x{sheet.height} pixels")


def strip(pictures: Tensor) -> Image.Image:
    """Pictures side by side."""
    if pictures.dim() == 3:
        pictures = pictures[..., None].expand(-1, -1, -1, 3)
    row = torch.cat(list(pictures[..., :3].detach().cpu().float()), 1)  # (H, N * W, 3)
    return Image.fromarray((row.clamp(0, 1) * 255).round().byte().numpy())


def run(script: Callable[..., None]) -> NoReturn:
    """A script as a command: a failure is one line, a closed pipe none."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # The tensors here are small: PyTorch's threads would wait for each other and stand in the way of r3d's.
    torch.set_num_threads(1)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(context_settings={"max_content_width": 100})(script)
    try:
        app(standalone_mode=False)
    except typer.Abort:
        sys.exit(130)
    except (R3dError, OSError, ValueError) as error:
        sys.exit(str(error))
    sys.exit(130 if _interrupted else 0)
