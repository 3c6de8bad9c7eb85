"""Pictures drawn on a GPU, held to those of the CPU, and the commands that use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from r3d_cli.scene.draw import draw
from r3d_cli.scene.framing import frame
from r3d_cli.scene.readers import read_mesh

pytestmark = pytest.mark.gpu

MESHES = ["stanford-bunny.obj", "spot/spot.obj", "Duck.glb", "AlphaBlendModeTest.glb", "CesiumMilkTruck.glb"]


@pytest.mark.parametrize("shading", ["phong", "flat", "normals", "gouraud", "unlit"])
@pytest.mark.parametrize("name", MESHES)
def test_a_picture_equals_the_cpus(cupy: Any, shared_data: Path, name: str, shading: str) -> None:
    mesh = read_mesh(shared_data / name)
    cpu, gpu = (draw(mesh, frame(mesh), shading=shading, device=device).image for device in ("cpu", "cuda"))
    difference = np.abs(cpu.astype(int) - gpu).max(axis=2)
    assert np.mean(difference > 2) < 2e-3  # a depth decided by rounding, at edges
    assert difference.mean() < 0.1


def test_render_and_warmup(cupy: Any, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("r3d")
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    for arguments in (["warmup"], ["render", "a.obj", "--device", "cuda"]):
        done = subprocess.run(
            [command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "cuda:0" in done.stdout + done.stderr


def test_a_gpu_that_is_not_there_is_named(cupy: Any, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("r3d")
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    done = subprocess.run(
        [command, "render", "a.obj", "--device", "cuda:99"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("r3d: error: --device cuda:99: ")
