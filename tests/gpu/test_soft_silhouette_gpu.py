"""soft_silhouette on PyTorch's CUDA tensors, held to the CPU schedule, which is held to the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.ops.soft_silhouette import soft_silhouette

pytestmark = pytest.mark.gpu

OPTIONS: dict[str, dict[str, Any]] = {
    "all": {"blur_radius": 1e-3},
    "hard": {"perspective_correct": True},
    "nearest": {"blur_radius": 1e-3, "faces_per_pixel": 30, "perspective_correct": True},
    "clipped": {"blur_radius": 1e-3, "faces_per_pixel": 3, "perspective_correct": True, "z_near": 0.6},
    "bounded": {"blur_radius": 1e-2, "clip_barycentric_coords": True, "cull_backfaces": True},
}


@pytest.fixture(autouse=True)
def _needs_torch_cuda(cupy: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch is built without CUDA")


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def run(scene: Any, device: str, size: int = 96, **options: Any) -> tuple[Tensor, Tensor]:
    """Silhouettes and the gradient of the vertices, on the host."""
    verts, faces, first = (torch.from_numpy(array).to(device) for array in scene)
    alpha = soft_silhouette(verts.requires_grad_(), faces, first, (size, size + 48), sigma=1e-3, **options)
    weights = torch.arange(alpha.numel()).view_as(alpha).sin().to(alpha)
    (grad,) = torch.autograd.grad(alpha, verts, weights)
    return alpha.detach().cpu(), grad.cpu()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_equals_the_cpu(random_meshes: Callable[..., Any], options: dict[str, Any], dtype: str) -> None:
    scene = random_meshes(700, 0, 300, dtype=dtype)
    alpha, grad = run(scene, "cuda", **options)
    want_alpha, want_grad = run(scene, "cpu", **options)
    tolerance = 1e-4 if dtype == "float32" else 1e-9
    # Where two depths differ by rounding, another face may be the last that counts.
    assert ((alpha - want_alpha).abs() > tolerance).float().mean() < 1e-3
    assert want_grad.abs().max() > 1
    far = (grad - want_grad).abs() > 10 * tolerance * want_grad.abs().max()
    assert far.float().mean() < 1e-2


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
@pytest.mark.usefixtures("deterministic")
def test_repeats_bit_by_bit(random_meshes: Callable[..., Any], options: dict[str, Any]) -> None:
    scene = random_meshes(3000, size=0.1)
    results = [run(scene, "cuda", **options) for _ in range(20)]
    for alpha, grad in results[1:]:
        assert torch.equal(alpha, results[0][0])
        assert torch.equal(grad, results[0][1])


def test_both_ways_of_summing_agree(random_meshes: Callable[..., Any]) -> None:
    """Faces over the whole picture among them, for which blocks join."""
    scene = random_meshes(200, size=2.0)
    alpha, grad = run(scene, "cuda", size=400, blur_radius=1e-3)
    torch.use_deterministic_algorithms(True)
    try:
        other_alpha, other_grad = run(scene, "cuda", size=400, blur_radius=1e-3)
    finally:
        torch.use_deterministic_algorithms(False)
    torch.testing.assert_close(alpha, other_alpha, rtol=0, atol=1e-5)
    torch.testing.assert_close(grad, other_grad, rtol=0, atol=1e-4 * float(grad.abs().max()))


@pytest.mark.parametrize("faces_per_pixel", [None, 4])
def test_on_a_stream_of_ones_own(random_meshes: Callable[..., Any], faces_per_pixel: int | None) -> None:
    scene, options = random_meshes(500), {"blur_radius": 1e-3, "faces_per_pixel": faces_per_pixel}
    want = run(scene, "cpu", **options)
    with torch.cuda.stream(torch.cuda.Stream()):
        got = run(scene, "cuda", **options)
    torch.testing.assert_close(got[0], want[0], rtol=0, atol=1e-4)


def test_memory_does_not_grow_with_k(random_meshes: Callable[..., Any]) -> None:
    """Forward and backward of 512^2 in a few pictures' memory; fragments of 400 faces would take 2.9 GB."""
    scene = random_meshes(2000, size=0.1)
    run(scene, "cuda", size=16, blur_radius=1e-3, faces_per_pixel=400)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run(scene, "cuda", size=512, blur_radius=1e-3, faces_per_pixel=400)
    assert torch.cuda.max_memory_allocated() - before < 40e6
