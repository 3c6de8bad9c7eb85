"""``r3d render``: pictures of mesh files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from r3d_cli.commands import render_options as options
from r3d_cli.commands.limits import use_limits
from r3d_cli.commands.threads import use_threads
from r3d_cli.commands.values import (
    MAX_PICTURE_SIDE,
    check_device,
    check_format,
    check_number,
    parse_names,
    parse_size,
    parse_vector,
    refuse,
)
from r3d_cli.constants import (
    AZIMUTH,
    ELEVATION,
    FOV,
    MAX_IMAGE_SIDE,
    NAMED_VIEWS,
    TURNTABLE_FRAMES,
    TURNTABLE_SECONDS,
)
from r3d_cli.errors import R3dError

if TYPE_CHECKING:
    from r3d_cli.scene.inputs import Input
    from r3d_cli.scene.render_file import Stand

DEFAULT_SIZE = "512"

#: What --camera takes for the cameras within each mesh's own file.
WITHIN = "file"

#: Options for cameras that r3d places, by the names of their parameters.
_PLACING = (
    "azimuth",
    "elevation",
    "distance",
    "roll",
    "target",
    "up",
    "orthographic",
    "fit",
    "views",
    "view",
    "turntable",
)


def render(
    context: typer.Context,
    files: options.Files,
    output: options.Output = None,
    format: options.Format = None,
    size: options.Size = None,
    azimuth: options.Azimuth = AZIMUTH,
    elevation: options.Elevation = ELEVATION,
    distance: options.Distance = None,
    fov: options.Fov = FOV,
    roll: options.Roll = 0.0,
    target: options.Target = None,
    up: options.UpAxis = options.Up.auto,
    orthographic: options.Orthographic = False,
    fit: options.FitTo = None,
    views: options.Views = None,
    view: options.ViewOption = None,
    camera: options.CameraFile = None,
    cameras_out: options.CamerasOut = None,
    convention: options.CamerasConvention = options.Convention.opencv,
    passes: options.Passes = "rgb",
    bits: options.Bits = 8,
    depth_scale: options.DepthScale = None,
    theme: options.ThemeOption = options.Theme.studio,
    shading: options.ShadingOption = None,
    wireframe: options.Wire = None,
    wireframe_color: options.WireColor = None,
    light: options.Lights = None,
    ambient: options.Ambient = None,
    background: options.Background = None,
    color: options.ColorOption = None,
    texture: options.TextureFile = None,
    cull: options.Cull = False,
    ssaa: options.Ssaa = None,
    sigma: options.Sigma = None,
    gamma: options.Gamma = None,
    blur: options.Blur = None,
    faces_per_pixel: options.FacesPerPixel = None,
    turntable: options.Turntable = None,
    frames: options.Frames = None,
    seconds: options.Seconds = None,
    show: options.Show = False,
    json_: options.Json = False,
    dry_run: options.DryRun = False,
    manifest: options.ManifestOption = None,
    resume: options.Resume = False,
    fail_empty: options.FailEmpty = False,
    jobs: options.Jobs = 1,
    timeout: options.Timeout = None,
    shard: options.Shard = None,
    untrusted: options.Untrusted = None,
    max_pixels: options.MaxPixels = None,
    max_faces: options.MaxFaces = None,
    max_memory: options.MaxMemory = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
) -> None:
    """Draw meshes to pictures.

    A camera frames the whole mesh from a three-quarter view; materials and textures are respected. (In an
    OBJ's MTL a grey Kd leaves a texture as it is, a coloured one multiplies it; Ns is a roughness, from 0,
    matte, to 1000.) Messages go to standard error. Exits with 1 if a file cannot be drawn; the others are
    drawn all the same.
    """
    started = time.perf_counter()
    given = [name for name in context.params if _was_given(context, name)]
    use_threads(threads)
    most = use_limits(untrusted, max_pixels, max_faces, max_memory).max_pixels
    from r3d_cli.commands.render_look import make_look
    from r3d_cli.commands.render_run import Run
    from r3d_cli.scene.passes import PASSES

    names = parse_names(passes, PASSES, "--pass")
    check_format(format)
    look = make_look(
        theme.value,
        shading,
        background=background,
        color=color,
        texture=texture,
        light=light or (),
        ambient=ambient,
        wireframe=wireframe,
        wireframe_color=wireframe_color,
        cull=cull,
        ssaa=ssaa,
        soft={"sigma": sigma, "gamma": gamma, "blur": blur, "faces_per_pixel": faces_per_pixel},
        device=check_device(device),
    )
    if bits not in (8, 16):
        raise refuse("--bits", f"{bits} is neither 8 nor 16")
    if depth_scale is not None:
        check_number(depth_scale, "--depth-scale", 0)
        if bits != 16 or "depth" not in names:
            raise refuse("--depth-scale", "is for 16-bit PNG of depth; add --pass depth --bits 16")
    sources = _find(files, shard)
    if timeout is not None:
        check_number(timeout, "--timeout", 0)
    if turntable is None:
        for name in ("frames", "seconds"):
            if name in given:
                raise refuse(f"--{name}", "is for --turntable")
    if camera is not None:
        for name in _PLACING:
            if name in given:
                raise refuse(f"--{name}", "is for cameras that r3d places; leave it or --camera out")
        lens = check_number(fov, "--fov", 0, 180) if "fov" in given else None
        stand = _stand_within(sources, size, lens) if camera == WITHIN else _stand_of_file(camera, size, lens)
    else:
        framing = _framing(
            distance=distance,
            fov=fov,
            roll=roll,
            target=target,
            up=up.value,
            orthographic=orthographic,
            fit=None if fit is None else fit.value,
        )
        if view is not None:
            for name in ("azimuth", "elevation", "views", "turntable"):
                if name in given:
                    raise refuse("--view", f"and --{name} both say where the camera stands; give one of them")
            azimuth, elevation = NAMED_VIEWS[view.value]
        turns = None if turntable is None else frames or TURNTABLE_FRAMES
        stand = _stand_around(size, framing, azimuth, elevation, views, turns)
    _check_pixels(stand, most)
    if "rgb" in names:
        _check_samples(stand, look.supersampling)
    look.load_pictures(stand.size)
    if cameras_out is not None and resume:
        raise refuse("--cameras-out", "knows nothing of pictures left out by --resume; use --manifest")
    run = Run(
        sources,
        look,
        stand,
        names,
        bits=bits,
        depth_scale=depth_scale,
        format=format,
        convention=convention.value,
        jobs=jobs,
        timeout=timeout,
        resume=resume,
        json=json_,
        show=show,
        fail_empty=fail_empty,
    )
    if turntable is not None:
        for name in ("output", "views", "passes", "bits", "show"):
            if name in given:
                raise refuse(f"--{name.replace('passes', 'pass')}", "is not for --turntable")
        length = TURNTABLE_SECONDS if seconds is None else check_number(seconds, "--seconds", 0)
        run.film(turntable, fps=len(stand.directions) / length)
    else:
        run.aim(output)
    if dry_run:
        well = run.tell(manifest)
    else:
        well = run.start(manifest=manifest, cameras_out=cameras_out, started=started)
    if not well:
        raise typer.Exit(1)


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _find(files: Sequence[str], part: str | None) -> list[Input]:
    from r3d_cli.scene.inputs import find_inputs, shard

    sources = find_inputs(files)
    if part is None:
        return sources
    try:
        share = shard(sources, part)
    except ValueError as error:
        raise refuse("--shard", str(error)) from None
    if not share:
        typer.echo(f"r3d: warning: --shard {part} gets none of {len(sources):,} files", err=True)
    return share


def _check_pixels(stand: Stand, most: int | None) -> None:
    height, width = max([stand.size, *stand.sizes], key=lambda size: size[0] * size[1])
    if most is not None and height * width > most:
        raise refuse("--size", f"{width}x{height} are more than the {most:,} pixels of --max-pixels")


def _check_samples(stand: Stand, supersampling: int) -> None:
    side = max((max(size) for size in stand.sizes), default=max(stand.size))
    if side * supersampling > MAX_IMAGE_SIDE:
        raise refuse(
            "--ssaa",
            f"{supersampling} makes {side * supersampling:,} samples along a side of {side:,} pixels, more "
            f"than the {MAX_IMAGE_SIDE:,} there can be; choose less, or a smaller --size",
        )


def _framing(
    *,
    distance: float | None,
    fov: float,
    roll: float,
    target: str | None,
    up: str,
    orthographic: bool,
    fit: str | None,
) -> dict[str, Any]:
    """Arguments of `scene.framing.frame`."""
    check_number(fov, "--fov", 0, 180)
    check_number(roll, "--roll")
    if distance is not None:
        check_number(distance, "--distance", 0)
        if fit == "bounds":
            raise refuse("--fit", "and --distance both say how near the camera is; give one of them")
    return {
        "distance": distance,
        "fov": fov,
        "roll": roll,
        "target": None if target is None else parse_vector(target, "--target"),
        "up": up,
        "orthographic": orthographic,
        "fit": fit or "sphere",
    }


def _stand_around(
    size: str | None,
    framing: dict[str, Any],
    azimuth: float,
    elevation: float,
    views: str | None,
    frames: int | None,
) -> Stand:
    from r3d_cli.scene.render_file import Stand
    from r3d_cli.scene.views import orbit, parse_views

    check_number(azimuth, "--azimuth")
    check_number(elevation, "--elevation")
    pixels = parse_size(DEFAULT_SIZE if size is None else size)
    if frames is not None:
        directions = orbit(frames, azimuth, elevation)
    else:
        try:
            directions = parse_views(views or "1").directions(azimuth, elevation)
        except ValueError as error:
            raise refuse("--views", str(error)) from None
    return Stand((pixels.height, pixels.width), directions, framing)


def _stand_of_file(camera: str, size: str | None, fov: float | None) -> Stand:
    from r3d_cli.scene.camera_files import read_cameras
    from r3d_cli.scene.render_file import Stand

    pixels = parse_size(DEFAULT_SIZE if size is None else size)
    wanted = None if size is None else (pixels.height, pixels.width)
    warnings: list[str] = []
    if fov is not None:
        try:
            read_cameras(camera, wanted)
        except R3dError:  # as of poses without a lens, for which the option is
            pass
        else:
            raise refuse("--fov", f"is for cameras without a lens, and {camera} tells it; leave it out")
    cameras = read_cameras(camera, wanted, fov=fov, warnings=warnings)
    for warning in warnings:
        typer.echo(f"r3d: warning: {warning}", err=True)
    stand = Stand((pixels.height, pixels.width), [], cameras=cameras, own_sizes=size is None)
    _check_sizes(camera, stand)
    return stand


def _stand_within(sources: Sequence[Input], size: str | None, fov: float | None) -> Stand:
    """The cameras within the mesh files themselves."""
    from r3d_cli.scene.camera_files import NamedCamera, cameras_within
    from r3d_cli.scene.render_file import Stand

    if fov is not None:
        raise refuse("--fov", "is not for the cameras within the files, which tell it; leave it out")
    pixels = parse_size(DEFAULT_SIZE if size is None else size)
    within: dict[str, Sequence[NamedCamera] | R3dError] = {}
    stand = Stand((pixels.height, pixels.width), [], own_sizes=size is None, within=within)
    for source in sources:
        try:
            if source.path == "-":
                raise R3dError("<stdin>: --camera file reads a file twice; save it and name it")
            within[source.path] = cameras_within(source.path, stand.size)
            _check_sizes(source.path, stand.of(source))
        except R3dError as error:
            within[source.path] = error
    return stand


def _check_sizes(camera: str, stand: Stand) -> None:
    for name, (height, width) in zip(stand.names, stand.sizes, strict=True):
        if max(height, width) > MAX_PICTURE_SIDE:
            raise refuse(
                "--camera",
                f"{camera}: the picture of camera {name!r} has {width}x{height} pixels, sides of "
                f"{MAX_PICTURE_SIDE} are the longest; give a --size",
            )
