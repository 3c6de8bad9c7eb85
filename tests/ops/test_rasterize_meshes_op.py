"""rasterize_meshes as a torch.library op: its registration, its gradient under autograd, autocast."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.ops import rasterize_meshes as module
from r3d_cli.ops.rasterize_meshes import rasterize_meshes
from r3d_cli.reference import rasterize_meshes as reference

SIZE = (7, 9)


def soup(dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Two meshes of a few triangles that share vertices."""
    generator = torch.Generator().manual_seed(seed)
    xy = 2.4 * torch.rand(9, 2, generator=generator, dtype=dtype) - 1.2
    z = 0.5 + 2.5 * torch.rand(9, 1, generator=generator, dtype=dtype)
    faces = torch.stack([torch.randperm(9, generator=generator)[:3] for _ in range(8)])
    return torch.cat([xy, z], 1), faces, torch.tensor([0, 5, 8])


@pytest.mark.parametrize("transposed", [False, True])
def test_registration(transposed: bool) -> None:
    verts, faces, first = soup()
    if transposed:
        verts, faces = verts.T.contiguous().T, faces.T.contiguous().T
    settings = (0.01, True, False, False, 1.0, 2.5, True)
    torch.library.opcheck(module._fwd.torch_op, (verts, faces, first, *SIZE, 3, *settings, None, None))
    # With gradients, its tests of compilation add floats to the first output, which is of integers.
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    leaf = verts.clone(memory_format=torch.preserve_format).requires_grad_()
    torch.library.opcheck(
        module._fwd.torch_op, (leaf, faces, first, *SIZE, 3, *settings, None, None), test_utils=tests
    )
    ids, *grads = module._fwd(verts, faces, first, *SIZE, 3, *settings, None, None)
    for given in (grads, [grads[0], None, None], [None, grads[1], grads[2]]):
        torch.library.opcheck(module._bwd.torch_op, (verts, faces, first, ids, *given, None, None, *settings))


@pytest.mark.parametrize(
    ("blur_radius", "perspective", "clip", "z_near"),
    list(itertools.product((0.0, 0.02), (False, True), (False, True), (None, 1.1))),
)
def test_the_gradient_is_that_of_the_reference_and_of_differences(
    blur_radius: float, perspective: bool, clip: bool, z_near: float | None
) -> None:
    verts, faces, first = soup()
    settings: dict[str, Any] = {
        "blur_radius": blur_radius,
        "faces_per_pixel": 4,
        "perspective_correct": perspective,
        "clip_barycentric_coords": clip,
        "z_near": z_near,
    }
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(2, *SIZE, 4, 5, generator=generator, dtype=torch.float64)

    def loss(verts: Tensor, rasterize: Any = rasterize_meshes) -> Tensor:
        found = rasterize(verts, faces, first, SIZE, **settings)
        values = torch.cat([found.zbuf[..., None], found.bary_coords, found.dists[..., None]], -1)
        return (values * weights).sum()

    verts.requires_grad_()
    (got,) = torch.autograd.grad(loss(verts), verts)
    (want,) = torch.autograd.grad(loss(verts, reference.rasterize_meshes), verts)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9 * float(want.abs().max()))
    assert torch.autograd.gradcheck(loss, (verts,), eps=1e-7, atol=1e-4, rtol=1e-3)


def test_autocast_computes_in_float32() -> None:
    verts, faces, first = soup(torch.float32)
    halves = verts.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = rasterize_meshes(halves, faces, first, SIZE, blur_radius=0.01, faces_per_pixel=3)
    want = rasterize_meshes(halves.detach().float(), faces, first, SIZE, blur_radius=0.01, faces_per_pixel=3)
    for got, wanted in zip(found, want, strict=True):
        assert got.dtype == wanted.dtype
        assert torch.equal(got, wanted)
    found.zbuf.sum().backward()
    assert halves.grad is not None
    assert halves.grad.dtype == torch.bfloat16
