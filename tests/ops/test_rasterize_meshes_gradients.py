"""The backward of rasterize_meshes against the reference under autograd, and where gradients are hard."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from r3d_cli import _native
from r3d_cli.backend.rasterize_meshes import Fragments, rasterize_meshes, rasterize_meshes_bwd
from r3d_cli.reference import rasterize_meshes as reference

Mesh = tuple[np.ndarray, np.ndarray, np.ndarray]
PLANES: dict[str, Any] = {"z_near": 1.0, "z_far": 2.2}


def soup(dtype: type, seed: int, num_verts: int = 30, num_faces: int = 40) -> Mesh:
    """Two meshes of random triangles that share vertices and intersect."""
    rng = np.random.default_rng(seed)
    verts = rng.uniform((-1.3, -1.3, 0.5), (1.3, 1.3, 3), (num_verts, 3)).astype(dtype)
    faces = np.stack([rng.permutation(num_verts)[:3] for _ in range(num_faces)])
    return verts, faces, np.array([0, num_faces // 2, num_faces])


def random_like(fragments: Fragments, seed: int = 0) -> list[np.ndarray]:
    """Upstream gradients of zbuf, bary_coords and dists."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=part.shape).astype(part.dtype) for part in fragments[1:]]


def gradient_of_reference(
    mesh: Mesh, fragments: Fragments, grads: list[np.ndarray], **settings: Any
) -> np.ndarray:
    verts = torch.from_numpy(mesh[0]).requires_grad_()
    tensors = verts, torch.from_numpy(mesh[1]), torch.from_numpy(mesh[2])
    image_size = fragments.pix_to_face.shape[1:3]
    found = reference.rasterize_meshes(*tensors, image_size, **settings)
    # Around a corner of faces that a plane cuts, depths tie, and one of them may round.
    same = (found.pix_to_face.numpy() == fragments.pix_to_face).all(-1)
    assert same.mean() > 0.9
    np.testing.assert_allclose(found.zbuf.detach().numpy(), fragments.zbuf, rtol=1e-12)
    for grad in grads:
        grad[~same] = 0
    upstream = [torch.from_numpy(grad) for grad in grads]
    return torch.autograd.grad(found[1:], verts, upstream)[0].numpy()


@pytest.mark.parametrize(
    ("blur_radius", "perspective", "clip", "planes"),
    list(itertools.product((0.0, 0.01), (False, True), (False, True), ({}, PLANES))),
)
@pytest.mark.usefixtures("isa")
def test_equals_the_reference(
    blur_radius: float, perspective: bool, clip: bool, planes: dict[str, Any]
) -> None:
    mesh = soup(np.float64, seed=1)
    settings: dict[str, Any] = {
        "blur_radius": blur_radius,
        "perspective_correct": perspective,
        "clip_barycentric_coords": clip,
        **planes,
    }
    fragments = rasterize_meshes(*mesh, (10, 15), faces_per_pixel=4, **settings)
    grads = random_like(fragments)
    for alone in range(3):  # a large gradient of one output must not hide another's
        one = [grad if i == alone else np.zeros_like(grad) for i, grad in enumerate(grads)]
        want = gradient_of_reference(mesh, fragments, one, faces_per_pixel=4, **settings)
        got = rasterize_meshes_bwd(*mesh, fragments.pix_to_face, *one, **settings)
        scale = np.abs(want).max()
        assert scale > 0
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * scale)
        none = [grad if i == alone else None for i, grad in enumerate(grads)]
        np.testing.assert_array_equal(
            rasterize_meshes_bwd(*mesh, fragments.pix_to_face, *none, **settings), got
        )


@pytest.mark.usefixtures("isa")
def test_single_precision_is_that_of_its_inputs() -> None:
    """Faces of a fine mesh, whose corners are almost equally far away: the depth's slope keeps its digits."""
    across = np.linspace(-0.9, 0.9, 60)
    x, y = np.meshgrid(across, across)
    z = 2 + 1e-3 * np.sin(3 * x) * np.cos(2 * y)
    corner = (np.arange(59)[:, None] * 60 + np.arange(59)).ravel()
    faces = np.concatenate([corner[:, None] + np.array([0, 1, 60]), corner[:, None] + np.array([1, 61, 60])])
    verts = np.stack([x, y, z], -1).reshape(-1, 3).astype(np.float32)
    first = np.array([0, len(faces)])
    settings = {"perspective_correct": True}
    fragments = rasterize_meshes(verts, faces, first, (64, 64), **settings)
    grad_zbuf = random_like(fragments)[0]

    def gradient(dtype: type) -> np.ndarray:
        grad = grad_zbuf.astype(dtype)
        mesh = verts.astype(dtype), faces, first
        return rasterize_meshes_bwd(*mesh, fragments.pix_to_face, grad, None, None, **settings)

    single, double = gradient(np.float32), gradient(np.float64)
    # Depth moves by about 1e-3 of what x and y do: without care that is lost in the rounding of z.
    error = np.abs(single - double)[:, :2].max() / np.abs(double[:, :2]).max()
    assert error < 1e-4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("clip", [False, True])
def test_gradients_of_bad_faces_are_finite(dtype: type, perspective: bool, clip: bool) -> None:
    """100,000 slivers, edge-on, zero-area and near-plane faces, huge and tiny ones among them."""
    rng = np.random.default_rng(0)
    count = 20_000
    a = rng.uniform((-1, -1, 0.5), (1, 1, 3), (5 * count, 3))
    along = rng.normal(size=(5 * count, 3))
    aside = rng.normal(size=(5 * count, 3))
    kinds = np.repeat(np.arange(5), count)
    width = 10.0 ** rng.uniform(-30, -3, len(a))
    aside[kinds == 0] *= width[kinds == 0, None]  # slivers
    aside[kinds == 1] = along[kinds == 1] * (1, 1, 5) * rng.uniform(0, 2, (count, 1))  # edge-on
    aside[kinds == 2] *= 0  # of zero area
    a[kinds == 3, 2] = 10.0 ** rng.uniform(-8, -1, count)  # near the plane, and behind the camera
    scale = np.where(kinds == 4, 10.0 ** rng.uniform(-25, 12, len(a)), 0.3)[:, None]
    verts = np.stack([a, a + scale * along, a + scale * aside], 1).reshape(-1, 3).astype(dtype)
    faces = np.arange(len(verts)).reshape(-1, 3)
    first = np.arange(6) * count
    options: dict[str, Any] = {
        "blur_radius": 1e-3,
        "z_near": 1e-4,
        "perspective_correct": perspective,
        "clip_barycentric_coords": clip,
    }
    fragments = rasterize_meshes(verts, faces, first, (24, 24), faces_per_pixel=40, **options)
    seen = np.bincount(fragments.pix_to_face[fragments.pix_to_face >= 0] // count, minlength=5)
    assert (seen > 100).tolist() == [True, True, False, True, True]
    got = rasterize_meshes_bwd(verts, faces, first, fragments.pix_to_face, *random_like(fragments), **options)
    assert np.isfinite(got).all()
    assert np.abs(got).max() > 1


@pytest.mark.usefixtures("restore_native")
def test_repeats_bitwise_whatever_the_threads() -> None:
    mesh = soup(np.float32, seed=7, num_verts=300, num_faces=600)
    settings = {"blur_radius": 0.01, "perspective_correct": True}
    fragments = rasterize_meshes(*mesh, (150, 170), faces_per_pixel=12, **settings)
    grads = random_like(fragments)
    runs = []
    for threads in (1, 2, 7, *[2] * 17):
        _native.set_num_threads(threads)
        runs.append(rasterize_meshes_bwd(*mesh, fragments.pix_to_face, *grads, **settings).tobytes())
    assert len(set(runs)) == 1


def test_one_face_over_the_whole_picture() -> None:
    """Its slots are shared out among threads in pieces; another face ends within a piece."""
    verts = np.array([[-9, -5, 2], [9, -5, 3], [0, 9, 2.5], [-0.5, -0.5, 1], [0.5, -0.5, 1], [0, 0.5, 1]])
    mesh = verts, np.array([[0, 1, 2], [3, 4, 5]]), np.array([0, 2])
    fragments = rasterize_meshes(*mesh, (100, 120), faces_per_pixel=2, perspective_correct=True)
    assert (fragments.pix_to_face == 0).sum() == 100 * 120
    grads = random_like(fragments)
    want = gradient_of_reference(mesh, fragments, grads, faces_per_pixel=2, perspective_correct=True)
    got = rasterize_meshes_bwd(*mesh, fragments.pix_to_face, *grads, perspective_correct=True)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


def test_the_order_of_faces_changes_nothing() -> None:
    mesh = soup(np.float64, seed=3)
    verts, faces, first = mesh[0], mesh[1], np.array([0, len(mesh[1])])
    settings = {"blur_radius": 0.01, "perspective_correct": True}
    fragments = rasterize_meshes(verts, faces, first, (20, 20), faces_per_pixel=50, **settings)
    grads = random_like(fragments)
    want = rasterize_meshes_bwd(verts, faces, first, fragments.pix_to_face, *grads, **settings)
    order = np.random.default_rng(0).permutation(len(faces))
    new_id = np.append(np.argsort(order), -1)
    got = rasterize_meshes_bwd(verts, faces[order], first, new_id[fragments.pix_to_face], *grads, **settings)
    np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)


def test_nothing_in_gives_zeros() -> None:
    none = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64), np.zeros(2, np.int64)
    fragments = rasterize_meshes(*none, (4, 4))
    assert rasterize_meshes_bwd(*none, fragments.pix_to_face, None, None, None).shape == (0, 3)
    mesh = soup(np.float32, seed=0)
    empty = np.full((2, 4, 4, 1), -1)
    nan = np.full((2, 4, 4, 1), np.nan, np.float32)
    assert not rasterize_meshes_bwd(*mesh, empty, nan, None, nan).any()


def test_bad_arguments_are_named() -> None:
    mesh = soup(np.float32, seed=0)
    fragments = rasterize_meshes(*mesh, (4, 5))
    ids, zbuf = fragments.pix_to_face, fragments.zbuf
    with pytest.raises(ValueError, match=r"grad_zbuf must have shape \(N, H, W, K\) with N = 2 and H = 4"):
        rasterize_meshes_bwd(*mesh, ids, zbuf[:, :3], None, None)
    with pytest.raises(ValueError, match="grad_dists must be float32, got float64"):
        rasterize_meshes_bwd(*mesh, ids, None, None, zbuf.astype(np.float64))
    with pytest.raises(ValueError, match=r"pix_to_face must have shape \(N, H, W, K\) with N = 2, got"):
        rasterize_meshes_bwd(*mesh, ids[:1], None, None, None)
