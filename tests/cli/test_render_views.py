"""--view: one camera by name."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: A cube of six colours; each side's corners, seen from outside against the clock.
SIDES = {
    "right": ((1, 0, 0), "2 6 7 3"),
    "left": ((0, 1, 1), "1 4 8 5"),
    "top": ((0, 1, 0), "4 3 7 8"),
    "bottom": ((1, 0, 1), "1 5 6 2"),
    "front": ((0, 0, 1), "5 8 7 6"),
    "back": ((1, 1, 0), "1 2 3 4"),
}


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    corners = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]
    (tmp_path / "cube.mtl").write_text(
        "".join(f"newmtl {name}\nKd {r} {g} {b}\n" for name, ((r, g, b), _) in SIDES.items())
    )
    lines = ["mtllib cube.mtl", *(f"v {x} {y} {z}" for x, y, z in corners)]
    lines += [f"usemtl {name}\nf {ids}" for name, (_, ids) in SIDES.items()]
    path = tmp_path / "cube.obj"
    path.write_text("\n".join(lines) + "\n")
    return path


def middle(path: Path) -> tuple[int, ...]:
    picture = np.asarray(Image.open(path))
    return tuple(picture[picture.shape[0] // 2, picture.shape[1] // 2].tolist())


@pytest.mark.parametrize("name", list(SIDES))
def test_a_view_shows_the_side_it_names(r3d: Run, tmp_path: Path, cube: Path, name: str) -> None:
    done = r3d("render", cube, "--view", name, "--shading", "unlit", "--size", "32")
    assert done.returncode == 0, done.stderr
    assert middle(tmp_path / "cube.png") == tuple(255 * value for value in SIDES[name][0])


@pytest.mark.parametrize(
    ("name", "shown"),
    # With z up, +y is behind and -y, this cube's "bottom" with y up, in front.
    [
        ("front", "bottom"),
        ("back", "top"),
        ("right", "right"),
        ("left", "left"),
        ("top", "front"),
        ("bottom", "back"),
    ],
)
def test_views_of_what_is_z_up(r3d: Run, tmp_path: Path, cube: Path, name: str, shown: str) -> None:
    done = r3d("render", cube, "--view", name, "--up", "z", "--shading", "unlit", "--size", "32")
    assert done.returncode == 0, done.stderr
    assert middle(tmp_path / "cube.png") == tuple(255 * value for value in SIDES[shown][0])


def test_iso_shows_three_sides_alike(r3d: Run, tmp_path: Path, cube: Path) -> None:
    done = r3d("render", cube, "--view", "iso", "--orthographic", "--shading", "unlit", "--size", "200")
    assert done.returncode == 0, done.stderr
    pixels = np.asarray(Image.open(tmp_path / "cube.png")).reshape(-1, 3)
    shares = [
        (pixels == 255 * np.array(SIDES[side][0])).all(axis=1).sum() for side in ("front", "right", "top")
    ]
    assert min(shares) > 2000
    assert max(shares) < 1.05 * min(shares)


@pytest.mark.parametrize(
    "more",
    [
        ("--views", "4"),
        ("--azimuth", "10"),
        ("--elevation", "0"),
        ("--turntable", "film.gif"),
        ("--camera", "cameras.json"),
    ],
)
def test_a_view_goes_with_nothing_else_that_places_the_camera(r3d: Run, cube: Path, more: tuple[str]) -> None:
    done = r3d("render", cube, "--view", "front", *more)
    assert done.returncode == 2
    assert "'--view'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_says_what_the_front_is_and_which_formats_say_what_is_up(r3d: Run) -> None:
    text = " ".join(r3d("render", "--help", COLUMNS="400", TERM="dumb").stdout.split())
    assert "from +Z with y up" in text
    assert "from -Y with z up" in text
    assert "OBJ, PLY and OFF say nothing" in text
