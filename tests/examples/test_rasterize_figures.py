"""The measuring script runs and reports what it says; its figures are not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_figures_of_a_small_mesh(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("embreex")
    mesh = tmp_path / "tetrahedron.obj"
    mesh.write_text("v 1 1 1\nv 1 -1 -1\nv -1 1 -1\nv -1 -1 1\nf 1 2 3\nf 1 4 2\nf 1 3 4\nf 2 4 3\n")
    script = repository / "examples" / "benchmarks" / "rasterize_figures.py"
    options = [
        "--parts",
        "raster",
        "help",
        "--sides",
        "32",
        "--repeats",
        "2",
        "--json",
        str(tmp_path / "figures.json"),
    ]
    done = subprocess.run([sys.executable, str(script), str(mesh), *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours, peer, help_ = json.loads((tmp_path / "figures.json").read_text())
    assert (ours["who"], ours["faces"]) == ("r3d", 4)
    assert ours["covered"] > 0.05
    assert peer["who"].startswith("Embree")
    assert ours["ratio"] == pytest.approx(peer["ms"] / ours["ms"])
    assert 5 < help_["peak_mib"] < 500
    assert len(done.stdout.splitlines()) == 3
