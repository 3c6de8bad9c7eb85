"""Films, decoded again: frames, durations, colours, and no file that is not whole."""

from __future__ import annotations

import doctest
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

import r3d_cli.scene.films
import r3d_cli.scene.gif
from r3d_cli.errors import R3dError
from r3d_cli.scene.films import check_film, write_film

SIZE = (48, 64)  # H, W


def turning(count: int, *, alpha: bool = False, size: tuple[int, int] = SIZE) -> Iterator[np.ndarray]:
    """A shaded ball with a coloured spot that goes round, over a plain background."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    u, v = (x - size[1] / 2) / 20, (y - size[0] / 2) / 20
    inside = u * u + v * v < 1
    height = np.sqrt(np.where(inside, 1 - u * u - v * v, 0))
    for index in range(count):
        turn = 2 * np.pi * index / count
        spot = u * np.cos(turn) + v * np.sin(turn) > 0.8
        shade = 0.3 + 0.7 * height
        color = np.where(spot[..., None], (0.9, 0.2, 0.1), (0.8, 0.75, 0.7)) * shade[..., None]
        frame = np.where(inside[..., None], color, (0.11, 0.13, 0.17))
        if alpha:
            frame = np.dstack([frame, inside])
        yield np.rint(frame * 255).astype(np.uint8)


def gif_palettes(data: bytes) -> tuple[int, int]:
    """How many global and local palettes a GIF has, by walking its blocks."""
    assert data[:6] == b"GIF89a"
    has_global = data[10] >> 7
    position = 13 + has_global * 3 * 2 ** ((data[10] & 7) + 1)
    local = 0
    while data[position] != 0x3B:
        if data[position] == 0x2C:
            local += data[position + 9] >> 7
            position += 11
        else:
            assert data[position] == 0x21
            position += 2
        while data[position]:
            position += data[position] + 1
        position += 1
    assert position == len(data) - 1
    return has_global, local


def test_examples() -> None:
    assert not doctest.testmod(r3d_cli.scene.films).failed


@pytest.mark.parametrize("alpha", [False, True])
def test_a_gif_shows_what_went_in(tmp_path: Path, alpha: bool) -> None:
    path = tmp_path / "film.gif"
    frames = list(turning(36, alpha=alpha))
    write_film(path, iter(frames), fps=12)
    assert gif_palettes(path.read_bytes()) == (1, 0)
    with Image.open(path) as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (36, SIZE[::-1], 0)
        durations = []
        for image, frame in zip(ImageSequence.Iterator(film), frames, strict=True):
            durations.append(image.info["duration"])
            shown = np.asarray(image.convert("RGBA"))
            opaque = frame[..., 3] > 0 if alpha else np.ones(SIZE, bool)
            np.testing.assert_array_equal(shown[..., 3] > 0, opaque)
            error = np.abs(shown[..., :3].astype(int) - frame[..., :3])[opaque]
            assert error.max() <= 12
            assert error.mean() < 2
    assert sum(durations) == 3000
    assert set(durations) == {80, 90}
    assert [path.name for path in tmp_path.iterdir()] == ["film.gif"]


@pytest.mark.parametrize("alpha", [False, True])
def test_few_colours_are_exact(tmp_path: Path, alpha: bool) -> None:
    random = np.random.default_rng(0)
    colors = random.integers(0, 256, (255, 3 + alpha), np.uint8)
    if alpha:
        colors[:, 3] = 255
        colors[0, 3] = 0
    frames = colors[random.integers(0, 255, (5, 20, 30))]
    path = tmp_path / "film.gif"
    write_film(path, frames, fps=10)
    with Image.open(path) as film:
        for image, frame in zip(ImageSequence.Iterator(film), frames, strict=True):
            shown = np.asarray(image.convert("RGBA"))
            opaque = frame[..., -1] > 0 if alpha else np.ones((20, 30), bool)
            np.testing.assert_array_equal(shown[..., 3] == 255, opaque)
            np.testing.assert_array_equal(shown[opaque, :3], frame[opaque, :3])


def test_the_background_of_a_gif_is_exact_and_still(tmp_path: Path) -> None:
    """Also in frames of far more colours than a palette has."""
    random = np.random.default_rng(1)
    path = tmp_path / "film.gif"
    frames = np.full((6, 64, 64, 3), (250, 251, 249), np.uint8)
    frames[:, 16:48, 16:48] = random.integers(0, 256, (6, 32, 32, 3))
    write_film(path, frames, fps=10)
    with Image.open(path) as film:
        for image in ImageSequence.Iterator(film):
            shown = np.asarray(image.convert("RGB"))
            assert (shown[:16] == (250, 251, 249)).all()
            assert (shown[:, 48:] == (250, 251, 249)).all()


def test_frames_past_the_held_ones_are_written_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours that the palette was not chosen from come out as the nearest of it."""
    monkeypatch.setattr(r3d_cli.scene.gif, "HELD_BYTES", 4 * 10 * 10 * 2)
    frames = np.zeros((5, 10, 10, 4), np.uint8)
    frames[..., 3] = 255
    frames[1, ..., :3] = 200
    frames[2, ..., 2], frames[3, ..., :3] = 60, (210, 190, 230)
    frames[4, :5, :, 3] = 0
    path = tmp_path / "film.gif"
    write_film(path, iter(frames), fps=4)
    with Image.open(path) as film:
        shown = [np.asarray(image.convert("RGBA")) for image in ImageSequence.Iterator(film)]
    assert [image[9, 9].tolist() for image in shown] == [[value] * 3 + [255] for value in (0, 200, 0, 200, 0)]
    assert (shown[4][:5, :, 3] == 0).all()


def test_a_frame_that_does_not_change_still_takes_its_time(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    write_film(path, [next(turning(1))] * 4, fps=3)
    with Image.open(path) as film:
        assert sum(image.info["duration"] for image in ImageSequence.Iterator(film)) == 1330
    transparent = np.zeros((2, 5, 5, 4), np.uint8)
    write_film(path, transparent, fps=3)
    with Image.open(path) as film:
        assert not np.asarray(film.convert("RGBA"))[..., 3].any()


@pytest.mark.parametrize("alpha", [False, True])
def test_webp(tmp_path: Path, alpha: bool) -> None:
    path = tmp_path / "film.webp"
    frames = list(turning(7, alpha=alpha))
    write_film(path, iter(frames), fps=3)
    with Image.open(path) as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (7, SIZE[::-1], 0)
        total = 0
        for image, frame in zip(ImageSequence.Iterator(film), frames, strict=True):
            image.load()
            total += image.info["duration"]
            shown = np.asarray(image.convert("RGBA")).astype(int)
            if alpha:
                np.testing.assert_array_equal(shown[..., 3], frame[..., 3])
            seen = frame[..., 3] > 0 if alpha else np.ones(SIZE, bool)
            assert np.abs(shown[..., :3] - frame[..., :3])[seen].mean() < 6
    assert total == 2333


@pytest.mark.parametrize(("fps", "seconds"), [(12, 2.0), (40 / 3, 1.8)])
def test_mp4(tmp_path: Path, fps: float, seconds: float) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "film.mp4"
    frames = list(turning(24, size=(47, 63)))
    write_film(path, iter(frames), fps=fps)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it plays while it loads
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.duration * stream.time_base) == pytest.approx(seconds)
        shown = [
            picture.to_ndarray(format="rgb24", src_colorspace="ITU709") for picture in film.decode(video=0)
        ]
    assert len(shown) == 24
    assert shown[0].shape == (48, 64, 3)
    for picture, frame in zip(shown, frames, strict=True):
        error = np.abs(picture[:47, :63].astype(int) - frame)
        assert error[:4].mean() <= 3  # the background: 8 bits of luma and chroma keep no more
        assert error.mean() < 4


def test_mp4_of_one_colour_each(tmp_path: Path) -> None:
    """BT.709 both ways: the saturated colours would tell another matrix."""
    av = pytest.importorskip("av")
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]], np.uint8)
    path = tmp_path / "film.mp4"
    write_film(path, (np.broadcast_to(color, (32, 32, 3)) for color in colors), fps=5)
    with av.open(str(path)) as film:
        assert film.streams.video[0].codec_context.colorspace == 1
        shown = [
            picture.to_ndarray(format="rgb24", src_colorspace="ITU709")[16, 16]
            for picture in film.decode(video=0)
        ]
    assert np.abs(np.array(shown).astype(int) - colors).max() <= 6


def test_mp4_refuses_transparency(tmp_path: Path) -> None:
    pytest.importorskip("av")
    with pytest.raises(R3dError, match="no transparency"):
        write_film(tmp_path / "film.mp4", turning(2, alpha=True), fps=12)
    assert not list(tmp_path.iterdir())
    opaque = np.full((2, 16, 16, 4), 255, np.uint8)
    write_film(tmp_path / "film.mp4", opaque, fps=12)


def test_mp4_without_pyav_names_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(R3dError, match=r"film\.mp4: MP4 needs PyAV; .*pip install .*'imageio\[pyav\]'"):
        check_film(tmp_path / "film.mp4", fps=12)


@pytest.mark.parametrize("extension", r3d_cli.scene.films.EXTENSIONS)
@pytest.mark.parametrize("fault", [KeyboardInterrupt, R3dError])
def test_an_interrupt_leaves_what_was_there(
    tmp_path: Path, extension: str, fault: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    if extension == ".mp4":
        pytest.importorskip("av")
    monkeypatch.setattr(r3d_cli.scene.gif, "HELD_BYTES", 1)  # the file is begun

    def broken() -> Iterator[np.ndarray]:
        yield from turning(12)
        raise fault("stopped")

    path = tmp_path / f"film{extension}"
    path.write_bytes(b"before")
    with pytest.raises(fault, match="stopped"):
        write_film(path, broken(), fps=12)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("extension", r3d_cli.scene.films.EXTENSIONS)
def test_one_pixel(tmp_path: Path, extension: str) -> None:
    if extension == ".mp4":
        pytest.importorskip("av")
    write_film(tmp_path / f"film{extension}", np.full((3, 1, 1, 3), 77, np.uint8), fps=12)
    assert (tmp_path / f"film{extension}").stat().st_size


@pytest.mark.parametrize(
    ("name", "fps", "mention"),
    [
        ("film.avi", 12, ".gif"),
        ("film.gif", 60, "60"),
        ("film.webp", 0, "0 frames"),
        ("film", 1, ".mp4"),
        ("film.gif", float("nan"), "nan"),
    ],
)
def test_what_cannot_be_written_is_told_before_any_frame(name: str, fps: float, mention: str) -> None:
    with pytest.raises(ValueError, match=mention):
        check_film(name, fps=fps)


def test_wrong_frames(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    for frames in (
        [],
        [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)],
        [np.zeros((4, 4, 3), np.float32)],
        [np.zeros((4, 4), np.uint8)],
        [np.zeros((0, 4, 3), np.uint8)],
    ):
        with pytest.raises(ValueError, match="frame"):
            write_film(path, iter(frames), fps=12)
    assert not path.exists()


def test_a_film_too_large_for_its_format(tmp_path: Path) -> None:
    with pytest.raises(R3dError, match="65535"):
        write_film(tmp_path / "film.gif", np.zeros((1, 1, 65536, 3), np.uint8), fps=12)
    with pytest.raises(R3dError, match="WebP cannot hold"):
        write_film(tmp_path / "film.webp", np.zeros((2, 1, 16384, 3), np.uint8), fps=12)
    assert not list(tmp_path.iterdir())
