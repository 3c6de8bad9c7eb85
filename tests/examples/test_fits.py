"""The fits, a few iterations of each: they get nearer, draw what they found, and end quietly."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]

FITS = ("fit_silhouettes.py", "fit_textured.py", "fit_camera.py")


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+\.?\d*", line)]


def lines(text: str) -> dict[str, str]:
    """What follows the first colon of each line, by what stands before it."""
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def test_silhouettes_and_surface_get_nearer(run: Run, tmp_path: Path) -> None:
    done = run("fit_silhouettes.py", "-o", tmp_path / "fit.png", "--iterations", 5)
    assert (done.returncode, done.stderr) == (0, "")
    printed = lines(done.stdout)
    between, on_all_sides, distance = numbers(printed["before"])
    later_between, later_on_all_sides, later_distance = numbers(printed["after"])
    assert between < later_between < 1
    assert on_all_sides < later_on_all_sides < 1
    assert 0 < later_distance < distance
    assert "5 iterations of 2 views" in printed
    assert_pictures(tmp_path / "fit.png", columns=4, rows=5)


def test_colours_and_shape_get_nearer(run: Run, tmp_path: Path) -> None:
    done = run("fit_textured.py", "-o", tmp_path / "fit.png", "--iterations", 3)
    assert (done.returncode, done.stderr) == (0, "")
    printed = lines(done.stdout)
    error, *_, distance = numbers(printed["before"])
    later_error, *_, later_distance = numbers(printed["after"])
    assert (later_error < error, later_distance < distance) == (True, True)
    assert_pictures(tmp_path / "fit.png", columns=4, rows=3)


def test_the_camera_gets_nearer(run: Run, tmp_path: Path) -> None:
    done = run("fit_camera.py", "-o", tmp_path / "fit.png", "--iterations", 3)
    assert (done.returncode, done.stderr) == (0, "")
    printed = lines(done.stdout)
    difference, away = numbers(printed["before"])
    later_difference, later_away = numbers(printed["after"])
    assert (later_difference < difference, later_away < away) == (True, True)
    assert_pictures(tmp_path / "fit.png", columns=5, rows=1)


def assert_pictures(path: Path, columns: int, rows: int) -> None:
    """256 pixels a side, a line of text above each row; none is of one colour."""
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == (rows * (256 + 20), columns * 256, 3)
    for row in pixels.reshape(rows, 276, columns, 256, 3)[:, 20:].transpose(0, 2, 1, 3, 4):
        for picture in row:
            assert (picture != picture[0, 0]).any(-1).mean() > 0.05


@pytest.mark.parametrize("script", FITS)
def test_a_mesh_that_is_not_there_is_one_line(run: Run, script: str) -> None:
    done = run(script, "none.obj")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "none.obj" in done.stderr


def test_ctrl_c_keeps_what_is_fitted(repository: Path, tmp_path: Path) -> None:
    script, picture = repository / "examples" / "fit_silhouettes.py", tmp_path / "fit.png"
    fit = subprocess.Popen(
        [sys.executable, "-u", script, "-o", picture],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert fit.stdout is not None
    for line in fit.stdout:
        if line.startswith("iteration"):
            break
    fit.send_signal(signal.SIGINT)
    printed, complaint = fit.communicate()
    assert fit.returncode == 130
    assert re.fullmatch(r"interrupted after \d+ iterations; keeping their result\n", complaint)
    assert "after: silhouettes overlap" in printed
    assert_pictures(picture, columns=4, rows=5)
    assert [path.name for path in tmp_path.iterdir()] == ["fit.png"]


def test_a_closed_pipe_is_no_error(repository: Path, tmp_path: Path) -> None:
    script = repository / "examples" / "fit_camera.py"
    command = [sys.executable, "-u", str(script), "-o", str(tmp_path / "fit.png")]
    fit = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert fit.stdout is not None
    assert fit.stderr is not None
    fit.stdout.readline()
    fit.stdout.close()
    assert fit.wait() == -signal.SIGPIPE
    assert fit.stderr.read() == ""
    fit.stderr.close()
    assert list(tmp_path.iterdir()) == []
