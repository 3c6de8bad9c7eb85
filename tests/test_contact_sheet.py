"""examples/contact_sheet.py, as its user runs it."""

from __future__ import annotations

import subprocess
import sys

from PIL import Image


def run(repository, *arguments):
    script = repository / "examples" / "contact_sheet.py"
    return subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True)


def test_a_folder_becomes_a_sheet(repository, tmp_path):
    done = run(repository, repository / "examples", "-o", tmp_path / "sheet.png", "--tile", 96)
    assert done.returncode == 0, done.stderr
    assert "spot/spot.obj: " in done.stdout
    sheet = Image.open(tmp_path / "sheet.png").convert("RGB")
    assert sheet.width % 96 == 0
    assert len(sheet.getcolors(1 << 16)) > 50


def test_a_picture_of_nothing_fails(repository, tmp_path):
    """A triangle with a needle's width covers too little."""
    (tmp_path / "needle.obj").write_text("v 0 0 0\nv 1 1 1\nv 0.001 0 0\nf 1 2 3\n")
    done = run(repository, tmp_path, "-o", tmp_path / "sheet.png", "--tile", 32)
    assert done.returncode == 1
    assert "TOO LITTLE" in done.stdout


def test_a_folder_without_meshes_is_named(repository, tmp_path):
    done = run(repository, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path}: no mesh files")
