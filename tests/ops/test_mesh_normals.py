"""Face areas and normals, vertex normals: recorded answers, closed forms, trimesh, gradients, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli.ops import face_areas_normals, vertex_normals


def random_mesh(
    num_verts: int, num_faces: int, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    verts = torch.randn(num_verts, 3, generator=generator, dtype=dtype)
    return verts, torch.randint(0, num_verts, (num_faces, 3), generator=generator)


def tetrahedron(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    verts = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=dtype)
    return verts, torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


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
        with pytest.raises(IndexError, match=rf"^{where}: .*{wrong}"):
            function(verts, bad)
