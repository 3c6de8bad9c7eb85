"""The options of ``r3d render`` that say how a mesh looks, as a `Look`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r3d_cli.commands.render_options import SOFT, Shading
from r3d_cli.commands.values import check_number, parse_color, parse_light, refuse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from r3d_cli.scene.render_file import Look

SUPERSAMPLING = 2

#: Beside lights that were given, where nothing is said of it.
AMBIENT = 0.05


def make_look(
    theme: str,
    shading: Shading | None,
    *,
    background: str | None,
    color: str | None,
    texture: str | None,
    light: Sequence[str],
    ambient: float | None,
    wireframe: float | None,
    wireframe_color: str | None,
    cull: bool,
    ssaa: int | None,
    soft: Mapping[str, float | None],
    device: str,
) -> Look:
    """Check the options against each other; what none of them says, the theme does."""
    from r3d_cli.scene.render_file import Look
    from r3d_cli.scene.themes import THEMES
    from r3d_cli.scene.wireframe import Wireframe

    of_theme = THEMES[theme]
    shading = Shading(of_theme.shading) if shading is None else shading
    given = _check_soft(shading, soft)
    if color is not None and texture is not None:
        raise refuse("--color", "and --texture both replace the mesh's materials; give one of them")
    wires = of_theme.wireframe
    if wireframe is not None:
        check_number(wireframe, "--wireframe", 0)
        wires = Wireframe((wires or Wireframe()).color, wireframe)
    if wireframe_color is not None:
        if wires is None:
            raise refuse("--wireframe-color", "is for --wireframe")
        wires = replace(wires, color=parse_color(wireframe_color, "--wireframe-color")[:3])
    if shading in SOFT:
        for option, value in (("--wireframe", wireframe), ("--ssaa", ssaa), ("--cull", cull or None)):
            if value is not None:
                raise refuse(option, f"is not for --shading {shading.value}")
    plain = parse_color(color, "--color") if color is not None else of_theme.color
    return Look(
        shading=shading.value,
        background=of_theme.background if background is None else _background(background),
        lights=_lights(of_theme.lights, light, ambient),
        supersampling=1 if shading in SOFT else ssaa or SUPERSAMPLING,
        cull=cull,
        wireframe=None if shading in SOFT else wires,
        theme=replace(of_theme, color=plain),
        texture=None if texture is None else Path(texture),
        soft=given,
        device=device,
    )


def _check_soft(shading: Shading, options: Mapping[str, float | None]) -> dict[str, Any]:
    """The options of soft shading that were given."""
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if shading not in SOFT:
            raise refuse(option, "is for --shading soft-phong and silhouette")
        if name == "gamma" and shading == Shading.silhouette:
            raise refuse(option, "is for --shading soft-phong")
        if name == "blur" and value == 0:
            continue
        check_number(value, option, 0)
    return given


def _background(text: str) -> tuple[float, ...] | Path:
    """A colour, or the file of a picture."""
    if Path(text).is_file():
        return Path(text)
    if "." in text or "/" in text:
        raise refuse("--background", f"there is no picture {text!r}")
    return parse_color(text)


def _lights(
    lights: NDArray[np.floating], given: Sequence[str], ambient: float | None
) -> NDArray[np.floating]:  # (L, 14)
    import numpy as np

    from r3d_cli.scene.color import srgb_to_linear

    if given:
        rows = []
        for text in given:
            light = parse_light(text)
            x, y, z = light.direction
            color = light.strength * srgb_to_linear(light.color)
            # View space has x to the left and z into the picture.
            rows.append([-x, y, -z, 0, 0, 0, 0, *color, *color, 0])
        lights = np.array(rows)
        lights[0, 4:7] = AMBIENT
    if ambient is not None:
        if not 0 <= ambient < math.inf:
            raise refuse("--ambient", f"{ambient:g} is not a finite number of at least 0")
        lights = lights.copy()
        lights[:, 4:7] = 0
        lights[0, 4:7] = ambient
    return lights
