"""Face areas and normals, vertex normals: recorded answers, closed forms, trimesh, gradients, bad input."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from r3d_cli import _native
from r3d_cli.backend import mesh_normals as backend
from r3d_cli.ops import face_areas_normals, vertex_corners, vertex_normals
from r3d_cli.ops import mesh_normals as module
from r3d_cli.reference import mesh_normals as reference


@pytest.mark.parametrize("documented", [module, backend], ids=["ops", "backend"])
def test_the_examples(documented: object) -> None:
    assert doctest.testmod(documented).failed == 0


def values_and_gradient(functions: object, verts: Tensor, faces: Tensor, *corners: object) -> list[Tensor]:
    """Of all outputs of a module with both functions, weighted unequally."""
    verts = verts.detach().clone().requires_grad_()
    areas, normals = functions.face_areas_normals(verts, faces, *corners)
    results = [areas, normals, functions.vertex_normals(verts, faces, *corners)]
    weights = [
        torch.sin(torch.arange(x.numel(), dtype=x.dtype) + i).view_as(x) for i, x in enumerate(results)
    ]
    loss = sum((x * w).sum() for x, w in zip(results, weights, strict=True))
    return [*(x.detach() for x in results), torch.autograd.grad(loss, verts)[0]]


def random_mesh(
    num_verts: int, num_faces: int, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    verts = torch.randn(num_verts, 3, generator=generator, dtype=dtype)
    return verts, torch.randint(0, max(num_verts, 1), (num_faces, 3), generator=generator)


def tetrahedron(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    verts = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=dtype)
    return verts, torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


@given(st.integers(0, 12), st.integers(0, 40), st.integers(0, 2**16), st.booleans())
@settings(deadline=None)
def test_the_reference_agrees(num_verts: int, num_faces: int, seed: int, shift: bool) -> None:
    verts, faces = random_mesh(num_verts, num_faces if num_verts else 0, seed)
    faces = faces.sort(1).values.unique(dim=0)  # where faces cancel, rounding alone decides
    faces[::2] = faces[::2].flip(1)
    got = values_and_gradient(module, verts + shift, faces)
    for x, want in zip(got, values_and_gradient(reference, verts + shift, faces), strict=True):
        assert torch.isfinite(x).all()
        torch.testing.assert_close(x, want, rtol=1e-6, atol=1e-9)


def test_corners_may_be_given() -> None:
    verts, faces = random_mesh(50, 300)
    want = values_and_gradient(module, verts, faces)
    got = values_and_gradient(module, verts, faces, vertex_corners(faces, 50))
    assert all(map(torch.equal, got, want))


def test_transposed_vertices() -> None:
    verts, faces = random_mesh(9, 20)
    strided = verts.T.contiguous().T
    want = values_and_gradient(module, verts, faces)
    assert all(map(torch.equal, values_and_gradient(module, strided, faces.T.contiguous().T), want))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_instruction_sets_threads_and_repetitions_agree(dtype: torch.dtype, restore_native: None) -> None:
    """Sums are taken in one order on any number of threads: not a bit differs."""
    verts, faces = random_mesh(20_000, 40_000, dtype=dtype)
    faces[:9_000, 0] = 7  # one vertex of many faces
    want = None
    for isa in _native.isas():
        _native.set_isa(isa)
        for threads in (1, 2, 7):
            _native.set_num_threads(threads)
            got = values_and_gradient(module, verts, faces)
            want = want or got
            for x, y in zip(got, want, strict=True):
                torch.testing.assert_close(x, y, rtol=1e-6, atol=1e-6)
            want = got if threads == 1 else want
            assert all(map(torch.equal, got, want))
    _native.set_num_threads(2)
    for _ in range(20):
        assert all(map(torch.equal, values_and_gradient(module, verts, faces), want))


@pytest.mark.parametrize("transposed", [False, True])
def test_registration(transposed: bool) -> None:
    verts, faces = random_mesh(7, 10)
    if transposed:
        verts, faces = verts.T.contiguous().T, faces.T.contiguous().T
    first, corners = vertex_corners(faces, 7)
    areas, normals = face_areas_normals(verts, faces)
    verts.requires_grad_()
    for op, arguments in (
        (module._faces_fwd.torch_op, (verts, faces, None, None)),
        (module._faces_fwd.torch_op, (verts, faces, first, corners)),
        (module._verts_fwd.torch_op, (verts, faces, first, corners)),
    ):
        torch.library.opcheck(op, arguments)
    verts = verts.detach()
    grad = torch.ones_like(verts)
    for grads in ((areas, None), (None, normals), (areas, normals)):
        torch.library.opcheck(
            module._faces_bwd.torch_op, (verts, faces, first, corners, areas, normals, *grads)
        )
    torch.library.opcheck(
        module._verts_bwd.torch_op, (verts, faces, first, corners, grad, grad[:, 0].clone(), grad)
    )


@pytest.mark.parametrize("known", [True, False])
def test_compiles_whole(known: bool) -> None:
    verts, faces = random_mesh(30, 50)
    corners = vertex_corners(faces, 30) if known else None

    def loss(verts: Tensor) -> Tensor:
        areas, normals = face_areas_normals(verts, faces, corners)
        return (vertex_normals(verts, faces, corners)[:, 0] * 2).sum() + (areas[:, None] * normals).sum()

    results = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        moved = verts.clone().requires_grad_()
        value = function(moved)
        results.append((value, *torch.autograd.grad(value, moved)))
    for x, y in zip(*results, strict=True):
        torch.testing.assert_close(x, y)


def test_corners_of_other_faces_are_refused() -> None:
    verts, faces = tetrahedron()
    first, corners = vertex_corners(faces, 4)
    with pytest.raises(IndexError, match="vertex_normals: corners are not those of these faces"):
        vertex_normals(verts, faces, (first, corners + 100))
    with pytest.raises(IndexError, match="vertex_normals: corners are not those of these faces"):
        vertex_normals(verts, faces, (first * 2, corners))
    with pytest.raises(
        ValueError, match=r"vertex_normals: corners\[0\] must have shape \(V\+1,\) with V\+1 = 5"
    ):
        vertex_normals(verts, faces, (first[:-1], corners))
    with pytest.raises(ValueError, match=r"vertex_normals: corners\[1\] must be int32, got int64"):
        vertex_normals(verts, faces, (first, corners.long()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_recorded_case(dtype: torch.dtype, shared_data: Path) -> None:
    case = np.load(shared_data / "pytorch3d_cases" / "mesh_losses.npz")
    parts = [torch.from_numpy(case[f"verts_{i}"]) for i in range(2)]
    verts = torch.cat(parts).to(dtype)
    faces = torch.from_numpy(np.concatenate([case["faces_0"], case["faces_1"] + len(parts[0])]))
    areas, normals = face_areas_normals(verts, faces)
    assert areas.dtype == normals.dtype == dtype
    for got, name in (
        (areas, "areas"),
        (normals, "face_normals"),
        (vertex_normals(verts, faces), "verts_normals"),
    ):
        np.testing.assert_allclose(got, case[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_tetrahedron() -> None:
    verts, faces = tetrahedron()
    areas, normals = face_areas_normals(verts, faces)
    torch.testing.assert_close(areas, torch.tensor([0.5, 0.5, 0.5, 3**0.5 / 2], dtype=torch.float64))
    diagonal = 3**-0.5
    want = torch.tensor([[0, 0, -1], [0, -1, 0], [-1, 0, 0], [diagonal] * 3], dtype=torch.float64)
    torch.testing.assert_close(normals, want)
    corner = torch.full((3,), -diagonal, dtype=torch.float64)
    torch.testing.assert_close(vertex_normals(verts, faces)[0], corner)


def test_vertex_normals_are_weighted_by_area() -> None:
    """A face of area 1/2 in the xy plane and one of area 2 in the xz plane meet in an edge."""
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 4]])
    normals = vertex_normals(verts, torch.tensor([[0, 1, 2], [1, 0, 3]]))
    shared = torch.tensor([0.0, 4, 1]) / 17**0.5
    torch.testing.assert_close(
        normals, torch.stack([shared, shared, normals.new_tensor([0, 0, 1]), normals.new_tensor([0, 1, 0])])
    )


def test_trimesh_agrees() -> None:
    """trimesh weights by angle unless told: with areas for weights it has our normals."""
    trimesh = pytest.importorskip("trimesh")
    mesh = trimesh.creation.annulus(0.5, 1.0, 2.0)
    verts, faces = torch.tensor(np.array(mesh.vertices)), torch.tensor(np.array(mesh.faces, np.int64))
    areas, normals = face_areas_normals(verts, faces)
    np.testing.assert_allclose(areas, mesh.area_faces)
    np.testing.assert_allclose(normals, mesh.face_normals, atol=1e-7)
    sums = mesh.faces_sparse @ (mesh.face_normals * mesh.area_faces[:, None])
    np.testing.assert_allclose(vertex_normals(verts, faces), trimesh.unitize(sums), atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-15, 1e-6, 1.0, 1e6, 1e15])
def test_at_any_scale(scale: float, dtype: torch.dtype) -> None:
    """Normals have unit length on small meshes too, where PyTorch3D's floor of 1e-6 shortens them."""
    verts, faces = tetrahedron(dtype)
    torch.testing.assert_close(vertex_normals(verts * scale, faces), vertex_normals(verts, faces))
    areas, normals = face_areas_normals(verts * scale, faces)
    torch.testing.assert_close(normals, face_areas_normals(verts, faces)[1])
    torch.testing.assert_close(areas / scale / scale, face_areas_normals(verts, faces)[0])


def test_gradients() -> None:
    verts, faces = random_mesh(8, 13)
    faces[3, 1] = faces[3, 0]  # has no area
    verts.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: vertex_normals(x, faces), verts)
    smooth = faces[(faces != faces.roll(1, 1)).all(1)]  # an area is not differentiable where it is zero
    assert torch.autograd.gradcheck(lambda x: face_areas_normals(x, smooth), verts)
    few = verts.detach()[:5].clone().requires_grad_()
    faces = torch.tensor([[0, 1, 2], [2, 1, 3], [4, 2, 3]])
    assert torch.autograd.gradgradcheck(lambda x: vertex_normals(x, faces), few)
    for output in (0, 1):
        assert torch.autograd.gradgradcheck(lambda x, i=output: face_areas_normals(x, faces)[i], few)
    assert torch.autograd.gradgradcheck(lambda x: face_areas_normals(x, faces), few)


def test_nothing_becomes_nan_where_there_is_no_normal() -> None:
    """Faces without area, by a repeated vertex and by vertices on a line, cancelling ones, a lone vertex."""
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [5, 5, 5], [0, 0, 1], [7, 7, 7]])
    verts.requires_grad_()
    faces = torch.tensor([[0, 0, 1], [0, 1, 2], [4, 4, 4], [3, 4, 5], [4, 3, 5]])
    areas, normals = face_areas_normals(verts, faces)
    assert areas[:3].tolist() == [0, 0, 0]
    assert (normals[:3] == 0).all()
    verts_normals = vertex_normals(verts, faces)
    assert (verts_normals == 0).all()
    (areas.sum() + normals.sum() + verts_normals.sum()).backward()
    assert torch.isfinite(verts.grad).all()
    assert (verts.grad[6] == 0).all()


def test_slivers_have_finite_gradients() -> None:
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0.5, 1e-18, 0]], requires_grad=True)
    faces = torch.tensor([[0, 1, 2]])
    normals = vertex_normals(verts, faces)
    torch.testing.assert_close(normals.detach(), torch.tensor([[0.0, 0, 1]]).expand(3, 3))
    (normals[:, 2].sum() + face_areas_normals(verts, faces)[1][:, 2].sum()).backward()
    assert torch.isfinite(verts.grad).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_what_is_not_finite_stays_in_its_mesh(value: float) -> None:
    verts, faces = tetrahedron(torch.float32)
    bad = verts.clone()
    bad[1, 1] = value
    both = torch.cat([bad, verts]).requires_grad_()
    packed = torch.cat([faces, faces + 4])
    normals, (_, face_normals) = vertex_normals(both, packed), face_areas_normals(both, packed)
    torch.testing.assert_close(normals[4:], vertex_normals(verts, faces))
    torch.testing.assert_close(face_normals[4:], face_areas_normals(verts, faces)[1])
    (normals * torch.arange(24).reshape(8, 3)).sum().backward()
    alone = verts.clone().requires_grad_()
    (vertex_normals(alone, faces) * torch.arange(12, 24).reshape(4, 3)).sum().backward()
    torch.testing.assert_close(both.grad[4:], alone.grad)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_faces_that_are_not_finite_spoil_no_neighbour(value: float) -> None:
    """Values, gradients and second ones of the others are those without these faces."""
    verts, faces = tetrahedron(torch.float32)
    good = torch.cat([verts, torch.tensor([[3.0, 1, 2]])])
    bad = good.clone()
    bad[4, 1] = value
    more = torch.cat([faces, torch.tensor([[0, 4, 1], [4, 2, 3]])])
    weights = torch.arange(15.0).reshape(5, 3)

    def answers(function: Callable[[Tensor], Tensor], at: Tensor) -> list[Tensor]:
        verts = at.clone().requires_grad_()
        values = function(verts)
        (grad,) = torch.autograd.grad((values * weights[: len(values)]).sum(), verts, create_graph=True)
        (second,) = torch.autograd.grad((grad * weights[: len(grad)]).sum(), verts)
        return [values.detach(), grad.detach(), second]

    for found, wanted in zip(
        answers(lambda x: vertex_normals(x, more), bad),
        answers(lambda x: vertex_normals(x, faces), good),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)
    assert face_areas_normals(bad, more)[1][4:].isnan().all()
    for found, wanted in zip(
        answers(lambda x: face_areas_normals(x, more)[1][:4], bad),
        answers(lambda x: face_areas_normals(x, faces)[1], good),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)


def test_empty() -> None:
    none = torch.zeros(0, 3, dtype=torch.int64)
    for count in (0, 2):
        verts = torch.zeros(count, 3, requires_grad=True)
        areas, normals = face_areas_normals(verts, none)
        assert (areas.shape, normals.shape) == ((0,), (0, 3))
        assert (vertex_normals(verts, none) == 0).all()
        (vertex_normals(verts, none).sum() + areas.sum() + normals.sum()).backward()
        assert verts.grad.shape == (count, 3)
        assert (verts.grad == 0).all()


def test_autocast_computes_in_float32() -> None:
    verts, faces = tetrahedron(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        results = (vertex_normals(verts, faces), *face_areas_normals(verts, faces))
    assert {result.dtype for result in results} == {torch.float32}


@pytest.mark.parametrize("function", [vertex_normals, face_areas_normals])
def test_bad_input_is_named(function: object) -> None:
    verts, faces = tetrahedron()
    where = function.__name__
    with pytest.raises(ValueError, match=rf"^{where}: verts must have shape \(V, 3\), got \(4, 2\)$"):
        function(verts[:, :2], faces)
    with pytest.raises(ValueError, match=rf"^{where}: faces must have shape \(F, 3\), got \(12,\)$"):
        function(verts, faces.flatten())
    with pytest.raises(ValueError, match=f"^{where}: verts must be float32 or float64, got float16$"):
        function(verts.half(), faces)
    with pytest.raises(ValueError, match=f"^{where}: faces must be int64, got int32$"):
        function(verts, faces.int())
    with pytest.raises(ValueError, match=f"^{where}: verts is on meta, faces is on cpu"):
        function(verts.to("meta"), faces)
    for wrong in (-1, 4):
        bad = faces.clone()
        bad[2, 1] = wrong
        with pytest.raises(IndexError, match=rf"^({where}|vertex_corners): face 2 names a vertex .*{wrong}"):
            function(verts, bad)
