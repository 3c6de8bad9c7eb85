"""soft_phong on PyTorch's CUDA tensors, held to the CPU schedule, which is held to the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.ops.soft_phong import PackedTexture, PhongSurface, soft_phong

pytestmark = pytest.mark.gpu

OPTIONS: dict[str, dict[str, Any]] = {
    "all": {"blur_radius": 1e-3},
    "nearest": {"blur_radius": 1e-3, "faces_per_pixel": 10, "perspective_correct": True},
    "clipped": {"blur_radius": 1e-3, "perspective_correct": True, "z_near": 0.6},
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


def run(scene: Any, device: str, kind: str, **options: Any) -> tuple[Tensor, ...]:
    """Pictures and gradients of all that is given, on the host."""
    verts, faces, first = map(torch.from_numpy, scene)
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=verts.dtype)

    looks = draw(len(first) - 1, 21)
    looks[:, 16:18] = torch.tensor([0.3, 4.0])  # znear, zfar
    given = [verts, verts + 0.1, draw(len(verts), 3) - 0.5, looks, draw(91, 3), 1.4 * draw(50, 2)]
    leaves = [tensor.to(device).requires_grad_() for tensor in given]
    corners = torch.randint(0, 50, faces.shape, generator=generator).to(device)
    texture = PackedTexture(leaves[4], corners)
    if kind == "maps":
        maps = torch.tensor([[0, 7, 5], [35, 8, 7]]).to(device)
        which = torch.randint(0, 2, (len(faces),), generator=generator).to(device)
        texture = PackedTexture(leaves[4], corners, leaves[5], maps, which, "maps")
    image = soft_phong(
        leaves[0],
        faces.to(device),
        first.to(device),
        PhongSurface(*leaves[1:4]),
        texture,
        (96, 144),
        sigma=1e-3,
        gamma=1e-2,
        **options,
    )
    weights = torch.arange(image.numel()).view_as(image).sin().to(image)
    grads = torch.autograd.grad(image, leaves[: 6 if kind == "maps" else 5], weights)
    return image.detach().cpu(), *(grad.cpu() for grad in grads)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["vertices", "maps"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_equals_the_cpu(
    random_meshes: Callable[..., Any], options: dict[str, Any], kind: str, dtype: str
) -> None:
    scene = random_meshes(500, 0, 200, dtype=dtype)
    results = zip(run(scene, "cuda", kind, **options), run(scene, "cpu", kind, **options), strict=True)
    tolerance = 1e-3 if dtype == "float32" else 1e-8
    for got, want in results:
        # Where two depths differ by rounding, another face may be the last that counts.
        assert want.abs().max() > 0
        assert ((got - want).abs() > tolerance * want.abs().max()).float().mean() < 1e-2


@pytest.mark.parametrize("kind", ["vertices", "maps"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
@pytest.mark.usefixtures("deterministic")
def test_repeats_bit_by_bit(random_meshes: Callable[..., Any], options: dict[str, Any], kind: str) -> None:
    scene = random_meshes(2000, size=0.1)
    results = [run(scene, "cuda", kind, **options) for _ in range(20)]
    for again in results[1:]:
        assert all(map(torch.equal, again, results[0]))
