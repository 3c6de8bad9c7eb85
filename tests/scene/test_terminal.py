"""Pictures in the terminal: what is written, decoded back to pixels."""

from __future__ import annotations

import base64
import doctest
import fcntl
import io
import os
import re
import struct
import termios
import threading

import numpy as np
import pytest
from PIL import Image

import r3d_cli.scene.terminal
from r3d_cli.errors import R3dError
from r3d_cli.scene.terminal import PROTOCOLS, protocol_of, show


def shown(image: np.ndarray, columns: int | None = 1000, protocol: str | None = None) -> str:
    stream = io.StringIO()
    show(image, stream, columns, protocol=protocol)
    return stream.getvalue()


def on_a_terminal(
    image: np.ndarray,
    environment: dict[str, str],
    size: tuple[int, int, int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """What ``show`` writes to a pseudo-terminal of so many rows, columns, pixels across and down."""
    for name in ("TMUX", "STY", "COLORTERM", "TERM_PROGRAM", "KITTY_WINDOW_ID", "GHOSTTY_RESOURCES_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", *size))
    data = bytearray()

    def drain() -> None:
        try:
            while piece := os.read(master, 65536):
                data.extend(piece)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=drain)
    reader.start()
    with open(slave, "w", encoding="utf-8") as stream:
        show(image, stream)
    reader.join()
    os.close(master)
    return data.decode().replace("\r\n", "\n")


def color_of_256(index: int) -> tuple[int, int, int]:
    if index >= 232:
        return (8 + 10 * (index - 232),) * 3
    steps = (0, 95, 135, 175, 215, 255)
    return steps[(index - 16) // 36], steps[(index - 16) // 6 % 6], steps[(index - 16) % 6]


def decode_blocks(text: str) -> np.ndarray:  # (H, W, 4)
    """A terminal that knows colours, half blocks, spaces and line feeds, and nothing else."""
    clear = (0, 0, 0, 0)
    rows, row, fore, back = [], [], None, clear
    assert text.endswith("\n")
    for codes, character in re.findall(r"\x1b\[([\d;]*)m|([^\x1b])", text):
        if character == "\n":
            assert (fore, back) == (None, clear)  # the prompt is not coloured
            rows.append(row)
            row = []
        elif character:
            pair = {"▀": (fore, back), "▄": (back, fore), " ": (back, back)}[character]
            assert None not in pair
            row.append(pair)
        else:
            numbers = [int(code) for code in codes.split(";")]
            while numbers:
                head = numbers.pop(0)
                if head == 0:
                    fore, back = None, clear
                elif head == 49:
                    back = clear
                else:
                    kind, *numbers = numbers
                    count = {2: 3, 5: 1}[kind]
                    values, numbers = numbers[:count], numbers[count:]
                    color = (*(values if kind == 2 else color_of_256(values[0])), 255)
                    fore, back = (color, back) if head == 38 else (fore, color)
                    assert head in (38, 48)
    return np.array(rows, np.uint8).swapaxes(1, 2).reshape(-1, len(rows[0]), 4)


def decode_sixel(text: str) -> np.ndarray:  # (H, W, 4)
    parameters, body = re.fullmatch(r"\x1bP([\d;]*)q(.*)\x1b\\\n", text, re.S).groups()
    assert parameters.split(";")[1] == "1"  # pixels that are not set keep the background
    width, height = map(int, re.match(r'"1;1;(\d+);(\d+)', body).groups())
    image = np.zeros((-(-height // 6) * 6, width, 4), np.uint8)
    colors: dict[int, tuple[int, ...]] = {}
    current, x, y = 0, 0, 0
    body = re.sub(r'^"[\d;]+', "", body)
    for define, rgb, use, count, character, control in re.findall(
        r"#(\d+);2;([\d;]+)|#(\d+)|(?:!(\d+))?([?-~])|([$-])", body
    ):
        if define:
            colors[int(define)] = tuple(round(int(value) * 2.55) for value in rgb.split(";"))
        elif use:
            current = int(use)
        elif control:
            x, y = 0, y + 6 * (control == "-")
        else:
            run = image[y : y + 6, x : x + int(count or 1)]
            drawn = [bool((ord(character) - 63) >> bit & 1) for bit in range(6)]
            assert run.shape[1] == int(count or 1)
            assert not run[drawn].any()  # no pixel is drawn twice
            run[drawn] = (*colors[current], 255)
            x += run.shape[1]
    assert y == len(image)
    assert not image[height:].any()
    return image[:height]


def decode_kitty(text: str) -> np.ndarray:
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert "".join(f"\x1b_G{keys};{piece}\x1b\\" for keys, piece in pieces) + "\n" == text
    assert pieces[0][0].startswith("a=T,f=100,q=2,m=")
    more = [re.search(r"m=(\d)", keys).group(1) for keys, _ in pieces]
    assert more == ["1"] * (len(pieces) - 1) + ["0"]
    assert all(len(piece) <= 4096 for _, piece in pieces)
    assert all(len(piece) % 4 == 0 for _, piece in pieces)
    data = base64.standard_b64decode("".join(piece for _, piece in pieces))
    return np.asarray(Image.open(io.BytesIO(data)))


def picture(height: int, width: int, *, alpha: bool) -> np.ndarray:
    """Every neighbour differs, and with alpha some are transparent."""
    image = np.random.default_rng(height * width).integers(0, 256, (height, width, 3 + alpha), np.uint8)
    if alpha:
        image[..., 3] = np.where(image[..., 3] < 100, 0, 255)
        image[: height // 3, :, 3] = 0
    return image


def test_examples() -> None:
    results = doctest.testmod(r3d_cli.scene.terminal)
    assert results.attempted
    assert not results.failed


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (6, 9), (7, 5)])
def test_half_blocks_hold_every_pixel(size: tuple[int, int], alpha: bool) -> None:
    image = picture(*size, alpha=alpha)
    found = decode_blocks(shown(image))
    assert found.shape == (size[0] + size[0] % 2, size[1], 4)
    assert not found[size[0] :].any()
    opaque = image[..., 3] > 0 if alpha else np.ones(size, bool)
    np.testing.assert_array_equal(found[: size[0], :, 3] > 0, opaque)
    np.testing.assert_array_equal(found[: size[0]][opaque, :3], image[opaque, :3])


def test_half_blocks_of_256_colours_are_the_nearest() -> None:
    image = picture(8, 12, alpha=False)
    image[:2] = image[:2, :, :1]  # grays
    table = np.array([color_of_256(index) for index in range(16, 256)])
    nearest = ((image[..., None, :].astype(int) - table) ** 2).sum(axis=-1).min(axis=-1)
    found = decode_blocks(shown(image, protocol="blocks256"))[..., :3]
    np.testing.assert_array_equal(((found.astype(int) - image) ** 2).sum(axis=-1), nearest)


def test_equal_colours_are_not_said_again() -> None:
    assert shown(np.full((2, 50, 3), 9, np.uint8)).count("\x1b") == 2
    assert shown(np.zeros((2, 3, 4), np.uint8)) == "   \x1b[0m\n"


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (6, 9), (13, 14)])
def test_sixels_hold_every_pixel(size: tuple[int, int], alpha: bool) -> None:
    image = picture(*size, alpha=alpha)
    found = decode_sixel(shown(image, protocol="sixel"))
    opaque = image[..., 3] > 0 if alpha else np.ones(size, bool)
    np.testing.assert_array_equal(found[..., 3] > 0, opaque)
    error = np.abs(found[opaque, :3].astype(int) - image[opaque, :3])
    assert error.max(initial=0) <= 2  # colours are whole percents


def test_runs_of_sixels_are_counted() -> None:
    image = np.zeros((6, 200, 4), np.uint8)
    image[:, 20:120] = 255
    text = shown(image, protocol="sixel")
    assert "!20?!100~-" in text
    assert decode_sixel(text)[..., 3].any(axis=0).sum() == 100


@pytest.mark.parametrize("alpha", [False, True])
def test_kitty_sends_a_png_in_pieces(alpha: bool) -> None:
    image = picture(90, 70, alpha=alpha)
    text = shown(image, protocol="kitty")
    assert text.count("\x1b_G") > 3
    np.testing.assert_array_equal(decode_kitty(text), image)


@pytest.mark.parametrize(
    ("size", "columns", "expected"),
    [
        ((100, 200), 40, (20, 40)),
        ((200, 100), 40, (80, 40)),
        ((4, 6), 40, (4, 6)),
        ((1000, 1), 40, (1000, 1)),
        ((1, 1000), 40, (2, 40)),
    ],
)
def test_the_width_asked_for_bounds_the_picture(
    size: tuple[int, int], columns: int, expected: tuple[int, int]
) -> None:
    assert decode_blocks(shown(np.full((*size, 3), 50, np.uint8), columns)).shape[:2] == expected


def test_transparent_pixels_lend_no_colour_to_their_neighbours() -> None:
    image = np.zeros((40, 40, 4), np.uint8)
    image[:, ::2] = (200, 100, 50, 255)
    image[:20, :, 3] = 0
    found = decode_blocks(shown(image, 20))
    assert not found[:10].any()
    assert np.abs(found[10:].astype(int) - (200, 100, 50, 255)).max() <= 1


def test_a_terminal_bounds_the_picture_by_its_rows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.full((300, 300, 3), 50, np.uint8)
    environment = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    for rows, columns, expected in ((11, 100, (20, 20)), (100, 30, (30, 30)), (0, 0, (46, 46))):
        text = on_a_terminal(image, environment, (rows, columns, 0, 0), monkeypatch)
        assert decode_blocks(text).shape[:2] == expected


def test_a_terminal_of_pixels_gets_as_many_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(400, 400, alpha=False)
    size = (21, 80, 80 * 10, 21 * 15)  # cells of 10 x 15, 20 rows beside the prompt
    text = on_a_terminal(image, {"TERM": "xterm-kitty"}, size, monkeypatch)
    assert decode_kitty(text).shape == (300, 300, 3)
    text = on_a_terminal(image[:30, :30], {"TERM": "foot"}, size, monkeypatch)
    assert decode_sixel(text).shape == (30, 30, 4)


def test_another_stream_is_drawn_to_only_where_its_width_is_said() -> None:
    with pytest.raises(R3dError, match="none; name a file"):
        show(np.zeros((2, 2, 3), np.uint8), io.StringIO())


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm", "COLORTERM": "truecolor"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app", "COLORTERM": "truecolor"}, "sixel"),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit"}, "blocks"),
        ({"TERM": "xterm-direct"}, "blocks"),
        ({"TERM": "xterm-256color"}, "blocks256"),
        ({"TERM": "linux"}, "blocks256"),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux", "KITTY_WINDOW_ID": "1"}, "blocks256"),
        ({"TERM": "screen.xterm-kitty", "STY": "1", "COLORTERM": "truecolor"}, "blocks"),
    ],
)
def test_the_environment_tells_the_protocol(environment: dict[str, str], protocol: str) -> None:
    assert protocol_of(environment) == protocol
    assert protocol in PROTOCOLS


def test_a_terminal_without_colours() -> None:
    for environment in ({"TERM": "dumb"}, {}):
        with pytest.raises(R3dError, match="without colours"):
            protocol_of(environment)


@pytest.mark.parametrize(
    "image", [np.zeros((2, 2), np.uint8), np.zeros((2, 2, 3)), np.zeros((0, 2, 3), np.uint8)]
)
def test_wrong_images(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image must be"):
        shown(image)


def test_an_unknown_protocol() -> None:
    with pytest.raises(ValueError, match="kitty, sixel"):
        shown(np.zeros((2, 2, 3), np.uint8), protocol="ansi")
