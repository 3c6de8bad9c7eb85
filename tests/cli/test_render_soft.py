"""``r3d render --shading soft-phong|silhouette`` and their options, through the installed command."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SQUARE = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nf 1 2 3 4\n"


@pytest.fixture
def square(tmp_path: Path) -> Path:
    path = tmp_path / "square.obj"
    path.write_text(SQUARE)
    return path


def draw(r3d: Run, mesh: Path, *options: object) -> np.ndarray:
    """Seen from the front, so that the square's sides are those of the picture."""
    view = ("--azimuth", "0", "--elevation", "0", "--size", "64", "-o", "out.png")
    done = r3d("render", mesh, *view, *map(str, options))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.count("\n") == 1  # what was drawn, no warning
    return np.asarray(Image.open(mesh.parent / "out.png")).astype(float)


def width_of_edge(coverage: np.ndarray) -> int:
    """Pixels of the middle row that are neither covered nor free, on one side."""
    row = coverage[32, :32]
    return int(((row > 0.02) & (row < 0.98)).sum())


def test_a_silhouette_is_black_on_the_background_and_fades_with_sigma(r3d: Run, square: Path) -> None:
    sharp = draw(r3d, square, "--shading", "silhouette", "--sigma", 1e-5, "--background", "transparent")
    soft = draw(r3d, square, "--shading", "silhouette", "--sigma", 1e-3, "--background", "transparent")
    assert sharp.shape == (64, 64, 4)
    assert (sharp[..., :3] == 0).all()
    assert sharp[32, 32, 3] == 255
    assert sharp[0, 0, 3] == 0
    assert width_of_edge(sharp[..., 3] / 255) < width_of_edge(soft[..., 3] / 255)
    over = draw(r3d, square, "--shading", "silhouette", "--sigma", 1e-3, "--background", "#ff8000")
    expected = (1 - soft[..., 3:] / 255) * (255, 128, 0)
    np.testing.assert_allclose(over, expected, atol=1.5)


def test_the_blur_ends_after_so_many_pixels(r3d: Run, square: Path) -> None:
    options = ("--shading", "silhouette", "--sigma", 0.05, "--background", "transparent")
    near, far = (draw(r3d, square, *options, "--blur", blur)[..., 3] for blur in (1, 6))
    inside = draw(r3d, square, *options, "--blur", 0)[..., 3]
    left = [int(np.flatnonzero(alpha[32])[0]) for alpha in (inside, near, far)]
    assert left[0] - left[1] == 1
    assert left[0] - left[2] == 6


def test_soft_phong_equals_phong_away_from_edges(r3d: Run, square: Path) -> None:
    soft = draw(r3d, square, "--shading", "soft-phong", "--sigma", 1e-6)
    hard = draw(r3d, square, "--shading", "phong")
    np.testing.assert_allclose(soft[24:40, 24:40], hard[24:40, 24:40], atol=1.5)
    np.testing.assert_array_equal(soft[:4], 255)


def test_gamma_lets_what_is_behind_through(r3d: Run, tmp_path: Path) -> None:
    """A black square before a white one."""
    mesh = tmp_path / "two.obj"
    colors = [(0, 0, 0), (1, 1, 1)]
    lines = [
        f"v {x} {y} {z} {r} {g} {b}"
        for z, (r, g, b) in ((0.0, colors[0]), (-1.0, colors[1]))
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    mesh.write_text("\n".join([*lines, "f 1 2 3 4", "f 5 6 7 8", ""]))
    look = ("--shading", "soft-phong", "--background", "black")
    opaque = draw(r3d, mesh, *look, "--gamma", 1e-3)
    mixed = draw(r3d, mesh, *look, "--gamma", 10)
    nearest = draw(r3d, mesh, *look, "--gamma", 10, "--faces-per-pixel", 1)
    center = np.s_[28:36, 34:40]  # beside the faces' diagonal
    assert opaque[center].mean() + 30 < mixed[center].mean()
    assert nearest[center].mean() + 30 < mixed[center].mean()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sigma", "1e-3"), "--sigma"),
        (("--shading", "flat", "--blur", "2"), "--blur"),
        (("--shading", "silhouette", "--gamma", "1e-3"), "--gamma"),
        (("--shading", "silhouette", "--sigma", "0"), "--sigma"),
        (("--shading", "silhouette", "--sigma", "nan"), "--sigma"),
        (("--shading", "soft-phong", "--blur", "-1"), "--blur"),
        (("--shading", "soft-phong", "--faces-per-pixel", "0"), "--faces-per-pixel"),
    ],
)
def test_options_that_do_not_fit_are_named(
    r3d: Run, square: Path, options: tuple[str, ...], words: str
) -> None:
    done = r3d("render", square, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
