"""The reference itself: its gradients, which a backward is to be held against, and where its pixels lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from r3d_cli.reference.rasterize_meshes import pixel_centers, rasterize_meshes

WAYS: dict[str, dict[str, Any]] = {
    "hard": {},
    "perspective": {"perspective_correct": True},
    "blur": {"blur_radius": 0.02, "faces_per_pixel": 4},
    "blur-perspective-clip": {
        "blur_radius": 0.02,
        "faces_per_pixel": 4,
        "perspective_correct": True,
        "clip_barycentric_coords": True,
    },
    "planes": {"perspective_correct": True, "z_near": 0.9, "z_far": 2.0, "faces_per_pixel": 2},
}


def differentiable(verts: torch.Tensor, faces: torch.Tensor, **way: Any) -> tuple[torch.Tensor, ...]:
    return rasterize_meshes(verts, faces, torch.tensor([0, len(faces)]), (5, 6), **way)[1:]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_gradcheck(way: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(5)
    verts = torch.rand(6, 3, dtype=torch.float64, generator=generator) * 2.4 - 1.2
    verts[:, 2] = torch.rand(6, dtype=torch.float64, generator=generator) * 2 + 0.5
    faces = torch.tensor([[0, 1, 2], [3, 4, 5], [0, 4, 2]])
    outputs = differentiable(verts, faces, **way)
    assert (outputs[0] >= 0).sum() >= 4, "an empty picture proves nothing"
    verts.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: differentiable(v, faces, **way), verts, eps=1e-7, atol=1e-4)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_gradients_are_finite_whatever_the_faces(way: dict[str, Any]) -> None:
    verts = torch.tensor(
        [
            *([-1, -1, 1], [1, -1, 1.5], [0, 1, 3]),  # ordinary
            *([-1, 0.1, 1], [1, 0.1, 1], [0, 0.1 + 1e-6, 1]),  # a sliver
            *([-1, 0.5, 1], [0, 0.5, 1], [1, 0.5, 2]),  # of zero area
            *([0.2, 0.2, 1], [0.2, 0.2, 1], [0.2, 0.2, 1]),  # a point
            *([-1, -0.3, 0.1], [1, -0.3, 50], [1, -0.30001, 60]),  # nearly edge-on, deep
            *([-1, -1, -1], [1, -1, -2], [0, 1, -1]),  # behind the camera
            *([float("nan"), 0, 1], [1, float("inf"), 1], [0, 1, 1]),  # not finite
        ],
        requires_grad=True,
    )
    outputs = differentiable(verts, torch.arange(len(verts)).reshape(-1, 3), **way)
    assert all(output.isfinite().all() for output in outputs)
    sum(output.sum() for output in outputs).backward()
    assert verts.grad is not None
    assert verts.grad.isfinite().all()
    assert verts.grad[:3].abs().sum() > 0
    assert (verts.grad[6:12] == 0).all(), "faces of zero area are not seen"


@pytest.mark.parametrize(("dtype", "numpy_dtype"), [(torch.float32, np.float32), (torch.float64, np.float64)])
@pytest.mark.parametrize("image_size", [(1, 1), (4, 4), (7, 33), (480, 640), (1000, 3)])
def test_pixel_centers(image_size: tuple[int, int], dtype: torch.dtype, numpy_dtype: Any) -> None:
    """The shorter side spans [-1, 1], x runs to the left and y up; the first pixel is the top-left one."""
    height, width = image_size
    short = min(image_size)
    x = (width - 1 - 2 * np.arange(width)) / short
    y = (height - 1 - 2 * np.arange(height)) / short
    expected = np.stack(np.broadcast_arrays(x, y[:, None]), -1).reshape(-1, 2)
    rounding = 4 * np.finfo(numpy_dtype).eps * max(image_size) / short
    np.testing.assert_allclose(pixel_centers(image_size, dtype).numpy(), expected, rtol=0, atol=rounding)
