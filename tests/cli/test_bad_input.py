"""What ``r3d render`` makes of wrong files and options: one line, an exit code, nothing left behind."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Drawn = Callable[["subprocess.CompletedProcess[str]"], list[str]]

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
PLY_HEADER = (
    "ply\nformat ascii 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n"
)

#: File name -> its content, and words that the line must have besides the name.
BROKEN: dict[str, tuple[bytes, str]] = {
    "empty.obj": (b"", "empty"),
    "empty.ply": (b"", "empty"),
    "empty.stl": (b"", "empty"),
    "empty.off": (b"", "empty"),
    "empty.glb": (b"", "empty"),
    "truncated.ply": ((PLY_HEADER.format(3) + "end_header\n0 0 0\n1 0").encode(), ""),
    "truncated.stl": (b"\0" * 80 + struct.pack("<I", 10) + b"\0" * 40, ""),
    "truncated.off": (b"OFF\n3 1 0\n0 0 0\n1 0 0\n", ""),
    "truncated.glb": (b"glTF" + struct.pack("<II", 2, 10_000) + b"\0" * 20, ""),
    "past.obj": ((TRIANGLE + "f 1 2 4\n").encode(), ":4:"),
    "past.off": (b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", ":6:"),
    "zero.obj": ((TRIANGLE + "f 0 1 2\n").encode(), ":4:"),
    "huge-count.ply": ((PLY_HEADER.format(10**15) + "end_header\n0 0 0\n").encode(), ""),
    "points.ply": ((PLY_HEADER.format(1) + "end_header\n0 0 0\n").encode(), "points"),
    "no-faces.obj": (TRIANGLE.encode(), "points"),
    "nothing.obj": (b"# only a comment\n", ""),
    "all-nan.obj": (b"v nan nan nan\nv nan 0 0\nv 0 nan 0\nf 1 2 3\n", ""),
    "mesh.step": (b"ISO-10303-21;", "step"),
    "picture.png": (b"\x89PNG\r\n\x1a\n", "png"),
    "noise": (bytes(range(256)) * 4, ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_mesh_that_cannot_be_drawn(r3d: Run, tmp_path: Path, name: str) -> None:
    content, words = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    done = r3d("render", name, "-o", "out.png")
    assert (done.returncode, done.stdout) == (1, "")
    *warnings, line = done.stderr.splitlines()
    assert all(warning.startswith("r3d: warning: ") and name in warning for warning in warnings)
    assert line.startswith("r3d: error: ")
    assert name in line
    assert words in line
    assert [path.name for path in tmp_path.iterdir()] == [name]


#: What can be drawn in part: content, and whether something is warned of.
DAMAGED: dict[str, tuple[str, bool]] = {
    "nan.obj": (TRIANGLE + "v nan inf 0\nf 1 2 3\nf 1 2 4\n", True),
    "huge.obj": (TRIANGLE + "v 1e38 0 0\nf 1 2 3\n", True),
    "zero-area.obj": (TRIANGLE + "f 1 2 3\nf 1 1 2\nf 2 2 2\n", False),
    "duplicates.obj": (TRIANGLE + "f 1 2 3\nf 1 2 3\nf 3 2 1\n", False),
    "only-zero-area.obj": (TRIANGLE + "f 1 1 2\n", True),  # which leaves the picture empty
    "missing-mtl.obj": ("mtllib gone.mtl\n" + TRIANGLE + "f 1 2 3\n", True),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_mesh_that_is_drawn_as_far_as_it_goes(r3d: Run, drawn: Drawn, tmp_path: Path, name: str) -> None:
    content, warned = DAMAGED[name]
    (tmp_path / name).write_text(content)
    done = r3d("render", name, "-o", "out.png", "--size", "32")
    assert bool(drawn(done)) == warned
    assert (tmp_path / "out.png").is_file()


def test_a_missing_texture_is_a_warning(r3d: Run, drawn: Drawn, tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("mtllib a.mtl\n" + TRIANGLE + "vt 0 0\nusemtl m\nf 1/1 2/1 3/1\n")
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd gone.png\n")
    (warning,) = drawn(r3d("render", "a.obj", "--size", "16"))
    assert "gone.png" in warning


@pytest.mark.parametrize(
    ("arguments", "status", "name"),
    [
        (["gone.obj"], 1, "gone.obj"),
        (["folder"], 1, "folder"),
        (["*.ply"], 1, "*.ply"),
        (["a.obj", "-o", "gone/out.png"], 1, "gone/out.png"),
        (["a.obj", "-o", "/proc/out.png"], 1, "/proc/out.png"),
        (["a.obj", "-o", "out.bmp"], 2, "out.bmp"),
        (["a.obj", "-o", ""], 2, "--output"),
        (["a.obj", "-o", "x" * 300 + ".png"], 1, "xxx.png"),
        (["a.obj", "--size", "1000000"], 2, "--size"),
        (["a.obj", "--size", "9" * 5000], 2, "--size"),
        (["a.obj", "--size", "-5"], 2, "--size"),
        (["a.obj", "--size", "12x"], 2, "--size"),
        (["a.obj", "--fov", "180"], 2, "--fov"),
        (["a.obj", "--fov", "nan"], 2, "--fov"),
        (["a.obj", "--distance", "0"], 2, "--distance"),
        (["a.obj", "--azimuth", "inf"], 2, "--azimuth"),
        (["a.obj", "--up", "x"], 2, "--up"),
        (["a.obj", "--background", "nocolour"], 2, "--background"),
        (["a.obj", "--background", "transparent", "-o", "a.jpg"], 2, "--background"),
        (["a.obj", "--device", "gpu"], 2, "--device"),
        (["a.obj", "--threads", "0"], 2, "--threads"),
        (["a.obj", "--texture", "gone.png"], 1, "gone.png"),
        (["a.obj", "--texture", "a.obj"], 1, "a.obj"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_options_and_paths_that_are_wrong(
    r3d: Run, tmp_path: Path, arguments: list[str], status: int, name: str
) -> None:
    (tmp_path / "a.obj").write_text("vt 0 0\n" + TRIANGLE + "f 1/1 2/1 3/1\n")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder").mkdir()
    done = r3d("render", *arguments)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("r3d: error: ")
    assert name in line
    assert "bug" not in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.obj", "folder", "folder.png"]


@pytest.mark.parametrize("value", ["", "x", "0", "-2", "2.5", "4abc", "9" * 50])
def test_a_number_of_threads_that_is_none(r3d: Run, drawn: Drawn, tetrahedron: Path, value: str) -> None:
    (warning,) = drawn(r3d("render", tetrahedron, "--size", "16", R3D_NUM_THREADS=value))
    assert warning.startswith("r3d: warning: R3D_NUM_THREADS=")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
@pytest.mark.parametrize("forbidden", ["a.obj", "out.png"])
def test_permissions(r3d: Run, tmp_path: Path, tetrahedron: Path, forbidden: str) -> None:
    tetrahedron.rename(tmp_path / "a.obj")
    (tmp_path / "out.png").touch()
    (tmp_path / forbidden).chmod(0)
    done = r3d("render", "a.obj", "-o", "out.png")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert forbidden in line


def test_a_gpu_that_is_not_there(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    done = r3d("render", tetrahedron, "--device", "cuda", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("r3d: error: --device cuda: ")
    assert not (tmp_path / "tetrahedron.png").exists()
