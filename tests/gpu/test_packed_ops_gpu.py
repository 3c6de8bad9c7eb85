"""packed_to_padded, mesh_normals and weighted_rows on PyTorch's CUDA tensors, held to the CPU schedules."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.ops import (
    face_areas_normals,
    packed_to_padded,
    padded_to_packed,
    vertex_corners,
    vertex_normals,
)
from r3d_cli.ops.weighted_rows import weighted_rows

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def _needs_torch_cuda(cupy: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch is built without CUDA")


def random_mesh(num_verts: int, num_faces: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    verts = torch.randn(num_verts, 3, generator=generator, dtype=dtype)
    return verts, torch.randint(0, num_verts, (num_faces, 3), generator=generator)


def normals(verts: Tensor, faces: Tensor) -> list[Tensor]:
    """Areas, normals and the gradient of the vertices, on the host."""
    verts = verts.detach().requires_grad_()
    results = [*face_areas_normals(verts, faces), vertex_normals(verts, faces)]
    weights = [torch.arange(x.numel(), device=x.device).view_as(x).sin().to(x.dtype) for x in results]
    loss = sum((x * w).sum() for x, w in zip(results, weights, strict=True))
    return [x.detach().cpu() for x in (*results, torch.autograd.grad(loss, verts)[0])]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(4, 0), (5, 3000), (50_000, 120_000)])
def test_normals_equal_the_cpu(size: tuple[int, int], dtype: torch.dtype) -> None:
    verts, faces = random_mesh(*size, dtype)
    got, again = (normals(verts.cuda(), faces.cuda()) for _ in range(2))
    assert all(map(torch.equal, got, again))
    tolerance = 1e-3 if dtype == torch.float32 else 1e-9
    for x, want in zip(got, normals(verts, faces), strict=True):
        scale = want.abs().max() if want.numel() else 1  # gradients of slivers are huge
        torch.testing.assert_close(x / scale, want / scale, rtol=tolerance, atol=tolerance)


def test_a_face_that_names_no_vertex_becomes_nan() -> None:
    verts, faces = random_mesh(100, 200, torch.float32)
    corners = tuple(x.cuda() for x in vertex_corners(faces, 100))
    faces[7, 1] = 100
    areas, _ = face_areas_normals(verts.cuda(), faces.cuda())
    assert torch.isnan(areas).nonzero().tolist() == [[7]]
    assert torch.isnan(vertex_normals(verts.cuda(), faces.cuda(), corners)).any(1).sum() == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32, torch.int64])
def test_padding_equals_the_cpu(dtype: torch.dtype) -> None:
    lengths = torch.tensor([3, 0, 70_000, 1])
    first = lengths.cumsum(0) - lengths
    packed = torch.randn(int(lengths.sum()), 5).mul(100).to(dtype)
    want = packed_to_padded(packed, first, 70_001, -1)
    with torch.cuda.stream(torch.cuda.Stream()):
        padded = packed_to_padded(packed.cuda(), first.cuda(), 70_001, -1)
        back = padded_to_packed(padded, first.cuda(), len(packed))
        torch.cuda.current_stream().synchronize()
    assert torch.equal(padded.cpu(), want)
    assert torch.equal(back.cpu(), packed)


def test_gradients_of_padding() -> None:
    first = torch.tensor([0, 2]).cuda()
    packed = torch.randn(5, 2, dtype=torch.float64).cuda().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: packed_to_padded(x, first, 3), packed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weighted_rows_equal_the_cpu(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 500, (40_001, 4), generator=generator)
    rows, weights, grad = (
        torch.randn(*shape, generator=generator, dtype=dtype) for shape in ((600, 3), ids.shape, (40_001, 3))
    )

    def run(device: str) -> list[Tensor]:
        leaves = [x.to(device).requires_grad_() for x in (rows, weights)]
        sums = weighted_rows(leaves[0], ids.to(device), leaves[1])
        return [sums.cpu(), *(x.cpu() for x in torch.autograd.grad(sums, leaves, grad.to(device)))]

    want = run("cpu")
    tolerance = 1e-4 if dtype == torch.float32 else 1e-11
    for deterministic in (False, True):
        torch.use_deterministic_algorithms(deterministic)
        try:
            got, again = run("cuda"), run("cuda")
        finally:
            torch.use_deterministic_algorithms(False)
        for x, y in zip(got, want, strict=True):
            torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance * float(y.abs().max()))
        assert not deterministic or all(map(torch.equal, got, again))
