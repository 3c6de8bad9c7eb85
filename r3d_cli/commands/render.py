"""``r3d render``: pictures of mesh files."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from r3d_cli.commands import render_options as options
from r3d_cli.commands.render_options import SOFT, Shading
from r3d_cli.commands.threads import use_threads
from r3d_cli.commands.values import check_device, check_number, parse_names, parse_size, parse_vector, refuse
from r3d_cli.constants import AZIMUTH, ELEVATION, FOV, TURNTABLE_FRAMES, TURNTABLE_SECONDS
from r3d_cli.errors import R3dError

if TYPE_CHECKING:
    from r3d_cli.commands.progress import Progress
    from r3d_cli.scene.camera_files import NamedCamera
    from r3d_cli.scene.inputs import Input
    from r3d_cli.scene.manifest import Manifest
    from r3d_cli.scene.outputs import OutputTemplate
    from r3d_cli.scene.render_file import Look, Outcome, Passes, Size, Stand

STANDARD_STREAM = "-"


def render(
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
    camera: options.CameraFile = None,
    cameras_out: options.CamerasOut = None,
    convention: options.CamerasConvention = options.Convention.opencv,
    passes: options.Passes = "rgb",
    bits: options.Bits = 8,
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
    jobs: options.Jobs = 1,
    timeout: options.Timeout = None,
    shard: options.Shard = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
) -> None:
    """Draw meshes to pictures.

    A camera frames the whole mesh from a three-quarter view; materials and textures are respected. Messages
    go to standard error. Exits with 1 if a file cannot be drawn; the others are drawn all the same.
    """
    started = time.perf_counter()
    use_threads(threads)
    if output is not None and turntable is not None:
        raise refuse("--turntable", "writes a film; leave out --output")
    from r3d_cli.commands.render_look import make_look

    named = parse_names(passes, _passes(), "--pass")
    look = make_look(
        theme.value, shading, background=background, color=color, texture=texture, light=light or (),
        ambient=ambient, wireframe=wireframe, wireframe_color=wireframe_color, cull=cull, ssaa=ssaa,
        soft={"sigma": sigma, "gamma": gamma, "blur": blur, "faces_per_pixel": faces_per_pixel},
        device=check_device(device),
    )  # fmt: skip
    if bits not in (8, 16):
        raise refuse("--bits", f"{bits} is neither 8 nor 16")
    if bits == 16 and "rgb" in named:
        raise refuse("--bits", "16 is for the other passes; rgb of an EXR, NPY or NPZ is linear light")
    if timeout is not None:
        check_number(timeout, "--timeout", 0)
    sources = _find(files, shard)
    stand = _stand(
        size, azimuth=azimuth, elevation=elevation, distance=distance, fov=fov, roll=roll, target=target,
        up=up.value, orthographic=orthographic, fit=fit, views=views, camera=camera,
        turning=_frames(frames, turntable),
    )  # fmt: skip
    run = _Run(
        sources, look, stand, named, bits, format, convention.value, jobs=jobs, timeout=timeout, resume=resume,
        json=json_, show=show,
    )  # fmt: skip
    if turntable is not None:
        run.film(turntable, stand, seconds)
    elif frames is not None or seconds is not None:
        raise refuse("--frames" if frames is not None else "--seconds", "is for --turntable")
    else:
        run.aim(output)
    if dry_run:
        run.tell()
        return
    run.start(manifest, cameras_out, started)


def _passes() -> Sequence[str]:
    from r3d_cli.scene.passes import PASSES

    return PASSES
