"""The measuring script runs and reports what it says; its figures are not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_figures_of_small_pictures(repository: Path, tmp_path: Path) -> None:
    mesh = tmp_path / "tetrahedron.obj"
    mesh.write_text("v 1 1 1\nv 1 -1 -1\nv -1 1 -1\nv -1 -1 1\nf 1 2 3\nf 1 4 2\nf 1 3 4\nf 2 4 3\n")
    script = repository / "examples" / "benchmarks" / "render_figures.py"
    sizes = ["--count", "3", "--size", "16", "--large-size", "32", "--repeats", "1"]
    meshes = [word for option in ("--small", "--film", "--large", "--passes") for word in (option, str(mesh))]
    out = tmp_path / "figures.json"
    command = [sys.executable, str(script), *meshes, *sizes, "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    many, film, depth, rgb, passes = json.loads(out.read_text())
    assert many["what"] == "3 files at 16²"
    assert many["ms_a_file_beyond_reading"] < 1e3 * many["seconds"] / 3
    assert [row["what"] for row in (film, depth)] == [
        "GIF of 36 frames of tetrahedron.obj at 16²",
        "16-bit depth of tetrahedron.obj at 32²",
    ]
    assert passes["times_rgb_alone"] == pytest.approx(passes["seconds"] / rgb["seconds"])
    assert all(20 < row["peak_mib"] < 500 for row in (many, film, depth, rgb, passes))
    assert len(done.stdout.splitlines()) == 5
