"""Textures against PyTorch3D's recorded answers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli.renderer import TexturesAtlas, TexturesUV


def recorded(shared_data: Path, case: str) -> tuple[dict[str, Tensor], SimpleNamespace]:
    with np.load(shared_data / "pytorch3d_cases" / f"texture_{case}.npz") as arrays:
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    fragments = SimpleNamespace(pix_to_face=tensors["pix_to_face"], bary_coords=tensors["bary_coords"])
    return tensors, fragments


@pytest.mark.parametrize("sampling_mode", ["bilinear", "nearest"])
@pytest.mark.parametrize(("corners", "align_corners"), [("corner", True), ("centre", False)])
def test_maps(shared_data: Path, sampling_mode: str, corners: str, align_corners: bool) -> None:
    """Empty slots included: they hold the texel at u = v = 0, and their gradient."""
    case, fragments = recorded(shared_data, f"uv_{sampling_mode}_{corners}")
    maps, verts_uvs = case["maps"].requires_grad_(), case["verts_uvs"].requires_grad_()
    textures = TexturesUV(
        maps, [case["faces_uvs"]], [verts_uvs], align_corners=align_corners, sampling_mode=sampling_mode
    )
    texels = textures.sample_textures(fragments)
    torch.testing.assert_close(texels, case["texels"], rtol=1e-5, atol=2e-6)
    grad_maps, grad_uvs = torch.autograd.grad(texels, (maps, verts_uvs), case["cotangent"], allow_unused=True)
    torch.testing.assert_close(grad_maps, case["grad_maps"], rtol=1e-5, atol=2e-4)
    if sampling_mode == "nearest":
        assert grad_uvs is None
        assert not case["grad_verts_uvs"].any()
    else:
        torch.testing.assert_close(grad_uvs, case["grad_verts_uvs"], rtol=1e-4, atol=1e-4)


def test_atlas(shared_data: Path) -> None:
    case, fragments = recorded(shared_data, "atlas")
    texels = TexturesAtlas([case["atlas"]]).sample_textures(fragments)
    torch.testing.assert_close(texels, case["texels"], rtol=0, atol=0)
