"""Depth peeling: the layers behind those already seen (``after_zbuf`` and ``after_face``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from r3d_cli.backend import rasterize_meshes as backend
from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.ops import rasterize_meshes as op
from r3d_cli.reference import rasterize_meshes as reference

Mesh = tuple[np.ndarray, np.ndarray, np.ndarray]
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "perspective, planes": {"perspective_correct": True, "z_near": 0.8, "z_far": 2.6},
    "blurred": {"blur_radius": 1e-3, "perspective_correct": True, "clip_barycentric_coords": True},
}


def soup(dtype: type = np.float32, seed: int = 0) -> Mesh:
    """Two meshes, and an empty one between them: crossing faces, copies of some of them, coplanar ones, one
    whose coordinates are evaluated in double."""
    rng = np.random.default_rng(seed)
    count = 60
    center = rng.uniform((-0.5, -0.5, 0.7), (0.5, 0.5, 3), (count, 3))[:, None]
    triangles = center + rng.normal(size=(count, 3, 3)) * rng.choice([0.3, 1.0], (count, 1, 1)) * (1, 1, 0.3)
    triangles[25:35] = triangles[:10]
    triangles[50:55, :, 2] = 1.5
    triangles[55] *= (1e10, 1e10, 1)
    faces = np.arange(3 * count).reshape(-1, 3)
    return triangles.reshape(-1, 3).astype(dtype), faces, np.array([0, 35, 35, count])


def peel(rasterize: Callable[..., Fragments], K: int, image_size: tuple[int, int], dtype: type) -> Fragments:
    """All layers, K at a time, in one."""
    shape = (3, *image_size)
    after = np.full(shape, -1, dtype), np.full(shape, -1)
    parts = []
    while not parts or (after[0] < np.inf).any():
        parts.append(rasterize(image_size, faces_per_pixel=K, after_zbuf=after[0], after_face=after[1]))
        last = parts[-1].pix_to_face[..., -1]
        after = np.where(last < 0, np.inf, parts[-1].zbuf[..., -1]).astype(dtype), last.copy()
    return Fragments(*(np.concatenate(field, 3) for field in zip(*parts, strict=True)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("isa")
def test_layers_are_bitwise_those_of_a_larger_k(way: str, dtype: type) -> None:
    """By insertion, as a heap, one at a time: and the first layers with a place and without one."""
    mesh, image_size = soup(dtype), (37, 50)

    def rasterize(size: tuple[int, int], **options: Any) -> Fragments:
        return backend.rasterize_meshes(*mesh, size, **options, **WAYS[way])

    everything = rasterize(image_size, faces_per_pixel=60)
    depth = int((everything.pix_to_face >= 0).sum(-1).max())
    assert depth > 8
    assert (np.diff(everything.zbuf[..., :depth]) == 0).any(), "the premise: depths tie"
    for K in (1, 3, 33):
        got = peel(rasterize, K, image_size, dtype)
        for name, one, other in zip(Fragments._fields, got, everything, strict=True):
            np.testing.assert_array_equal(one[:, :, :, :depth], other[:, :, :, :depth], err_msg=f"{K} {name}")
        assert (got.pix_to_face[..., depth:] < 0).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("isa")
def test_equals_the_reference(way: str) -> None:
    """After depths and faces of one's own, that no face is at."""
    mesh, image_size = soup(np.float64, seed=1), (12, 17)
    rng = np.random.default_rng(2)
    after_zbuf = rng.uniform(0.5, 3, (3, *image_size))
    after_zbuf[:, ::3], after_zbuf[:, 1::3, ::4] = -1, np.inf
    after_face = rng.integers(-1, 60, after_zbuf.shape)
    want = reference.rasterize_meshes(
        *map(torch.from_numpy, mesh),
        image_size,
        faces_per_pixel=5,
        after_zbuf=torch.from_numpy(after_zbuf),
        after_face=torch.from_numpy(after_face),
        **WAYS[way],
    )
    got = backend.rasterize_meshes(
        *mesh, image_size, faces_per_pixel=5, after_zbuf=after_zbuf, after_face=after_face, **WAYS[way]
    )
    np.testing.assert_array_equal(got.pix_to_face, want.pix_to_face)
    np.testing.assert_allclose(got.zbuf, want.zbuf, rtol=1e-9)
    assert (got.pix_to_face[:, 1::3, ::4] == -1).all()
    seen = got.pix_to_face >= 0
    assert (got.zbuf >= after_zbuf[..., None])[seen].all()
    assert seen.sum() > 300


def test_ties_go_by_id() -> None:
    """Forty copies of a face: after number 17 come the others; sorted, as a heap, and with room to spare."""
    verts = np.array([[-3, -3, 2], [3, -3, 2], [0, 3, 2]], np.float32)
    faces, first = np.tile(np.arange(3), (40, 1)), np.array([0, 40])
    z = np.full((1, 2, 2), 2, np.float32)
    for K, after in ((1, 17), (4, 17), (22, 17), (36, 17), (36, 2)):
        got = backend.rasterize_meshes(
            verts, faces, first, (2, 2), faces_per_pixel=K, after_zbuf=z, after_face=np.full((1, 2, 2), after)
        ).pix_to_face
        want = np.append(np.arange(after + 1, 40), [-1] * 40)[:K]
        assert (got == want).all()


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_those_of_a_larger_k(seed: int) -> None:
    verts, faces, first = map(torch.from_numpy, soup(np.float64, seed))
    verts.requires_grad_()
    settings: dict[str, Any] = {"blur_radius": 1e-3, "perspective_correct": True}
    six = op.rasterize_meshes(verts, faces, first, (15, 20), faces_per_pixel=6, **settings)
    three = op.rasterize_meshes(verts, faces, first, (15, 20), faces_per_pixel=3, **settings)
    last = three.pix_to_face[..., -1]
    behind = op.rasterize_meshes(
        verts,
        faces,
        first,
        (15, 20),
        faces_per_pixel=3,
        after_face=last,
        after_zbuf=torch.where(last < 0, torch.inf, three.zbuf[..., -1]),
        **settings,
    )
    assert (behind.pix_to_face >= 0).sum() > 100
    weights = [torch.randn_like(part) for part in six[1:]]
    want = torch.autograd.grad(six[1:], verts, weights)[0]
    front = torch.autograd.grad(three[1:], verts, [w[:, :, :, :3] for w in weights])[0]
    rest = torch.autograd.grad(behind[1:], verts, [w[:, :, :, 3:] for w in weights])[0]
    torch.testing.assert_close(front + rest, want, rtol=1e-9, atol=1e-9 * want.abs().max().item())


def test_opcheck() -> None:
    verts, faces, first = map(torch.from_numpy, soup(np.float64))
    after = torch.full((3, 6, 5), 1.0, dtype=torch.float64), torch.full((3, 6, 5), 7)
    settings = 6, 5, 2, 1e-3, True, False, False, 0.5, 9.0, True
    for arguments in ((verts, faces, first, *settings, *after), (verts, faces, first, *settings, None, None)):
        torch.library.opcheck(op._fwd.torch_op, arguments)


def test_compiles_whole() -> None:
    """Its gradient too: opcheck adds all outputs to the first, which holds integers, and fails at that."""
    verts, faces, first = map(torch.from_numpy, soup(np.float64))
    after = {"after_zbuf": torch.full((3, 6, 5), 1.0, dtype=torch.float64)}
    after["after_face"] = torch.full((3, 6, 5), 7)

    def loss(verts: torch.Tensor) -> torch.Tensor:
        return (
            op.rasterize_meshes(verts, faces, first, (6, 5), faces_per_pixel=3, **after).zbuf.square().sum()
        )

    verts.requires_grad_()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    want, got = (torch.autograd.grad(f(verts), verts)[0] for f in (loss, compiled))
    torch.testing.assert_close(got, want)
    assert want.abs().max() > 0


@pytest.mark.parametrize(
    ("after_zbuf", "after_face", "message"),
    [
        (np.zeros((3, 4, 5), np.float32), None, "after_zbuf and after_face go together"),
        (None, np.zeros((3, 4, 5), int), "after_zbuf and after_face go together"),
        (np.zeros((3, 5, 4), np.float32), np.zeros((3, 4, 5), int), "after_zbuf must have shape"),
        (np.zeros((3, 4, 5), np.float32), np.zeros((1, 4, 5), int), "after_face must have shape"),
        (np.zeros((3, 4, 5)), np.zeros((3, 4, 5), int), "after_zbuf must be float32, got float64"),
        (np.zeros((3, 4, 5), np.float32), np.zeros((3, 4, 5)), "after_face must be int64, got float64"),
    ],
)
def test_wrong_arguments_are_named(
    after_zbuf: np.ndarray | None, after_face: np.ndarray | None, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^rasterize_meshes: {message}"):
        backend.rasterize_meshes(*soup(), (4, 5), after_zbuf=after_zbuf, after_face=after_face)
