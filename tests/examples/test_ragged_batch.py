"""examples/ragged_batch.py, as its user runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


def run(repository: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    script = repository / "examples" / "ragged_batch.py"
    return subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True)


def test_three_views_of_shapes(repository: Path) -> None:
    done = run(repository)
    assert done.returncode == 0, done.stderr
    assert "mesh 1: verts (642, 3), faces (1280, 3)" in done.stdout
    assert "mesh 2: verts (288, 3), faces (576, 3)" in done.stdout
    first, spot_verts = 0, int(done.stdout.split("mesh 0: verts (")[1].split(",")[0])
    assert f"meshes begin at the vertices [{first}, {spot_verts}, {spot_verts + 642}]" in done.stdout
    assert f"verts (3, {spot_verts}, 3)" in done.stdout


def test_three_views_of_files(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "quad.obj"
    file.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n")
    same = tmp_path / "quad.off"
    same.write_text("OFF 4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n")
    done = run(repository, file, same)
    assert done.returncode == 0, done.stderr
    assert "verts (8, 3), faces (4, 3)" in done.stdout
    assert "edges (10, 2)" in done.stdout
    assert "100% of the padded vertices" in done.stdout


def test_a_missing_file_is_named(repository: Path, tmp_path: Path) -> None:
    done = run(repository, tmp_path / "none.obj")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "none.obj" in done.stderr


def test_a_reader_that_has_seen_enough_ends_it_quietly(repository: Path) -> None:
    script = repository / "examples" / "ragged_batch.py"
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == -signal.SIGPIPE


def test_an_interrupt_ends_it_quietly(repository: Path, tmp_path: Path) -> None:
    """While it waits for its file, a pipe that nobody writes to."""
    pipe = tmp_path / "mesh.obj"
    os.mkfifo(pipe)
    script = repository / "examples" / "ragged_batch.py"
    process = subprocess.Popen([sys.executable, script, pipe], stderr=subprocess.PIPE)
    with pipe.open("wb"):  # returns when it reads
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == -signal.SIGINT
