"""What ``r3d render`` draws: passes and their formats, colours, lights, samples, backgrounds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]

FRONT = ("--azimuth", "0", "--elevation", "0")
PASSES = ("rgb", "depth", "normal", "mask", "faceid", "uv", "position")

#: A square of side 2 with texture coordinates, the lower half one face and the upper half another.
SQUARE = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3 4/4\n"


@pytest.fixture
def square(tmp_path: Path) -> Path:
    path = tmp_path / "square.obj"
    path.write_text(SQUARE)
    return path


Shoot = Callable[..., np.ndarray]


@pytest.fixture
def shoot(r3d: Run, tmp_path: Path, square: Path) -> Shoot:
    """Draw a mesh, by default the square seen from the front, and return the picture."""

    def shoot(*options: object, mesh: Path = square, name: str = "out.png") -> np.ndarray:
        done = r3d("render", mesh, *FRONT, "--size", "32", *options, "-o", name)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        path = tmp_path / name
        return np.load(path) if path.suffix == ".npy" else np.asarray(Image.open(path))

    return shoot


def flat_camera(folder: Path, half_extent: float = 1.0) -> tuple[str, str]:
    """Options for a camera that sees x and y of -half_extent..half_extent, from z = 5."""
    pose = [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 5], [0, 0, 0, 1]]
    camera = {"convention": "opencv", "orthographic": half_extent, "world_to_camera": pose}
    (folder / "flat.json").write_text(json.dumps(camera))
    return "--camera", str(folder / "flat.json")


# -- Passes


def test_passes_as_values(r3d: Run, tmp_path: Path, square: Path) -> None:
    options = ("--pass", ",".join(PASSES), "--size", "16", *flat_camera(tmp_path, 2.0))
    assert r3d("render", square, *options, "-o", "all.npz").returncode == 0
    found = np.load(tmp_path / "all.npz")
    assert set(found) == set(PASSES)
    mask = found["mask"]
    expected = np.zeros((16, 16), bool)
    expected[4:12, 4:12] = True
    np.testing.assert_array_equal(mask, expected)
    assert (found["depth"][mask] == 5).all()
    assert np.isinf(found["depth"][~mask]).all()
    np.testing.assert_allclose(found["normal"][mask], np.broadcast_to([0, 0, 1], (64, 3)), atol=1e-6)
    assert set(found["faceid"][mask]) == {0, 1}
    assert (found["faceid"][~mask] == -1).all()
    centers = (np.arange(16) + 0.5) / 4 - 2
    x, y = np.meshgrid(centers, -centers)
    np.testing.assert_allclose(found["position"][mask], np.stack([x, y, 0 * x], -1)[mask], atol=1e-5)
    np.testing.assert_allclose(found["uv"][mask], np.stack([(x + 1) / 2, (y + 1) / 2], -1)[mask], atol=1e-5)
    assert found["rgb"].shape == (16, 16, 3)
    # One after the other into arrays of their own, they are the same.
    assert r3d("render", square, *options, "-o", "one_{pass}.npy").returncode == 0
    for name in PASSES:
        np.testing.assert_array_equal(np.load(tmp_path / f"one_{name}.npy"), found[name])


def test_passes_in_one_exr(r3d: Run, tmp_path: Path, square: Path) -> None:
    exr = pytest.importorskip("OpenEXR")
    options = ("--pass", ",".join(PASSES), "--size", "16", *flat_camera(tmp_path, 2.0))
    assert r3d("render", square, *options, "-o", "all.exr").returncode == 0
    assert r3d("render", square, *options, "-o", "all.npz").returncode == 0
    values = np.load(tmp_path / "all.npz")
    channels = exr.File(str(tmp_path / "all.exr"), separate_channels=True).channels()
    assert {"R", "G", "B", "Z", "N.X", "N.Z", "mask", "faceid", "UV.U", "P.Z"} <= set(channels)
    np.testing.assert_array_equal(channels["Z"].pixels, values["depth"])
    np.testing.assert_array_equal(channels["faceid"].pixels.astype(int) - 1, values["faceid"])
    np.testing.assert_array_equal(channels["P.Y"].pixels, values["position"][..., 1])


def test_an_exr_has_more_light_than_a_png(r3d: Run, tmp_path: Path, square: Path) -> None:
    exr = pytest.importorskip("OpenEXR")
    options = (
        "--light",
        "0,0,1,#ff8000,3",
        "--ambient",
        "0",
        "--color",
        "white",
        *flat_camera(tmp_path, 2.0),
    )
    assert r3d("render", square, "--size", "16", *options, "-o", "bright.exr").returncode == 0
    red, green, blue = (
        float(exr.File(str(tmp_path / "bright.exr"), separate_channels=True).channels()[c].pixels[6, 9])
        for c in "RGB"
    )
    assert 2.9 < red < 3.5  # strength 3, and perhaps a highlight
    assert green / red == pytest.approx(0.2158605, rel=2e-3)  # of the code 128, in linear light
    assert blue == 0


def test_sixteen_bits_times_their_scale_are_the_depth(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    view = ("--size", "48", "--pass", "depth")
    assert r3d("render", tetrahedron, *view, "--bits", "16", "-o", "depth.png").returncode == 0
    assert r3d("render", tetrahedron, *view, "-o", "depth.npy").returncode == 0
    depth = np.load(tmp_path / "depth.npy")
    with Image.open(tmp_path / "depth.png") as image:
        codes, scale = np.asarray(image).astype(float), float(image.info["scale"])
    there = np.isfinite(depth)
    assert 0.1 < there.mean() < 0.9
    assert (codes[~there] == 0).all()
    np.testing.assert_allclose(codes[there] * scale, depth[there], atol=0.51 * scale)


def test_one_depth_scale_for_all_pictures(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    options = "--pass", "depth", "--bits", "16", "--size", "24", "--views", "2", "-o", "{view}.png"
    assert r3d("render", tetrahedron, *options, "--depth-scale", "0.001").returncode == 0
    exact = "--pass", "depth", "--size", "24", "--views", "2", "-o", "{view}.npy"
    assert r3d("render", tetrahedron, *exact).returncode == 0
    for view in (0, 1):
        with Image.open(tmp_path / f"{view}.png") as picture:
            assert json.loads(picture.text["scale"]) == 0.001
            codes = np.asarray(picture)
        depth = np.load(tmp_path / f"{view}.npy")
        there = np.isfinite(depth)
        assert (codes[~there] == 0).all()
        np.testing.assert_allclose(codes[there] * 0.001, depth[there], atol=0.0005 + 1e-6)
    far = r3d("render", tetrahedron, *options, "--depth-scale", "1e-6")
    assert far.returncode == 1
    assert "beyond 65535 steps of 1e-06; give a greater --depth-scale" in far.stderr
    for more in (("--pass", "depth"), ("--pass", "normal", "--bits", "16")):
        refused = r3d("render", tetrahedron, *more, "--depth-scale", "0.001")
        assert refused.returncode == 2
        assert "is for 16-bit PNG of depth" in refused.stderr


def test_eight_bits_are_for_looking(shoot: Shoot, tmp_path: Path) -> None:
    assert shoot("--pass", "mask").tolist() == shoot("--pass", "mask", name="mask.webp")[..., 0].tolist()
    normal = shoot("--pass", "normal")
    assert normal[16, 16].tolist() == [128, 128, 255]
    assert normal[0, 0].tolist() == [0, 0, 0]
    u, v, _ = shoot("--pass", "uv")[8, 24].tolist()
    assert u > 150 < v
    assert shoot("--pass", "depth")[16, 16] == 255


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--pass", "dpeth"), "'dpeth' is not one of rgb, depth"),
        (("--pass", "mask,mask"), "'mask' stands there twice"),
        (("--pass", "depth", "--bits", "12"), "--bits"),
        (("--pass", "depth", "--bits", "16", "-o", "d.npy"), "--bits"),
        (("--pass", "rgb,depth", "-o", "d.npy"), "{pass}"),
        (("--color", "nocolour"), "--color"),
        (("--color", "red", "--texture", "a.png"), "--color"),
        (("--light", "0,0,0"), "--light"),
        (("--light", "0,0,1,red,-2"), "--light"),
        (("--ambient", "-1"), "--ambient"),
        (("--ssaa", "0"), "--ssaa"),
        (("--wireframe-color", "red"), "--wireframe"),
        (("--shading", "silhouette", "--cull"), "--cull"),
        (("--shading", "toon"), "--shading"),
        (("--theme", "baroque"), "--theme"),
    ],
)
def test_wrong_values_are_named(r3d: Run, square: Path, options: tuple[str, ...], words: str) -> None:
    done = r3d("render", square, *options)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert words in line


# -- Colour and light


def linear(codes: object) -> np.ndarray:
    values = np.asarray(codes, float) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


DARK = ("--ambient", "0", "--light", "0,0,1,black")


def test_color_replaces_the_materials(shoot: Shoot, tmp_path: Path) -> None:
    tinted = "\n".join(
        f"{line} 0 0 1" if line.startswith("v ") else line for line in SQUARE.splitlines()
    )  # blue vertices
    (tmp_path / "tinted.obj").write_text(tinted + "\n")
    own = shoot(mesh=tmp_path / "tinted.obj")[16, 16].astype(int)
    red = shoot("--color", "red", mesh=tmp_path / "tinted.obj")[16, 16].astype(int)
    assert own[2] > own[0] + 50
    assert red[0] > red[2] + 50
    clear = shoot("--color", "#ff000080", "--background", "lime", *DARK)[16, 16]
    assert 150 < clear[1] < 220  # half of the green comes through


def test_lights_come_from_where_they_say(shoot: Shoot, tetrahedron: Path, tmp_path: Path) -> None:
    """A roof: its left side faces left and up, its right side right and up."""
    (tmp_path / "roof.obj").write_text(
        "v -1 0 0\nv 0 0 1\nv 1 0 0\nv -1 1 0\nv 0 1 1\nv 1 1 0\nf 1 2 5 4\nf 2 3 6 5\n"
    )
    only = ("--ambient", "0", "--shading", "flat", "--color", "#808080")

    def sides(*lights: str) -> tuple[np.ndarray, np.ndarray]:
        options = [part for light in lights for part in ("--light", light)]
        picture = shoot(*only, *options, mesh=tmp_path / "roof.obj").astype(int)
        return picture[16, 12], picture[16, 19]

    left, right = sides("-1,0,0.2")
    assert left.min() > 100 + right.max()
    left, right = sides("1,0,0.2")
    assert right.min() > 100 + left.max()
    left, right = sides("-1,0,0.2,red", "1,0,0.2,blue,0.5")
    assert left[0] > left[2] + 50
    assert right[2] > right[0] + 50
    weak, strong = sides("0,0,1,white,0.2")[0], sides("0,0,1,white,0.8")[0]
    assert linear(strong)[1] > 3 * linear(weak)[1]


def test_ambient_light_is_linear(shoot: Shoot) -> None:
    """White under half of white's light, and nothing else: 188 in sRGB."""
    assert (
        shoot("--ambient", "0.5", "--light", "0,0,1,black", "--color", "white")[16, 16].tolist() == [188] * 3
    )
    assert shoot(*DARK)[16, 16].tolist() == [0, 0, 0]


@pytest.mark.parametrize("ssaa", ["2", "4"])
def test_an_edge_mixes_in_linear_light(r3d: Run, tmp_path: Path, ssaa: str) -> None:
    """Black covers the left half of the pixels of column 2 before white: 188, and not 128."""
    (tmp_path / "half.obj").write_text("v -9 -9 0\nv 0.25 -9 0\nv 0.25 9 0\nv -9 9 0\nf 1 2 3 4\n")
    options = (*DARK, *flat_camera(tmp_path), "--size", "4", "--background", "white")
    done = r3d("render", "half.obj", *options, "--ssaa", ssaa, "-o", "half.png")
    assert done.returncode == 0, done.stderr
    row = np.asarray(Image.open(tmp_path / "half.png"))[1, :, 0].tolist()
    assert row[0] == row[1] == 0
    assert abs(row[2] - 188) <= 1
    assert row[3] == 255
    assert r3d("render", "half.obj", *options, "--ssaa", "1", "-o", "hard.png").returncode == 0
    assert set(np.asarray(Image.open(tmp_path / "hard.png")).ravel()) == {0, 255}


def test_unlit_is_the_colour_itself(shoot: Shoot) -> None:
    assert shoot("--shading", "unlit", "--color", "#808080")[16, 16].tolist() == [128] * 3


def test_gouraud_has_the_light_of_the_vertices(shoot: Shoot) -> None:
    """A plane under a directional light has one light, whichever way; its highlight differs."""
    options = ("--light", "0.5,0.2,1", "--fov", "60")
    assert (shoot("--shading", "gouraud", *options) != shoot("--shading", "phong", *options)).any()


def test_cull_leaves_out_what_is_seen_from_behind(shoot: Shoot) -> None:
    assert shoot("--pass", "mask", "--cull")[16, 16] == 255
    assert shoot("--pass", "mask", "--azimuth", "180")[16, 16] == 255
    assert shoot("--pass", "mask", "--azimuth", "180", "--cull").max() == 0


def test_a_wireframe_is_drawn_over_the_faces(shoot: Shoot) -> None:
    plain = shoot("--color", "white").astype(int)
    wires = shoot("--color", "white", "--wireframe", "2", "--wireframe-color", "red").astype(int)
    changed = np.abs(plain - wires).max(axis=2) > 50
    assert 0.02 < changed.mean() < 0.5
    assert (wires[changed][:, 0] > wires[changed][:, 1]).all()


@pytest.mark.parametrize("theme", ["clay", "blueprint"])
def test_a_theme_changes_the_look_and_options_come_before_it(shoot: Shoot, theme: str) -> None:
    assert np.abs(shoot("--theme", "studio").astype(int) - shoot("--theme", theme)).max() > 30
    assert shoot("--theme", theme, "--background", "#010203")[0, 0].tolist() == [1, 2, 3]


# -- Backgrounds


@pytest.fixture
def stripes(tmp_path: Path) -> Path:
    """Twice as wide as high; red, green, green, blue."""
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:, :16, 0] = picture[:, 16:48, 1] = picture[:, 48:, 2] = 255
    path = tmp_path / "stripes.png"
    Image.fromarray(picture).save(path)
    return path


@pytest.mark.parametrize("shading", ["phong", "silhouette"])
def test_a_picture_as_background_covers(shoot: Shoot, stripes: Path, shading: str) -> None:
    square = shoot("--background", stripes, "--shading", shading)
    assert square[1, 1].tolist() == square[1, -2].tolist() == [0, 255, 0]  # the middle stays
    assert square[16, 16, 1] < 250
    wide = shoot("--background", stripes, "--shading", shading, "--size", "64x32")
    assert wide[1, 2].tolist() == [255, 0, 0]
    assert wide[1, -3].tolist() == [0, 0, 255]


def test_a_background_that_is_no_picture(r3d: Run, square: Path) -> None:
    done = r3d("render", square, square, "--background", square)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"r3d: error: {square}: cannot be read as the picture of --background")


def test_transparency_needs_a_format_that_has_it(shoot: Shoot, r3d: Run, square: Path) -> None:
    for name in ("a.png", "a.webp"):
        picture = shoot("--background", "transparent", name=name)
        assert picture[0, 0, 3] == 0
        assert picture[16, 16, 3] == 255
    done = r3d("render", square, "--background", "#ffffff80", "-o", "a.jpg")
    assert done.returncode == 2
    assert "JPEG has no transparency" in done.stderr
