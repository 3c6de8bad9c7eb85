"""Files of pictures and passes: what is written is what others read, whole or not at all."""

from __future__ import annotations

import doctest
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from r3d_cli.errors import R3dError
from r3d_cli.scene import complete, pictures, png
from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.complete import is_complete
from r3d_cli.scene.pictures import is_ours, write_passes
from r3d_cli.scene.png import write_png


def random_codes(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def encoded(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    write_png(stream, pixels, **options)
    return stream.getvalue()


@pytest.mark.parametrize("module", [png, pictures, complete])
def test_the_examples_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1), (1, 300, 3), (300, 1, 4), (700, 900, 3)]
)
def test_opencv_reads_the_codes_of_a_png(shape: tuple[int, ...], dtype: str) -> None:
    pixels = random_codes(shape, dtype)
    read = cv2.imdecode(np.frombuffer(encoded(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    order = {2: slice(None), 3: [2, 1, 0], 4: [2, 1, 0, 3]}[len(shape) if len(shape) == 2 else shape[2]]
    np.testing.assert_array_equal(read if len(shape) == 2 else read[..., order], pixels)


def test_colours_say_that_they_are_srgb_and_values_do_not() -> None:
    for name, said in (("rgb", True), ("depth", False)):
        stream = io.BytesIO()
        write_passes(stream, {name: np.zeros((2, 2, 3), np.uint8)})
        with Image.open(stream) as image:
            image.load()
            assert ("srgb" in image.info) == said


def test_pillow_reads_grey_with_alpha_and_slices() -> None:
    pixels = random_codes((9, 11, 2), "uint8")
    np.testing.assert_array_equal(Image.open(io.BytesIO(encoded(pixels))), pixels)
    turned = random_codes((9, 11, 3), "uint8").transpose(1, 0, 2)[::-1, ::2]
    np.testing.assert_array_equal(Image.open(io.BytesIO(encoded(turned))), turned)


def test_notes_of_a_png() -> None:
    notes = {"Unit": "metres", "Scale": "0.001", "Title": "größe ∞"}
    image: Any = Image.open(io.BytesIO(encoded(random_codes((4, 4), "uint16"), notes=notes)))
    image.load()
    assert image.text == notes
    with pytest.raises(ValueError, match="1 to 79 characters"):
        encoded(random_codes((4, 4), "uint8"), notes={"x" * 80: ""})


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 2), np.float32), np.zeros((2, 0), np.uint8), np.zeros((2, 2, 5), np.uint8)]
)
def test_what_no_png_can_hold(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a PNG's pixels must"):
        encoded(pixels)


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.webp", "a.jpg"])
def test_pictures_by_extension(name: str, tmp_path: Path) -> None:
    pixels = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    write_passes(tmp_path / name, {"rgb": pixels})
    with Image.open(tmp_path / name) as image:
        assert image.size == (30, 20)
        assert np.abs(np.asarray(image, int) - pixels).max() <= 2 * name.endswith("jpg")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    if name.endswith("png"):
        assert is_ours(tmp_path / name)


def test_grey_jpeg_and_webp_with_alpha(tmp_path: Path) -> None:
    grey = np.full((8, 8), 77, np.uint8)
    write_passes(tmp_path / "mask.jpg", {"mask": grey})
    with Image.open(tmp_path / "mask.jpg") as image:
        assert (image.mode, image.getpixel((3, 3))) == ("L", 77)
    clear = random_codes((8, 8, 4), "uint8")
    clear[..., 3] |= 1  # what cannot be seen may change
    write_passes(tmp_path / "rgb.webp", {"rgb": clear})
    with Image.open(tmp_path / "rgb.webp") as image:
        np.testing.assert_array_equal(image, clear)


def some_passes(height: int = 5, width: int = 7) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)

    def floats(*channels: int) -> np.ndarray:
        return random.normal(size=(height, width, *channels)).astype(np.float32)

    depth = floats()
    depth[0] = np.inf
    ids = random.integers(-1, 2**24 + 100, (height, width)).astype(np.int32)
    return {
        "rgb": random_codes((height, width, 4), "uint8"),
        "depth": depth,
        "normal": floats(3),
        "mask": depth < np.inf,
        "faceid": ids,
        "uv": floats(2),
        "position": floats(3),
    }


def test_npy_and_npz_hold_the_values_themselves(tmp_path: Path) -> None:
    passes = some_passes()
    write_passes(tmp_path / "all.npz", passes)
    with np.load(tmp_path / "all.npz") as read:
        assert list(read) == list(passes)
        for name, values in passes.items():
            np.testing.assert_array_equal(read[name], values)
            assert read[name].dtype == values.dtype
    for name, values in passes.items():
        write_passes(tmp_path / "one.npy", {name: values[:, ::2]})
        read_one = np.load(tmp_path / "one.npy")
        np.testing.assert_array_equal(read_one, values[:, ::2])
        assert read_one.dtype == values.dtype


def test_exr_holds_all_passes_as_channels(tmp_path: Path) -> None:
    exr = pytest.importorskip("OpenEXR")
    passes = some_passes(40, 7)
    write_passes(tmp_path / "all.exr", passes, notes={"unit": "metres"})
    file = exr.File(str(tmp_path / "all.exr"), separate_channels=True)
    read = {name: channel.pixels for name, channel in file.channels().items()}
    names = "R G B A Z N.X N.Y N.Z mask faceid UV.U UV.V P.X P.Y P.Z"
    assert sorted(read) == sorted(names.split())
    assert file.header()["unit"] == "metres"
    np.testing.assert_array_equal(read["Z"], passes["depth"])
    for i, axis in enumerate("XYZ"):
        np.testing.assert_array_equal(read[f"N.{axis}"], passes["normal"][..., i])
        np.testing.assert_array_equal(read[f"P.{axis}"], passes["position"][..., i])
    np.testing.assert_array_equal(read["UV.V"], passes["uv"][..., 1])
    np.testing.assert_array_equal(read["mask"], passes["mask"])
    np.testing.assert_array_equal(read["faceid"].astype(np.int64) - 1, passes["faceid"])
    alpha = passes["rgb"][..., 3] / 255
    np.testing.assert_allclose(read["A"], alpha, rtol=5e-4)
    light = srgb_to_linear(passes["rgb"][..., 0] / 255) * alpha
    np.testing.assert_allclose(read["R"], light, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "NPY", "NPZ", "EXR"])
def test_a_pipe_takes_what_a_file_takes(format: str, tmp_path: Path) -> None:
    if format == "EXR":
        pytest.importorskip("OpenEXR")
    passes = {"rgb": random_codes((90, 70, 3), "uint8")}
    suffix = next(suffix for suffix, known in pictures.FORMATS.items() if known == format)
    path = tmp_path / f"a{suffix}"
    write_passes(path, passes)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        assert cat.stdin
        assert cat.stdout
        with cat.stdin as stream:
            write_passes(stream, passes, format=format)
        piped = cat.stdout.read()
    if format == "NPZ":  # in a pipe, lengths stand behind the data
        np.testing.assert_array_equal(np.load(io.BytesIO(piped))["rgb"], passes["rgb"])
    else:
        assert piped == path.read_bytes()


@pytest.mark.parametrize(
    ("format", "passes", "message"),
    [
        ("PNG", ["rgb", "depth"], "PNG holds one pass a file, got rgb, depth"),
        ("NPY", ["rgb", "depth"], "NPY holds one pass a file, got rgb, depth"),
        ("PNG", ["depth"], "PNG holds uint8 or uint16; depth is float32"),
        ("JPEG", ["depth"], "JPEG holds uint8; depth is float32"),
        ("NPZ", [], "NPZ holds one pass a file, got none"),
    ],
)
def test_what_a_format_cannot_hold(format: str, passes: list[str], message: str) -> None:
    stream = io.BytesIO()
    with pytest.raises(ValueError, match=f"^{message}$"):
        write_passes(stream, {name: some_passes()[name] for name in passes}, format=format)
    assert not stream.getvalue()


def test_a_missing_package_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(R3dError, match=r"pip install .*'OpenEXR>=3\.3'"):
        write_passes(tmp_path / "a.exr", {"depth": np.ones((2, 2), np.float32)})
    assert not list(tmp_path.iterdir())


def test_a_picture_too_large_for_webp_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(R3dError, match="WEBP cannot hold a picture of 20000x1 pixels"):
        write_passes(tmp_path / "a.webp", {"rgb": np.zeros((1, 20000, 3), np.uint8)})
    assert not list(tmp_path.iterdir())


FULL = """
import resource, signal, sys
import numpy as np
from r3d_cli.errors import R3dError
from r3d_cli.scene.pictures import write_passes

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
try:
    write_passes(sys.argv[1], {"rgb": noise})
except OSError as error:
    print(f"{error.filename}: {error.strerror}")
except R3dError as error:
    print(error)
"""


@pytest.mark.parametrize("suffix", sorted(pictures.FORMATS))
def test_a_disk_that_takes_no_more_leaves_what_was_there(suffix: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    if suffix == ".exr":
        pytest.importorskip("OpenEXR")
    path = tmp_path / f"a{suffix}"
    path.write_text("before")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.startswith(f"{tmp_path}/")
    assert "File too large" in done.stdout
    assert path.read_text() == "before"
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [*sorted(pictures.FORMATS), ".gif", ".mp4", ".webm"])
def test_files_that_were_cut_are_not_complete(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    frames = random_codes((3, 32, 32, 3), "uint8")
    if suffix in pictures.FORMATS:
        if suffix == ".exr":
            pytest.importorskip("OpenEXR")
        write_passes(path, {"rgb": frames[0]})
    elif suffix == ".gif":
        first, *others = map(Image.fromarray, frames)
        first.save(path, save_all=True, append_images=others)
    else:
        pytest.importorskip("av")
        import imageio.v3 as iio

        iio.imwrite(path, frames, plugin="pyav", codec={".mp4": "mpeg4", ".webm": "vp9"}[suffix], fps=10)
    assert is_complete(path)
    data = path.read_bytes()
    known = suffix != ".webm"
    for kept in {1, 9, 40, len(data) // 2, len(data) - 5, len(data) - 1}:
        path.write_bytes(data[:kept])
        assert is_complete(path) != known, kept
    path.write_bytes(b"")
    assert not is_complete(path)
    path.unlink()
    assert not is_complete(path)
    path.mkdir()
    assert not is_complete(path)


def test_a_file_of_another_format_is_not_complete(tmp_path: Path) -> None:
    data = encoded(random_codes((8, 8, 3), "uint8"))
    for suffix in sorted(set(pictures.FORMATS) - {".png"}) + [".gif", ".mp4"]:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data)
        assert not is_complete(path), suffix
