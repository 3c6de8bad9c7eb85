"""Values of options that are more than plain numbers: parsed, or refused in a line that names the option."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import typer

from r3d_cli.constants import MAX_IMAGE_SIDE

#: Largest side of a picture: its 2x2 samples a pixel must fit the rasterizer.
MAX_PICTURE_SIDE = MAX_IMAGE_SIDE // 2


class Size(NamedTuple):
    width: int  # pixels
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def parse_size(text: str, option: str = "--size") -> Size:
    """``512`` or ``640x480``."""
    match = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", text.strip().lower())
    size = Size(int(match[1]), int(match[2] or match[1])) if match else Size(0, 0)
    if not all(1 <= side <= MAX_PICTURE_SIDE for side in size):
        raise refuse(option, f"{text!r} is not N or WxH with sides of 1 to {MAX_PICTURE_SIDE} pixels")
    return size


def parse_color(text: str, option: str = "--background") -> tuple[float, float, float, float]:
    """A CSS colour or ``transparent``: sRGB and alpha, 0 to 1."""
    if text == "transparent":
        return (0.0, 0.0, 0.0, 0.0)
    from PIL import ImageColor

    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError:
        raise refuse(option, f"{text!r} is not a colour like white, #1e90ff or transparent") from None
    return (red / 255, green / 255, blue / 255, alpha[0] / 255 if alpha else 1.0)


def check_device(text: str, option: str = "--device") -> str:
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,4})?", text):
        raise refuse(option, f"{text!r} is not auto, cpu, cuda or cuda:N")
    return text


def check_format(text: str | None, option: str = "--format") -> None:
    """A format of mesh files, or None."""
    from r3d_cli.scene.readers import FORMATS

    if text is not None and text.lower().removeprefix(".") not in FORMATS:
        raise refuse(option, f"{text!r} is not one of {', '.join(FORMATS)}")


def check_number(value: float, option: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number strictly between ``low`` and ``high``."""
    if not (math.isfinite(value) and low < value < high):
        limits = [f"above {low:g}"] * (low > -math.inf) + [f"below {high:g}"] * (high < math.inf)
        raise refuse(option, f"{value:g} is not a finite number {' and '.join(limits)}".rstrip())
    return value


def parse_vector(text: str, option: str) -> tuple[float, float, float]:
    """``X,Y,Z``."""
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise refuse(option, f"{text!r} is not X,Y,Z") from None
    if not all(map(math.isfinite, (x, y, z))):
        raise refuse(option, f"{text!r} is not finite")
    return x, y, z


class LightOption(NamedTuple):
    direction: tuple[float, float, float]  # towards the light: x right, y up, z towards the viewer
    color: tuple[float, float, float]  # sRGB, 0 to 1
    strength: float


def parse_light(text: str, option: str = "--light") -> LightOption:
    """``X,Y,Z``, then perhaps a CSS colour, then perhaps a strength."""
    parts = [part.strip() for part in text.split(",")]
    if not 3 <= len(parts) <= 5:
        raise refuse(option, f"{text!r} is not X,Y,Z or X,Y,Z,COLOR or X,Y,Z,COLOR,STRENGTH")
    direction = parse_vector(",".join(parts[:3]), option)
    if direction == (0, 0, 0):
        raise refuse(option, f"{text!r} has no direction")
    color = parse_color(parts[3], option)[:3] if len(parts) > 3 else (1.0, 1.0, 1.0)
    try:
        strength = float(parts[4]) if len(parts) > 4 else 1.0
    except ValueError:
        raise refuse(option, f"{parts[4]!r} is not a strength") from None
    if not 0 <= strength < math.inf:
        raise refuse(option, f"{parts[4]!r} is not a strength of at least 0")
    return LightOption(direction, color, strength)


def parse_names(text: str, known: Sequence[str], option: str) -> tuple[str, ...]:
    """Names with commas between them, each one of ``known`` and there once."""
    names = tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in known:
            raise refuse(option, f"{name!r} is not one of {', '.join(known)}")
        if names.count(name) > 1:
            raise refuse(option, f"{name!r} stands there twice")
    return names


def refuse(option: str, reason: str) -> typer.BadParameter:
    return typer.BadParameter(f"{reason}.", param_hint=f"'{option}'")
