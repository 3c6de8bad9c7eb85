"""antialias on PyTorch's CUDA tensors, held to the CPU schedule."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.ops import antialias, opposite_corners
from r3d_cli.ops.rasterize_meshes import rasterize_meshes
from r3d_cli.utils import ico_sphere

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def _needs_torch_cuda(cupy: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch is built without CUDA")


def scene(dtype: torch.dtype, size: int) -> tuple[Tensor, ...]:
    """A colour picture, fragments, and a sphere before a sphere."""
    sphere = ico_sphere(4)
    verts = sphere.verts_packed().to(dtype)
    verts = torch.cat(
        [0.5 * verts + torch.tensor([0.21, 0.1, 1]), 0.7 * verts + torch.tensor([-0.1, 0.03, 3])]
    )
    verts = verts.to(dtype)
    faces = torch.cat([sphere.faces_packed(), sphere.faces_packed() + len(verts) // 2])
    fragments = rasterize_meshes(verts, faces, torch.tensor([0, len(faces)]), (size, size))
    generator = torch.Generator().manual_seed(0)
    color = torch.rand(1, size, size, 4, generator=generator, dtype=dtype)
    return color, fragments.pix_to_face, fragments.zbuf, verts, faces


def results(color: Tensor, ids: Tensor, zbuf: Tensor, verts: Tensor, faces: Tensor) -> list[Tensor]:
    color, verts = color.clone().requires_grad_(), verts.clone().requires_grad_()
    image = antialias(color, ids, zbuf, verts, faces)
    weights = torch.arange(image.numel(), device=image.device).view_as(image).sin().to(image.dtype)
    grads = torch.autograd.grad((image * weights).sum(), (color, verts))
    return [x.detach().cpu() for x in (image, *grads)]


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_cpu(dtype: torch.dtype, deterministic: bool) -> None:
    given = scene(dtype, 192)
    on_gpu = [x.cuda() for x in given]
    assert torch.equal(
        opposite_corners(on_gpu[4], len(on_gpu[3])).cpu(), opposite_corners(given[4], len(given[3]))
    )
    torch.use_deterministic_algorithms(deterministic)
    try:
        got = results(*on_gpu)
        for _ in range(20 if deterministic else 0):
            assert all(map(torch.equal, results(*on_gpu), got))
    finally:
        torch.use_deterministic_algorithms(False)
    tolerance = 1e-3 if dtype == torch.float32 else 1e-9
    for x, want in zip(got, results(*given), strict=True):
        far = (x - want).abs() > tolerance * want.abs().max()
        assert far.double().mean() < (1e-3 if dtype == torch.float32 else 1e-9)  # contraction moves few ties
