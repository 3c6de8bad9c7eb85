"""The CUDA kernels of rasterize_meshes on a GPU, held to the CPU schedule, which is held to the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from r3d_cli.backend.rasterize_meshes import Fragments, rasterize_meshes

pytestmark = pytest.mark.gpu

OPTIONS: dict[str, dict[str, Any]] = {
    "nearest": {},
    "nearest perspective clipped": {"perspective_correct": True, "z_near": 0.6, "z_far": 2.5},
    "nearest culled": {"cull_backfaces": True},
    "few": {"faces_per_pixel": 5},
    "few blurred": {"faces_per_pixel": 8, "blur_radius": 1e-3, "clip_barycentric_coords": True},
    "many": {"faces_per_pixel": 50, "blur_radius": 1e-3, "perspective_correct": True, "z_near": 0.6},
    "bands": {"faces_per_pixel": 3, "workspace_budget": 4096},
}


def assert_same(gpu: Fragments, cpu: Fragments, tolerance: float) -> None:
    """Ids are equal but for depths that differ by rounding, and so are the values where the ids are."""
    ids = np.asarray(gpu.pix_to_face)
    same = ids == cpu.pix_to_face
    assert np.mean(~same) < 1e-3
    hit = same & (ids >= 0)
    assert hit.any()
    for name in ("zbuf", "bary_coords", "dists"):
        ours, theirs = np.asarray(getattr(gpu, name)), getattr(cpu, name)
        np.testing.assert_allclose(ours[hit], theirs[hit], rtol=tolerance, atol=tolerance, err_msg=name)
        assert (ours[ids < 0] == -1).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_equals_the_cpu(
    cupy: Any, random_meshes: Callable[..., Any], options: dict[str, Any], dtype: str
) -> None:
    scene = random_meshes(700, 0, 300, dtype=dtype)
    cpu = rasterize_meshes(*scene, (96, 144), **options)
    gpu = rasterize_meshes(*map(cupy.asarray, scene), (96, 144), **options)
    assert all(isinstance(field, cupy.ndarray) for field in gpu)
    assert_same(Fragments(*map(cupy.asnumpy, gpu)), cpu, 2e-4 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_two_runs_are_bitwise_equal(
    cupy: Any, random_meshes: Callable[..., Any], options: dict[str, Any]
) -> None:
    scene = [cupy.asarray(array) for array in random_meshes(2000)]
    one, two = (rasterize_meshes(*scene, (128, 128), **options) for _ in range(2))
    for left, right in zip(one, two, strict=True):
        assert cupy.asnumpy(left).tobytes() == cupy.asnumpy(right).tobytes()


def test_takes_torch_tensors_on_torchs_stream(cupy: Any, random_meshes: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    scene = random_meshes(500)
    with torch.cuda.stream(torch.cuda.Stream()):
        fragments = rasterize_meshes(*(torch.from_numpy(array).cuda() for array in scene), (64, 64))
        fields = [field.cpu().numpy() for field in fragments]
    assert_same(Fragments(*fields), rasterize_meshes(*scene, (64, 64)), 2e-4)


def test_many_small_and_few_large_faces(cupy: Any, random_meshes: Callable[..., Any]) -> None:
    small, large = random_meshes(300_000, size=0.005), random_meshes(40, size=3.0, seed=1)
    verts = np.concatenate([small[0], large[0]])
    faces = np.concatenate([small[1], large[1] + len(small[0])])
    scene = (verts, faces, np.array([0, len(faces)]))
    cpu = rasterize_meshes(*scene, (1024, 1024))
    gpu = rasterize_meshes(*map(cupy.asarray, scene), (1024, 1024))
    assert_same(Fragments(*map(cupy.asnumpy, gpu)), cpu, 2e-4)


@pytest.mark.parametrize("faces_per_pixel", [1, 4])
def test_an_empty_batch(cupy: Any, faces_per_pixel: int) -> None:
    scene = (np.empty((0, 3), np.float32), np.empty((0, 3), np.int64), np.zeros(3, np.int64))
    fragments = rasterize_meshes(*map(cupy.asarray, scene), (8, 8), faces_per_pixel=faces_per_pixel)
    assert (cupy.asnumpy(fragments.pix_to_face) == -1).all()


@pytest.mark.parametrize("faces_per_pixel", [1, 4])
def test_a_face_past_the_vertices(cupy: Any, random_meshes: Callable[..., Any], faces_per_pixel: int) -> None:
    verts, faces, first = random_meshes(100)
    faces[37, 1] = len(verts)
    with pytest.raises(IndexError, match="face 37"):
        rasterize_meshes(*map(cupy.asarray, (verts, faces, first)), (16, 16), faces_per_pixel=faces_per_pixel)
