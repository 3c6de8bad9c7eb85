"""examples/looks.py, as its user runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_twelve_pictures_that_differ(run: Run, repository: Path, tmp_path: Path) -> None:
    mesh = repository / "examples" / "spot" / "spot.obj"
    done = run("looks.py", mesh, "-o", tmp_path / "looks.png", "--tile", 64)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "looks.png") as sheet:
        assert sheet.size == (4 * 64, 3 * (64 + 22))
        tiles = [sheet.crop((x, y, x + 64, y + 64)) for y in (0, 86, 172) for x in (0, 64, 128, 192)]
    assert len({tile.tobytes() for tile in tiles}) == 12


def test_a_mesh_that_is_not_there_is_one_line(run: Run, tmp_path: Path) -> None:
    done = run("looks.py", "gone.obj", "-o", tmp_path / "looks.png")
    assert done.returncode == 1
    assert done.stderr == "r3d: error: gone.obj: no such file; check the path\n"
