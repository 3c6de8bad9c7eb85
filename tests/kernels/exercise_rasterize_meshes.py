"""A run of every rasterizer kernel, forward and backward."""

from __future__ import annotations

import numpy as np
from machines import Machine
from shapes import assert_same, by_vertex, covering_verts, make_meshes

from r3d_cli.backend.rasterize_meshes import rasterize_meshes, rasterize_meshes_bwd


def exercise(on: Machine) -> None:
    """Faces for one thread, a warp and the grid; lists longer than a batch; registers, insertion and heap."""
    verts = make_meshes(400)[0]
    verts[:, :2] = verts[:, :2] * 0.15 + (0.1, -0.05)  # nearly all in one tile
    large = make_meshes(8, size=1, seed=3)
    verts = np.concatenate([verts, large[0], 8 * large[0][:6]])
    faces = np.arange(len(verts)).reshape(-1, 3)
    first = np.array([0, 406, 406, len(faces)])
    for faces_per_pixel, image_size in ((1, (70, 82)), (2, (70, 82)), (9, (18, 20)), (34, (18, 20))):
        options = {"image_size": image_size, "faces_per_pixel": faces_per_pixel}
        want = rasterize_meshes(verts, faces, first, **options)
        assert_same(on(rasterize_meshes, verts, faces, first, **options), want)
        after = {"after_zbuf": want.zbuf[..., 0].copy(), "after_face": want.pix_to_face[..., 0].copy()}
        after["after_zbuf"][:, ::5] = np.inf
        want = rasterize_meshes(verts, faces, first, **options, **after)
        assert_same(on(rasterize_meshes, verts, faces, first, **options, **after), want)
    gradients(on)
    gradients_of_large_faces(on)


def gradients(on: Machine) -> None:
    """Faces that share vertices, cut by the planes, seen inside and in the blur; both ways of summing."""
    rng = np.random.default_rng(5)
    verts = rng.uniform((-1.1, -1.1, 0.5), (1.1, 1.1, 3), (30, 3)).astype(np.float32)
    faces = np.stack([rng.permutation(30)[:3] for _ in range(20)])
    first = np.array([0, 12, 12, 20])
    settings = {"blur_radius": 0.01, "perspective_correct": True, "z_near": 1.0, "z_far": 2.5}
    fragments = rasterize_meshes(verts, faces, first, (10, 13), faces_per_pixel=3, **settings)
    grads = [rng.normal(size=part.shape).astype(np.float32) for part in fragments[1:]]
    arguments = verts, faces, first, fragments.pix_to_face, *grads
    want = rasterize_meshes_bwd(*arguments, **settings)
    assert np.abs(want).max() > 1
    for corners in (None, by_vertex((verts, faces, first))):
        got = on(rasterize_meshes_bwd, *arguments, corners=corners, **settings)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


def gradients_of_large_faces(on: Machine) -> None:
    """Over more pixels than a warp tests: a block adds them up."""
    verts = covering_verts(2).astype(np.float32)
    faces, first = np.arange(6).reshape(-1, 3), np.array([0, 2])
    fragments = rasterize_meshes(verts, faces, first, (66, 70))
    grad = np.random.default_rng(0).normal(size=fragments.zbuf.shape).astype(np.float32)
    arguments = verts, faces, first, fragments.pix_to_face, grad, None, None
    want = rasterize_meshes_bwd(*arguments)
    for corners in (None, by_vertex((verts, faces, first))):
        got = on(rasterize_meshes_bwd, *arguments, corners=corners)
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4 * np.abs(want).max())
