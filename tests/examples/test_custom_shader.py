"""examples/custom_shader.py: four shaders that a user could have written."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from r3d_cli.renderer import (
    FoVPerspectiveCameras,
    MeshRasterizer,
    MeshRenderer,
    RasterizationSettings,
    look_at_view_transform,
)
from r3d_cli.utils import ico_sphere

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def example(repository: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(repository / "examples")
    spec = importlib.util.spec_from_file_location(
        "custom_shader", repository / "examples" / "custom_shader.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delitem(sys.modules, "fitting")
    return module


def test_four_pictures(run: Run, tmp_path: Path) -> None:
    done = run("custom_shader.py", "-o", tmp_path / "shaders.png", "--size", 96)
    assert (done.returncode, done.stderr) == (0, "")
    covered = [float(line.split(": ")[1].split("%")[0]) for line in done.stdout.splitlines()[:4]]
    assert min(covered) > 15
    with Image.open(tmp_path / "shaders.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == (96 + 20, 4 * 96, 3)
    colours = [len(np.unique(p.reshape(-1, 3), axis=0)) for p in np.split(pixels[20:], 4, axis=1)]
    assert min(colours) >= 5  # the drawing has three tones, its line and the background


@pytest.mark.parametrize("name", ["depth", "normals", "X-ray"])
def test_gradients_flow_through_them(example: ModuleType, name: str) -> None:
    R, T = look_at_view_transform(2.7, elev=20.0, azim=30.0)
    cameras = FoVPerspectiveCameras(R=R, T=T)
    rasterizer = MeshRasterizer(cameras, RasterizationSettings(image_size=32, faces_per_pixel=4))
    sphere = ico_sphere(1)
    offsets = torch.zeros_like(sphere.verts_packed(), requires_grad=True)
    shader = example.SHADERS[name](cameras=cameras)
    picture = MeshRenderer(rasterizer, shader)(sphere.offset_verts(offsets))
    weights = torch.rand(picture.shape, generator=torch.Generator().manual_seed(0))
    (picture * weights).sum().backward()
    assert offsets.grad is not None
    assert offsets.grad.isfinite().all()
    assert offsets.grad.abs().max() > 1e-3
