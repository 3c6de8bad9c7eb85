"""The measuring script runs and reports what it says; its figures are not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_figures_beside_a_neighbour(repository: Path, tmp_path: Path) -> None:
    script = repository / "examples" / "benchmarks" / "neighbour_figures.py"
    mesh, out = repository / "examples" / "spot" / "spot.obj", tmp_path / "figures.json"
    options = ["--mesh", str(mesh), "--size", "16", "--repeats", "2", "--json", str(out)]
    done = subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())
    assert [row["what"].partition(",")[0] for row in rows] == ["MeshRasterizer", "MeshRenderer"] * 2
    assert all(row["aten_operators"] > 0 and row["ms"] > 0 and row["ms_beside"] > 0 for row in rows)
    assert rows[1]["aten_operators"] > rows[0]["aten_operators"]
    assert len(done.stdout.splitlines()) == 4
