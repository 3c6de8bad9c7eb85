"""Values of options that are more than plain numbers: parsed, or refused in a line that names the option."""

from __future__ import annotations

import math
import re
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
        raise _refuse(option, f"{text!r} is not N or WxH with sides of 1 to {MAX_PICTURE_SIDE} pixels")
    return size


def parse_color(text: str, option: str = "--background") -> tuple[float, float, float, float]:
    """A CSS colour or ``transparent``: sRGB and alpha, 0 to 1."""
    if text == "transparent":
        return (0.0, 0.0, 0.0, 0.0)
    from PIL import ImageColor

    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError:
        raise _refuse(option, f"{text!r} is not a colour like white, #1e90ff or transparent") from None
    return (red / 255, green / 255, blue / 255, alpha[0] / 255 if alpha else 1.0)


def check_device(text: str, option: str = "--device") -> str:
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,4})?", text):
        raise _refuse(option, f"{text!r} is not auto, cpu, cuda or cuda:N")
    return text


def check_number(value: float, option: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number strictly between ``low`` and ``high``."""
    if not (math.isfinite(value) and low < value < high):
        limits = [f"above {low:g}"] * (low > -math.inf) + [f"below {high:g}"] * (high < math.inf)
        raise _refuse(option, f"{value:g} is not a finite number {' and '.join(limits)}".rstrip())
    return value


def _refuse(option: str, reason: str) -> typer.BadParameter:
    return typer.BadParameter(f"{reason}.", param_hint=f"'{option}'")
