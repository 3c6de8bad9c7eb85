"""What Meshes is built from, and what it says to anything else."""

from __future__ import annotations

import math
import re

import pytest
import torch

from r3d_cli.structures import Meshes

VERTS, FACES = torch.rand(4, 3), torch.tensor([[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize(
    ("verts", "faces", "message"),
    [
        ({"a": 1}, [FACES], "verts must be a list of tensors or a padded tensor, got dict"),
        ([VERTS], None, "faces must be a list of tensors or a padded tensor, got NoneType"),
        (
            [VERTS.numpy()],
            [FACES],
            "verts must be a list of tensors (L, 3) or one tensor (N, L, 3), got a list with ndarray",
        ),
        ([VERTS], [FACES, FACES], "verts has 1 meshes, faces 2"),
        ([VERTS], [], "verts has 1 meshes, faces 0"),
        (VERTS, [FACES], "verts must have shape (N, L, D) with D = 3, got (4, 3)"),
        ([VERTS[:, :2]], [FACES], "verts[0] must have shape (L, D) with D = 3, got (4, 2)"),
        ([VERTS], [FACES[:, :2]], "faces[0] must have shape (L, D) with D = 3, got (2, 2)"),
        ([VERTS[None]], [FACES], "verts[0] must have shape (L, D) with D = 3, got (1, 4, 3)"),
        ([VERTS.half()], [FACES], "verts must be float32 or float64, got float16"),
        ([FACES], [FACES], "verts must be float32 or float64, got int64"),
        ([VERTS], [FACES > 0], "faces[0] must be int64 or int32 or int16 or int8 or uint8, got bool"),
        (
            [VERTS],
            [FACES + 0.5],
            "faces[0] holds 0.5, which in float32 is no whole number; give int64 ids",
        ),
        (
            VERTS[None],
            (FACES * math.nan)[None],
            "faces holds nan, which in float32 is no whole number; give int64 ids",
        ),
        (
            [VERTS],
            [FACES.half() * 4096],
            "faces[0] holds 4096.0, which in float16 is too large to be exact; give int64 ids",
        ),
        (
            [VERTS, VERTS.double()],
            [FACES, FACES],
            "verts[1] is float64 on cpu, but verts[0] is float32 on cpu",
        ),
        (
            [VERTS],
            [FACES.to("meta")],
            "verts is on cpu, faces is on meta; move them to one device with .to()",
        ),
        (
            VERTS.expand(1, 4, 3),
            torch.tensor([[[-1, -1, -1], [0, 1, 2]]]),
            "faces has a row of -1 before other rows of its mesh; padding comes last",
        ),
    ],
)
def test_what_does_not_fit_is_named(verts: object, faces: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^Meshes: {re.escape(message)}$"):
        Meshes(verts, faces)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("normals", "message"),
    [
        ([VERTS, VERTS], "verts_normals must be 1 tensors, one an element, got 2"),
        ([VERTS[:3]], "verts_normals[0] must have shape (L, D) with L = 4 and D = 3, got (3, 3)"),
        ([VERTS.double()], "verts_normals must be float32, got float64"),
        (
            VERTS.expand(2, 4, 3),
            "verts_normals must have shape (N, L, D) with N = 1 and L = 4 and D = 3, got (2, 4, 3)",
        ),
    ],
)
def test_normals_that_do_not_fit_are_named(normals: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^Meshes: {re.escape(message)}"):
        Meshes([VERTS], [FACES], verts_normals=normals)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verts", "faces", "message"),
    [
        ([VERTS, VERTS], [FACES, FACES + 1], "faces[1] holds 4, outside [0, 4), the ids of verts[1]"),
        ([VERTS, VERTS[:3]], [FACES, FACES], "faces[1] holds 3, outside [0, 3), the ids of verts[1]"),
        ([VERTS], [FACES - 2], "faces[0] holds -2, outside [0, 4), the ids of verts[0]"),
        ([VERTS[:0]], [FACES], "faces[0] holds 3, outside [0, 0), the ids of verts[0]"),
        (VERTS[None], FACES[None] + 7, "faces[0] holds 10, outside [0, 4), the ids of verts[0]"),
    ],
)
def test_ids_of_no_vertex_are_named(verts: object, faces: object, message: str) -> None:
    with pytest.raises(IndexError, match=f"^Meshes: {re.escape(message)}$"):
        Meshes(verts, faces)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8])
def test_ids_of_any_integers_become_int64(dtype: torch.dtype) -> None:
    for faces in ([FACES.to(dtype)], FACES.to(dtype)[None]):
        assert Meshes([VERTS], faces).faces_packed().dtype == torch.int64


def test_tensors_without_numbers_are_meshes_without_faces() -> None:
    nothing = torch.tensor([])
    batch = Meshes([VERTS, nothing], [FACES, nothing])
    assert batch.num_faces_per_mesh().tolist() == [2, 0]
    assert batch.num_verts_per_mesh().tolist() == [4, 0]
    assert batch.valid.tolist() == [True, False]
    assert Meshes([nothing], [nothing]).faces_packed().dtype == torch.int64


def test_rows_of_padding_in_a_list_are_left_out() -> None:
    padded = torch.cat([FACES, torch.full((2, 3), -1)])
    batch = Meshes([VERTS, VERTS], [padded, FACES])
    assert batch.num_faces_per_mesh().tolist() == [2, 2]
    assert torch.equal(batch.faces_list()[0], FACES)


def test_vertices_that_are_not_finite_are_stored_and_named_when_asked() -> None:
    bad = VERTS.clone()
    bad[2, 1] = torch.nan
    batch = Meshes([VERTS, bad], [FACES, FACES])
    with pytest.raises(
        ValueError, match=r"^Meshes: verts\[1\]\[2\] is \[.*nan.*\]; 1 vertices are not finite$"
    ):
        batch.validate()
    fine = Meshes([VERTS], [FACES])
    assert fine.validate() is fine
    assert len(Meshes([], []).validate()) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_faces_may_be_floats(dtype: torch.dtype) -> None:
    listed = Meshes([VERTS, VERTS[:3]], [FACES.to(dtype), FACES[:1].to(dtype)])
    padded = Meshes(listed.verts_padded(), listed.faces_padded().to(dtype))
    for batch in (listed, padded):
        assert batch.faces_packed().dtype == torch.int64
        assert batch.faces_list()[1].tolist() == [[0, 1, 2]]
