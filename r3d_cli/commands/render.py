"""``r3d render``: a picture of a mesh file."""

from __future__ import annotations

import enum
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from r3d_cli.commands.threads import use_threads
from r3d_cli.commands.values import check_device, check_number, parse_color, parse_size
from r3d_cli.constants import AZIMUTH, ELEVATION, FOV
from r3d_cli.errors import R3dError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from r3d_cli.scene.model import RawMesh


class Shading(str, enum.Enum):
    phong = "phong"
    flat = "flat"
    normals = "normals"
    soft_phong = "soft-phong"
    silhouette = "silhouette"


SOFT = (Shading.soft_phong, Shading.silhouette)


class Up(str, enum.Enum):
    auto = "auto"
    y = "y"
    z = "z"


STANDARD_STREAM = "-"
SUPERSAMPLING = 2  # samples along each side of a pixel


def render(
    mesh: Annotated[
        str,
        typer.Argument(metavar="MESH", help="Mesh file: OBJ, PLY, STL, OFF, GLB, glTF; - is standard input."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            show_default="MESH's name with .png, in this directory",
            help="Picture to write: PNG, JPEG or WebP by its extension; - writes a PNG to standard output.",
        ),
    ] = None,
    size: Annotated[str, typer.Option(metavar="N|WxH", help="Width and height, pixels.")] = "512",
    azimuth: Annotated[
        float, typer.Option(metavar="DEGREES", help="Camera's turn about the up axis, degrees.")
    ] = AZIMUTH,
    elevation: Annotated[
        float, typer.Option(metavar="DEGREES", help="Camera's height over the horizon, degrees.")
    ] = ELEVATION,
    distance: Annotated[
        float | None,
        typer.Option(
            metavar="D",
            show_default="the whole mesh fits",
            help="From the camera to the mesh's centre, in the mesh's units.",
        ),
    ] = None,
    fov: Annotated[
        float, typer.Option(metavar="DEGREES", help="Field of view over the shorter side, degrees.")
    ] = FOV,
    up: Annotated[Up, typer.Option(help="Axis that points up; auto: the format's own, else y.")] = Up.auto,
    shading: Annotated[
        Shading,
        typer.Option(
            help="Smooth, faceted, the normals as colours; or soft, as differentiable renderers draw: lit "
            "faces that blend, or the black silhouette."
        ),
    ] = Shading.phong,
    sigma: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            show_default="1e-4",
            help="Soft shading: width of a face's edge, squared NDC distance (the shorter side is 2 long).",
        ),
    ] = None,
    gamma: Annotated[
        float | None,
        typer.Option(
            metavar="G",
            show_default="1e-4",
            help="soft-phong: how fast faces fade with depth, a share of the mesh's depth.",
        ),
    ] = None,
    blur: Annotated[
        float | None,
        typer.Option(
            metavar="PIXELS",
            show_default="where sigma leaves 1e-4 of a face",
            help="Soft shading: how far from a face it still counts, pixels.",
        ),
    ] = None,
    faces_per_pixel: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            min=1,
            show_default="16; silhouette: all",
            help="Soft shading: only the K nearest faces of a pixel count.",
        ),
    ] = None,
    background: Annotated[
        str, typer.Option(metavar="COLOR", help="A CSS colour (white, #1e90ff) or transparent.")
    ] = "white",
    texture: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            show_default="the mesh's own",
            help="Image to put on the mesh by its texture coordinates.",
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            metavar="auto|cpu|cuda[:N]",
            help="Where to draw; auto: the GPU where that pays off, else the CPU.",
        ),
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=1024,
            show_default="as many as this process may use CPUs",
            help="CPU threads; the variable R3D_NUM_THREADS sets them too.",
        ),
    ] = None,
) -> None:
    """Draw MESH to a picture.

    The camera frames the whole mesh from a three-quarter view; materials and textures are respected.
    """
    start = time.perf_counter()
    pixels = parse_size(size)
    behind = parse_color(background)
    check_device(device)
    check_number(azimuth, "--azimuth")
    check_number(elevation, "--elevation")
    check_number(fov, "--fov", 0, 180)
    if distance is not None:
        check_number(distance, "--distance", 0)
    soft = _check_soft(shading, sigma=sigma, gamma=gamma, blur=blur, faces_per_pixel=faces_per_pixel)
    target = _check_target(output, mesh, opaque=behind[3] == 1.0)
    use_threads(threads)
    raw = _read(mesh, texture)

    from r3d_cli.backend.devices import choose_device
    from r3d_cli.scene.draw import draw
    from r3d_cli.scene.framing import frame

    supersampling = 1 if shading in SOFT else SUPERSAMPLING
    choice = choose_device(
        device, faces=len(raw.faces), samples=pixels.width * pixels.height * supersampling**2
    )
    try:
        camera = frame(raw, azimuth=azimuth, elevation=elevation, distance=distance, fov=fov, up=up.value)
    except ValueError as error:  # the options were checked above, so this is about the mesh
        raise R3dError(f"{mesh}: {error}") from error
    look: dict[str, Any] = {
        "size": (pixels.height, pixels.width),
        "shading": shading.value,
        "background": behind,
    }
    if shading in SOFT:
        from r3d_cli.scene.soft import draw_soft

        picture = draw_soft(raw, camera, **look, **soft, device=choice.device)
    else:
        picture = draw(raw, camera, **look, supersampling=SUPERSAMPLING, device=choice.device)
    _write(target, picture.image)
    typer.echo(
        f"{target or 'standard output'}: {pixels} pixels, {len(raw.faces):,} faces, "
        f"{choice.device} ({choice.reason}), {time.perf_counter() - start:.2f} s",
        err=target is None,
    )


def _check_soft(shading: Shading, **options: float | None) -> dict[str, Any]:
    """The options of soft shading that were given."""
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if shading not in SOFT:
            raise typer.BadParameter("is for --shading soft-phong and silhouette.", param_hint=f"'{option}'")
        if name == "gamma" and shading == Shading.silhouette:
            raise typer.BadParameter("is for --shading soft-phong.", param_hint=f"'{option}'")
        if name == "blur" and value == 0:
            continue
        check_number(value, option, 0)
    return given


def _check_target(output: str | None, mesh: str, *, opaque: bool) -> Path | None:
    """Where the picture goes; None is standard output. Refuses what cannot work before any work is done."""
    if output == STANDARD_STREAM:
        return None
    from r3d_cli.scene.pictures import is_ours, picture_format

    target = Path(output if output is not None else _default_name(mesh))
    try:
        format = picture_format(target)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.", param_hint="'--output'") from None
    if format == "JPEG" and not opaque:
        raise typer.BadParameter("JPEG has no transparency, choose PNG or WebP.", param_hint="'--background'")
    if target.is_dir():
        raise R3dError(f"{target}: is a directory; name a file in it")
    if not target.parent.is_dir():
        raise R3dError(f"{target}: there is no directory {target.parent}")
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise R3dError(f"{target}: permission denied; name a writable file with -o")
    if output is None and target.exists() and not is_ours(target):
        # Scans come as model.obj beside their texture model.png.
        raise R3dError(f"{target}: exists and r3d did not write it (a texture?); name the picture with -o")
    return target


def _default_name(mesh: str) -> str:
    stem = "" if mesh == STANDARD_STREAM else Path(mesh).stem
    return f"{stem or 'mesh'}.png"


def _read(mesh: str, texture: str | None) -> RawMesh:
    """Read the mesh, pass on the reader's warnings, and refuse what has nothing to draw."""
    from r3d_cli.scene.readers import read_mesh

    name = "<stdin>" if mesh == STANDARD_STREAM else mesh
    raw = read_mesh(mesh)
    for warning in raw.warnings:
        typer.echo(f"r3d: warning: {warning}", err=True)
    if not len(raw.faces):
        what = f"only {len(raw.verts):,} points" if len(raw.verts) else "no faces"
        raise R3dError(f"{name}: has {what}; render draws triangle meshes")
    if texture is not None:
        _put_texture(raw, texture, name)
    return raw


def _put_texture(raw: RawMesh, file: str, name: str) -> None:
    """Cover the whole mesh with the image ``file`` instead of its own materials."""
    from r3d_cli.scene.model import Material, Texture
    from r3d_cli.scene.readers.images import ImageError, read_image

    if raw.uvs is None:
        raise R3dError(f"{name}: has no texture coordinates to put {file} on; leave out --texture")
    if not Path(file).is_file():
        raise R3dError(f"{file}: no such image for --texture")
    try:
        image = read_image(Path(file), alpha=True)
    except ImageError as error:
        raise R3dError(f"{file}: cannot be read as the image of --texture: {error}") from error
    raw.materials = [Material(base_color=(1.0, 1.0, 1.0, 1.0), base_color_texture=Texture(image))]
    raw.faces_material = None
    raw.colors = None


def _write(target: Path | None, image: NDArray[np.uint8]) -> None:
    from r3d_cli.scene.pictures import encode_picture, write_picture

    if target is not None:
        write_picture(target, image)
    else:
        encode_picture(sys.stdout.buffer, image)
        sys.stdout.buffer.flush()
