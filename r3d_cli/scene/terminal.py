"""Show a picture in the terminal, by the best means it is known to have."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError
from r3d_cli.scene.palette import OPAQUE

#: Best first.
PROTOCOLS = ("kitty", "sixel", "blocks", "blocks256")

#: A character cell where the terminal does not tell its own, pixels.
_CELL = (8, 16)  # width, height

#: Columns and rows of a terminal that does not tell them.
_WINDOW = (80, 24)

#: Largest piece of base64 that the kitty protocol takes at a time.
_CHUNK = 4096


class _Window(NamedTuple):
    columns: int
    rows: int
    cell_width: int  # pixels
    cell_height: int


def show(
    image: NDArray[np.uint8],  # (H, W, 3 or 4)
    stream: IO[str],
    columns: int | None = None,
    *,
    protocol: str | None = None,
) -> None:
    """Draw a picture where the cursor is, and leave the cursor at the start of the line below it.

    The picture is scaled to fit the terminal's width, and its height less the line of the prompt; with
    ``columns``, to that width alone. It is never enlarged beyond its own pixels, its sides keep their ratio,
    and pixels of alpha below 128 are left to the terminal's background. Nothing is asked of the terminal, so
    nothing can hang: ``protocol_of`` tells what it has from the environment.

    Args:
        image: sRGB, straight alpha.
        stream: The terminal. Another stream is drawn to only where ``columns`` says how wide it is: in
            24-bit half blocks, unless ``protocol`` names another. Half blocks are colours, characters and
            line feeds; the cursor is never moved.
        columns: Width of the picture at most, characters.
        protocol: One of PROTOCOLS; by default the best that the terminal is known to have.

    Raises:
        R3dError: The stream is no terminal and ``columns`` is None, or the terminal shows no colours.
        ValueError: The protocol is unknown, or the image is of another shape or empty.

    Example:
        >>> import io
        >>> text = io.StringIO()
        >>> show(np.full((2, 1, 3), 255, np.uint8), text, columns=80)
        >>> text.getvalue()
        '\\x1b[38;2;255;255;255;48;2;255;255;255m▀\\x1b[0m\\n'
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
        raise ValueError(f"image must be (H, W, 3) or (H, W, 4) uint8, got {image.shape} {image.dtype}")
    terminal = stream.isatty()
    if not terminal and columns is None:
        raise R3dError(
            "a picture is shown in a terminal, and this stream is none; name a file for the picture"
        )
    if protocol is None:
        protocol = protocol_of(os.environ) if terminal else "blocks"
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    window = _window(stream) if terminal else _Window(*_WINDOW, *_CELL)
    wide = columns or window.columns
    high = None if columns else max(1, window.rows - 1)  # the prompt needs a line
    if protocol in ("kitty", "sixel"):
        limits = wide * window.cell_width, high and high * window.cell_height
        fitted = _fit(image, *limits)
        stream.write(_kitty(fitted) if protocol == "kitty" else _sixel(fitted))
    else:
        fitted = _fit(image, wide, high and 2 * high)
        stream.write(_blocks(fitted, deep=protocol == "blocks"))
    stream.flush()


def protocol_of(environment: Mapping[str, str]) -> str:
    """The best of PROTOCOLS that the terminal of these environment variables is known to have.

    Where tmux or screen lies between, pictures do not get through, but colours do.

    Raises:
        R3dError: the terminal is ``dumb``: it shows no colours.

    Example:
        >>> protocol_of({"TERM": "xterm-kitty"})
        'kitty'
        >>> protocol_of({"TERM": "xterm-256color", "COLORTERM": "truecolor"})
        'blocks'
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if term in ("dumb", ""):
        raise R3dError(f"TERM={term!r} names a terminal without colours; name a file for the picture")
    kind = term.split("-")[0]
    if "TMUX" not in environment and "STY" not in environment and kind not in ("screen", "tmux"):
        if "kitty" in term or "ghostty" in term or program in ("ghostty", "WezTerm"):
            return "kitty"
        if "KITTY_WINDOW_ID" in environment or "GHOSTTY_RESOURCES_DIR" in environment:
            return "kitty"
        if kind in ("foot", "mlterm", "yaft", "contour") or "sixel" in term:
            return "sixel"
        if program in ("iTerm.app", "mintty"):
            return "sixel"
    deep = environment.get("COLORTERM", "") in ("truecolor", "24bit") or term.endswith("-direct")
    return "blocks" if deep else "blocks256"


def _window(stream: IO[str]) -> _Window:
    """Size of the terminal behind the stream, from its driver."""
    import fcntl
    import struct
    import termios

    try:
        answer = fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, bytes(8))
    except OSError:
        answer = bytes(8)
    rows, columns, width, height = struct.unpack("4H", answer)
    columns, rows = columns or _WINDOW[0], rows or _WINDOW[1]
    return _Window(columns, rows, width // columns or _CELL[0], height // rows or _CELL[1])


def _fit(
    image: NDArray[np.uint8], width: int, height: int | None
) -> NDArray[np.uint8]:  # (H, W, 3 or 4) -> (h, w, 3 or 4)
    """The picture within so many pixels, never larger than it is. Transparent pixels lend no colour."""
    from PIL import Image

    tall, wide = image.shape[:2]
    scale = min(1.0, width / wide, height / tall if height else 1.0)
    if scale == 1.0:
        return image
    size = max(1, round(wide * scale)), max(1, round(tall * scale))
    picture = Image.fromarray(image)
    if image.shape[2] == 3:
        return np.asarray(picture.resize(size, Image.Resampling.BOX))
    return np.asarray(picture.convert("RGBa").resize(size, Image.Resampling.BOX).convert("RGBA"))


def _blocks(image: NDArray[np.uint8], *, deep: bool) -> str:
    """Two pixels a character, one half in the foreground's colour and the other in the background's."""
    height, width, channels = image.shape
    opaque = np.zeros((height + height % 2, width), dtype=bool)  # an odd last line has no lower halves
    opaque[:height] = image[..., 3] >= OPAQUE if channels == 4 else True
    colors: list[list[str]] = [["49"] * width for _ in opaque]
    for y, x in np.argwhere(opaque):
        r, g, b = image[y, x, :3].tolist()
        colors[y][x] = f"2;{r};{g};{b}" if deep else f"5;{_color256(r, g, b)}"
    lines = []
    for upper, lower in zip(colors[::2], colors[1::2], strict=True):
        line, before = [], ("", "49")
        for top, bottom in zip(upper, lower, strict=True):
            block, fore, back = _block(top, bottom)
            fore = fore or before[0]
            codes = [f"38;{fore}"] * (fore != before[0])
            codes += [back if back == "49" else f"48;{back}"] * (back != before[1])
            line.append((f"\x1b[{';'.join(codes)}m" if codes else "") + block)
            before = fore, back
        lines.append("".join(line) + "\x1b[0m\n")
    return "".join(lines)


def _block(top: str, bottom: str) -> tuple[str, str, str]:
    """The character of two pixels, its foreground ("" if it has none) and its background."""
    if bottom != "49":
        return ("▀", top, bottom) if top != "49" else ("▄", bottom, "49")
    return ("▀", top, "49") if top != "49" else (" ", "", "49")


def _color256(r: int, g: int, b: int) -> int:
    """The nearest of xterm's cube of 6 x 6 x 6 colours and its 24 grays."""
    steps = (0, 95, 135, 175, 215, 255)
    cube = [min(range(6), key=lambda step: abs(steps[step] - value)) for value in (r, g, b)]
    gray = min(23, max(0, round(((r + g + b) / 3 - 8) / 10)))
    of_cube = sum((steps[step] - value) ** 2 for step, value in zip(cube, (r, g, b), strict=True))
    of_gray = sum((8 + 10 * gray - value) ** 2 for value in (r, g, b))
    return 232 + gray if of_gray < of_cube else 16 + 36 * cube[0] + 6 * cube[1] + cube[2]


def _kitty(image: NDArray[np.uint8]) -> str:
    """The kitty graphics protocol: a PNG in base64, in pieces; q=2: no answer, which nobody would read."""
    import io

    from r3d_cli.scene.pictures import encode_picture

    png = io.BytesIO()
    encode_picture(png, image)
    text = base64.standard_b64encode(png.getvalue()).decode("ascii")
    pieces = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    out = []
    for index, piece in enumerate(pieces):
        keys = ["a=T,f=100,q=2"] if index == 0 else []
        keys.append(f"m={int(index < len(pieces) - 1)}")  # whether more follows
        out.append(f"\x1b_G{','.join(keys)};{piece}\x1b\\")
    return "".join(out) + "\n"


def _sixel(image: NDArray[np.uint8]) -> str:
    """DEC's sixels: bands of six pixels, in each band a line of characters for every colour in it."""
    from r3d_cli.scene.palette import Palette, pack

    height, width, channels = image.shape
    code = pack(image)
    palette = Palette([code], transparency=channels == 4)
    ids = np.full((-(-height // 6) * 6, width), -1)
    ids[:height] = palette.ids(code)
    if palette.transparent is not None:
        ids[ids == palette.transparent] = -1
    # 1: pixels that are not set keep the terminal's background; then the aspect and the size.
    out = [f'\x1bP0;1;0q"1;1;{width};{height}']
    for index, color in enumerate(palette.colors):
        r, g, b = (round(value / 2.55) for value in color.tolist())  # percent
        out.append(f"#{index};2;{r};{g};{b}")
    for band in ids.reshape(-1, 6, width):
        colors, lines = np.unique(band, return_inverse=True)
        sixels = np.full((len(colors), width), ord("?"))  # a character's six bits, the lowest on top
        for bit, line in enumerate(lines.reshape(6, width)):
            sixels[line, np.arange(width)] += 1 << bit
        drawn = [f"#{c}{_runs(row)}" for c, row in zip(colors.tolist(), sixels, strict=True) if c >= 0]
        out += ["$".join(drawn), "-"]
    return "".join(out) + "\x1b\\\n"


def _runs(characters: NDArray[np.integer]) -> str:  # (W,)
    """Characters as text, a run as ``!``, its length and the character; empty ones at the end are dropped."""
    ends = np.append(np.flatnonzero(np.diff(characters)) + 1, len(characters)).tolist()
    out, start = [], 0
    for end in ends:
        character, count = chr(characters[start]), end - start
        if character != "?" or end < len(characters):
            out.append(f"!{count}{character}" if count > 3 else character * count)
        start = end
    return "".join(out)
