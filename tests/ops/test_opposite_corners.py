"""The corner table: against a search through all pairs of corners, on meshes of every kind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from r3d_cli.ops import opposite_corners
from r3d_cli.structures import Meshes
from r3d_cli.utils import ico_sphere, torus


def edge(faces: Tensor, corner: int) -> set[int]:
    face, j = divmod(corner, 3)
    return {int(faces[face, (j + 1) % 3]), int(faces[face, (j + 2) % 3])}


def rings(faces: Tensor, num_verts: int) -> list[set[int]]:
    """The corners that each corner leads to, step by step."""
    table = opposite_corners(faces, num_verts).flatten().tolist()
    found = []
    for corner in range(len(table)):
        ring, at = {corner}, table[corner]
        while at != corner:
            assert at not in ring
            ring.add(at)
            at = table[at]
        found.append(ring)
    return found


def assert_right(faces: Tensor, num_verts: int) -> None:
    for corner, ring in enumerate(rings(faces, num_verts)):
        same = {other for other in range(3 * len(faces)) if edge(faces, other) == edge(faces, corner)}
        assert ring == same


@pytest.mark.parametrize(("num_verts", "num_faces"), [(4, 0), (3, 1), (5, 12), (9, 20), (60, 30)])
def test_random_faces(num_verts: int, num_faces: int) -> None:
    """With few vertices, edges of many faces, faces that occur twice or name a vertex twice."""
    generator = torch.Generator().manual_seed(num_faces)
    assert_right(torch.randint(num_verts, (num_faces, 3), generator=generator), num_verts)


def test_a_closed_surface_leads_back_after_one_step() -> None:
    mesh = ico_sphere(1)
    table = opposite_corners(mesh.faces_packed(), len(mesh.verts_packed())).flatten().long()
    corners = torch.arange(len(table))
    assert (table != corners).all()
    assert torch.equal(table[table], corners)
    assert_right(mesh.faces_packed(), len(mesh.verts_packed()))


def test_meshes_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computed once for meshes that share their faces; repeated, not computed, where they are."""
    spheres, ring = ico_sphere(1), torus(0.2, 1.0, 5, 7)
    meshes = Meshes(
        [spheres.verts_packed(), ring.verts_packed()], [spheres.faces_packed(), ring.faces_packed()]
    )
    table = meshes.opposite_corners_packed()
    assert torch.equal(table, opposite_corners(meshes.faces_packed(), len(meshes.verts_packed())))
    assert meshes.scale_verts(2.0).opposite_corners_packed() is table
    assert meshes.clone().opposite_corners_packed() is table
    many = meshes.extend(3)
    want = opposite_corners(many.faces_packed(), len(many.verts_packed()))
    assert torch.equal(many.opposite_corners_packed(), want)
    assert many.opposite_corners_packed().dtype == torch.int32
    assert torch.equal(meshes[1].opposite_corners_packed(), ring.opposite_corners_packed())
