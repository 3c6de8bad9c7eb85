"""The mesh losses: recorded answers, closed forms, gradients, ragged and empty batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli.loss import mesh_edge_loss, mesh_laplacian_smoothing, mesh_normal_consistency
from r3d_cli.ops import cot_laplacian, norm_laplacian
from r3d_cli.structures import Meshes
from r3d_cli.utils import ico_sphere, torus

LOSSES: dict[str, Callable[[Meshes], Tensor]] = {
    "edge": partial(mesh_edge_loss, target_length=0.1),
    "normal": mesh_normal_consistency,
    "uniform": partial(mesh_laplacian_smoothing, method="uniform"),
    "cot": partial(mesh_laplacian_smoothing, method="cot"),
    "cotcurv": partial(mesh_laplacian_smoothing, method="cotcurv"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_equals_recording(shared_data: Path, name: str) -> None:
    recorded = np.load(shared_data / "pytorch3d_cases" / "mesh_losses.npz")
    verts, faces = (
        [torch.from_numpy(recorded[f"{part}_{n}"]) for n in range(2)] for part in ("verts", "faces")
    )
    torch.testing.assert_close(
        LOSSES[name](Meshes(verts, faces)), torch.from_numpy(recorded[name]), rtol=1e-5, atol=1e-6
    )


def two_bent_pieces() -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    sphere, ring = ico_sphere(0), torus(0.3, 1.0, 4, 5)
    verts = [mesh.verts_packed().double() for mesh in (sphere, ring)]
    noisy = [v + 0.1 * torch.rand(v.shape, generator=generator, dtype=v.dtype) for v in verts]
    return noisy, [sphere.faces_packed(), ring.faces_packed()]


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_is_the_mean_of_its_meshes(name: str) -> None:
    verts, faces = two_bent_pieces()
    alone = [LOSSES[name](Meshes([v], [f])) for v, f in zip(verts, faces, strict=True)]
    torch.testing.assert_close(LOSSES[name](Meshes(verts, faces)), (alone[0] + alone[1]) / 2)
    none = torch.zeros(0, 3)
    with_empty = Meshes([*verts, none.double()], [*faces, none.long()])
    torch.testing.assert_close(LOSSES[name](with_empty), (alone[0] + alone[1]) / 3)
    extended = Meshes(verts, faces).extend(3)
    torch.testing.assert_close(LOSSES[name](extended), (alone[0] + alone[1]) / 2)


@pytest.mark.parametrize("name", ["edge", "normal", "uniform"])
def test_gradcheck(name: str) -> None:
    verts, faces = two_bent_pieces()
    leaves = [v.requires_grad_() for v in verts]
    assert torch.autograd.gradcheck(lambda *moved: LOSSES[name](Meshes(list(moved), faces)), leaves)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_collapsed_meshes_are_finite(name: str) -> None:
    verts = torch.zeros(12, 3, requires_grad=True)
    LOSSES[name](Meshes([verts], [ico_sphere(0).faces_packed()])).backward()
    assert verts.grad is not None
    assert verts.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e-4, 1.0, 1e4])
def test_gradients_of_degenerate_faces_are_finite(name: str, scale: float) -> None:
    """Needles, points, faces folded onto each other, and coordinates whose squares underflow."""
    generator = torch.Generator().manual_seed(0)
    verts = torch.rand((200, 3), generator=generator)
    verts[:60, 1:] *= 1e-7  # on a line, nearly
    verts[60:80, 1:] = 0  # on a line
    verts[80:100] = verts[80]  # in a point
    verts[100:120] = verts[100:101] + 1e-6 * verts[100:120]
    faces = torch.cat(
        [torch.randint(low, low + 20, (30, 3), generator=generator) for low in range(0, 181, 20)]
    )
    faces = torch.cat([faces, faces[:50].flip(1), faces[50:60]])  # back to back, and twice
    verts = (scale * verts).requires_grad_()
    loss = LOSSES[name](Meshes([verts], [faces]))
    loss.backward()
    assert loss.isfinite()
    assert verts.grad is not None
    assert verts.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_of_nothing_is_zero(name: str) -> None:
    none = torch.zeros(0, 3)
    for meshes in (Meshes([], []), Meshes([none], [none.long()])):
        assert LOSSES[name](meshes) == 0


def test_flat_surfaces_have_no_curvature_and_bend_nowhere() -> None:
    """An irregular triangulation of a plane: inside, the curvature normal vanishes."""
    generator = torch.Generator().manual_seed(1)
    x, y = torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")
    flat = torch.stack([x, y, 0 * x], -1).double()
    flat[1:-1, 1:-1, :2] += 0.4 * torch.rand((4, 4, 2), generator=generator, dtype=torch.float64) - 0.2
    corner = torch.arange(36).reshape(6, 6)[:-1, :-1].flatten()
    faces = torch.cat([corner[:, None] + torch.tensor([0, 6, 1]), corner[:, None] + torch.tensor([1, 6, 7])])
    verts = flat.reshape(-1, 3)
    assert mesh_normal_consistency(Meshes([verts], [faces])).abs() < 1e-12
    L, inverse_areas = cot_laplacian(verts, faces)
    curvature = (L @ verts - torch.sparse.sum(L, 1).to_dense()[:, None] * verts) * inverse_areas
    inside = torch.zeros(6, 6, dtype=torch.bool)
    inside[1:-1, 1:-1] = True
    assert curvature[inside.flatten()].abs().max() < 1e-12


def test_three_faces_on_an_edge_make_three_pairs() -> None:
    angles = torch.tensor([0.0, 1.0, 2.5])
    rim = torch.stack([angles.cos(), angles.sin(), 0 * angles], 1)
    verts = torch.cat([torch.tensor([[0.0, 0, 0], [0, 0, 1]]), rim])
    book = Meshes([verts], [torch.tensor([[0, 1, 2], [1, 0, 3], [0, 1, 4]])])
    bends = [1 + torch.cos(angles[i] - angles[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    torch.testing.assert_close(mesh_normal_consistency(book), torch.stack(bends).mean())


def test_topology_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    meshes = ico_sphere(1)
    for loss in LOSSES.values():
        loss(meshes)

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    for op in ("mesh_edges", "unique_edges", "vertex_corners"):
        monkeypatch.setattr(f"r3d_cli.structures.topology.{op}", never)
    moved = meshes.offset_verts(torch.full_like(meshes.verts_packed(), 0.1))
    for loss in LOSSES.values():
        assert loss(moved).isfinite()


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="method must be one of uniform, cot, cotcurv, got 'cotan'"):
        mesh_laplacian_smoothing(ico_sphere(0), method="cotan")
    with pytest.raises(ValueError, match=r"cot_laplacian: verts must have shape \(V, 3\), got \(4,\)"):
        cot_laplacian(torch.zeros(4), torch.zeros(1, 3).long())
    with pytest.raises(ValueError, match="norm_laplacian: edges must be int64 or int32, got float32"):
        norm_laplacian(torch.zeros(4, 3), torch.zeros(1, 2))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("count", [0, 4])
def test_a_batch_without_faces_has_the_shape_that_pytorch3d_gives(name: str, count: int) -> None:
    for batch in (Meshes([], []), Meshes([torch.rand(count, 3)] * 2, [torch.zeros(0, 3).long()] * 2)):
        loss = LOSSES[name](batch)
        assert loss.tolist() == [0.0]
        assert loss.requires_grad
        loss.sum().backward()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    "wrong", [None, 3.0, torch.zeros(4, 3), [torch.zeros(4, 3)]], ids=lambda x: type(x).__name__
)
def test_what_are_no_meshes(name: str, wrong: object) -> None:
    kind = type(wrong).__name__
    with pytest.raises(ValueError, match=rf"^mesh_\w+: meshes must be Meshes, got {kind}$"):
        LOSSES[name](wrong)


def test_a_target_length_that_is_no_number() -> None:
    meshes = Meshes([torch.rand(3, 3)], [torch.tensor([[0, 1, 2]])])
    with pytest.raises(ValueError, match=r"^mesh_edge_loss: target_length must be a number, got str$"):
        mesh_edge_loss(meshes, "0.1")
