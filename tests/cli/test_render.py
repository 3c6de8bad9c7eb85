"""``r3d render``, through the installed command."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Drawn = Callable[["subprocess.CompletedProcess[str]"], list[str]]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_writes_a_picture_named_after_the_mesh_into_this_directory(
    r3d: Run, tmp_path: Path, tetrahedron: Path
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    mesh = tetrahedron.rename(folder / "thing.obj")
    done = r3d("render", mesh)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("thing.png: 512x512 pixels, 4 faces, cpu (")
    assert done.stderr.endswith(" s\n")
    picture = pixels(tmp_path / "thing.png")
    assert picture.shape == (512, 512, 3)
    assert 0.05 < np.mean((picture != 255).any(axis=2)) < 0.95
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "thing.png"]


def test_a_second_run_replaces_its_own_picture(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    assert r3d("render", tetrahedron, "--size", "32").returncode == 0
    assert r3d("render", tetrahedron, "--size", "48").returncode == 0
    assert pixels(tmp_path / "tetrahedron.png").shape == (48, 48, 3)


def test_a_texture_of_the_default_name_is_not_overwritten(
    r3d: Run, tmp_path: Path, tetrahedron: Path
) -> None:
    texture = tmp_path / "tetrahedron.png"
    Image.new("RGB", (2, 2)).save(texture)
    before = texture.read_bytes()
    done = r3d("render", tetrahedron)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "tetrahedron.png" in done.stderr
    assert texture.read_bytes() == before
    assert r3d("render", tetrahedron, "-o", texture).returncode == 0
    assert texture.read_bytes() != before


@pytest.mark.parametrize(("name", "format"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.webp", "WEBP")])
def test_the_extension_picks_the_format(
    r3d: Run, tmp_path: Path, tetrahedron: Path, name: str, format: str
) -> None:
    assert r3d("render", tetrahedron, "-o", name, "--size", "40x30").returncode == 0
    with Image.open(tmp_path / name) as image:
        assert (image.format, image.size) == (format, (40, 30))


def test_standard_streams(command: Path, tetrahedron: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [command, "render", "-", "-o", "-", "--size", "16"],
        input=tetrahedron.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert Image.open(io.BytesIO(done.stdout)).size == (16, 16)
    assert done.stderr.startswith(b"standard output: 16x16 pixels")


def test_a_link_stays_a_link(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    (tmp_path / "link.png").symlink_to("target.png")
    assert r3d("render", tetrahedron, "-o", "link.png", "--size", "16").returncode == 0
    assert (tmp_path / "link.png").is_symlink()
    assert pixels(tmp_path / "target.png").shape == (16, 16, 3)


def test_the_background(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    r3d("render", tetrahedron, "-o", "colour.png", "--size", "32", "--background", "#ff8000")
    assert pixels(tmp_path / "colour.png")[0, 0].tolist() == [255, 128, 0]
    r3d("render", tetrahedron, "-o", "clear.png", "--size", "32", "--background", "transparent")
    clear = pixels(tmp_path / "clear.png")
    assert clear.shape == (32, 32, 4)
    assert clear[0, 0, 3] == 0
    assert clear[16, 16, 3] == 255
    Image.new("RGBA", (9, 9), (0, 0, 255, 255)).save(tmp_path / "opaque.png")  # its alpha shows nothing
    done = r3d("render", tetrahedron, "-o", "blue.jpg", "--size", "32", "--background", "opaque.png")
    assert done.returncode == 0
    assert pixels(tmp_path / "blue.jpg")[0, 0, 2] > 250


@pytest.mark.parametrize(
    "options",
    [
        ["--azimuth", "-60"],
        ["--elevation", "70"],
        ["--distance", "9"],
        ["--fov", "80", "--distance", "2"],
        ["--up", "z"],
        ["--shading", "flat"],
        ["--shading", "normals"],
    ],
)
def test_an_option_changes_the_picture(
    r3d: Run, tmp_path: Path, shared_data: Path, options: list[str]
) -> None:
    mesh = shared_data / "suzanne.obj"
    assert r3d("render", mesh, "-o", "plain.png", "--size", "64").returncode == 0
    assert r3d("render", mesh, "-o", "changed.png", "--size", "64", *options).returncode == 0
    difference = pixels(tmp_path / "plain.png").astype(int) - pixels(tmp_path / "changed.png")
    assert np.mean(np.abs(difference).max(axis=2) > 8) > 0.03


def test_a_texture_is_put_on_the_mesh(r3d: Run, drawn: Drawn, tmp_path: Path) -> None:
    (tmp_path / "quad.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3 4/4\n"
    )
    Image.new("RGB", (4, 4), (0, 0, 255)).save(tmp_path / "blue.png")
    done = r3d(
        "render", "quad.obj", "--texture", "blue.png", "--azimuth", "0", "--elevation", "0", "--size", "32"
    )
    assert not drawn(done)
    red, _, blue = pixels(tmp_path / "quad.png")[16, 16].tolist()
    assert blue > 100 > red


@pytest.mark.parametrize("setting", [{"option": "1"}, {"option": "3"}, {"variable": "3"}])
def test_the_picture_does_not_depend_on_the_threads(
    r3d: Run, tmp_path: Path, tetrahedron: Path, setting: dict[str, str]
) -> None:
    r3d("render", tetrahedron, "-o", "a.png", "--size", "64")
    option = ["--threads", setting["option"]] if "option" in setting else []
    environment = {"R3D_NUM_THREADS": setting["variable"]} if "variable" in setting else {}
    assert r3d("render", tetrahedron, "-o", "b.png", "--size", "64", *option, **environment).returncode == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_warnings_go_to_stderr_and_name_the_file(
    r3d: Run, drawn: Drawn, tmp_path: Path, tetrahedron: Path
) -> None:
    tetrahedron.write_text("mtllib gone.mtl\n" + tetrahedron.read_text())
    done = r3d("render", tetrahedron, "--size", "16")
    (warning,) = drawn(done)
    assert "gone.mtl" in warning
    assert (tmp_path / "tetrahedron.png").is_file()


def test_a_full_disk_leaves_nothing(r3d: Run, tetrahedron: Path) -> None:
    done = r3d("render", tetrahedron, "-o", "/dev/full")
    assert done.returncode == 1
    assert done.stderr == f"r3d: error: {tetrahedron}: /dev/full: No space left on device\n"


def test_names_that_are_no_text(r3d: Run, drawn: Drawn, tmp_path: Path, tetrahedron: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xf0\x9f\x90\x87.obj")
    tetrahedron.rename(tmp_path / name)
    assert not drawn(r3d("render", name, "--size", "16"))
    assert (tmp_path / name).with_suffix(".png").is_file()
