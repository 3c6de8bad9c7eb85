"""load_ply and save_ply."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from r3d_cli.io import load_ply, save_ply

Square = tuple[Tensor, Tensor]

QUAD = """ply
format {format} 1.0
element vertex 4
property {type} x
property {type} y
property {type} z
element face 1
property list uchar int vertex_indices
end_header
"""


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize(("name", "code"), [("float", "f4"), ("double", "f8")])
def test_forms_of_files(kind: str, name: str, code: str) -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 0.5, 0], [0, 0.5, 0]])
    order = ">" if "big" in kind else "<"
    body = corners.astype(order + code).tobytes() + b"\4" + np.arange(4, dtype=order + "i4").tobytes()
    if kind == "ascii":
        body = "\n".join([*(" ".join(map(str, row)) for row in corners), "4 0 1 2 3\n"]).encode()
    verts, faces = load_ply(io.BytesIO(QUAD.format(format=kind, type=name).encode() + body))
    assert verts.dtype == torch.float32
    assert verts.tolist() == corners.tolist()
    assert faces.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_saved_reads_back_the_same(
    tmp_path: Path, square: Square, ascii: bool, dtype: torch.dtype
) -> None:
    verts, faces = square[0].to(dtype), square[1]
    save_ply(tmp_path / "a.ply", verts, faces, ascii=ascii)
    read_verts, read_faces = load_ply(tmp_path / "a.ply")
    assert torch.equal(read_verts, verts.float())
    assert torch.equal(read_faces, faces)
    mesh = trimesh.load(tmp_path / "a.ply", process=False)
    np.testing.assert_array_equal(mesh.vertices.astype(np.float32), verts.float())
    np.testing.assert_array_equal(mesh.faces, faces)


@pytest.mark.parametrize("ascii", [False, True])
def test_normals(tmp_path: Path, square: Square, ascii: bool) -> None:
    normals = torch.nn.functional.normalize(torch.rand(4, 3), dim=1)
    save_ply(tmp_path / "a.ply", *square, verts_normals=normals, ascii=ascii)
    mesh = trimesh.load(tmp_path / "a.ply", process=False)
    np.testing.assert_allclose(mesh.vertex_normals, normals, atol=1e-6)


@pytest.mark.parametrize("faces", [None, torch.zeros(0, 3, dtype=torch.int64), torch.tensor([])])
def test_points_alone(faces: Tensor | None) -> None:
    file = io.BytesIO()
    save_ply(file, torch.eye(3), faces)
    verts, read = load_ply(io.BytesIO(file.getvalue()))
    assert torch.equal(verts, torch.eye(3))
    assert (read.shape, read.dtype) == ((0, 3), torch.int64)


def test_decimal_places(square: Square) -> None:
    file = io.StringIO()
    save_ply(file, *square, ascii=True, decimal_places=3)
    assert file.getvalue().splitlines()[-5:] == [
        "0.333 0.000 0.000",
        "0.333 0.100 0.000",
        "0.000 0.100 -123.456",
        "3 0 1 2",
        "3 0 2 3",
    ]


def test_broken_files_name_the_place(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    path.write_text(QUAD.format(format="ascii", type="float") + "0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 9\n")
    with pytest.raises(ValueError, match=r"a.ply:14: a face names vertex 9, but the file has 4"):
        load_ply(path)
    save_ply(path, torch.eye(3))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"a.ply: the header declares 3 of 'vertex', more than the rest"):
        load_ply(path)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"verts": torch.rand(3)}, ValueError, r"verts must have shape \(N, 3\), got \(3,\)"),
        ({"faces": torch.rand(1, 3)}, ValueError, "faces must be int64 .*, got float32"),
        ({"faces": torch.tensor([[0, 1, 7]])}, IndexError, r"faces holds 7, outside \[0, 3\)"),
        (
            {"verts_normals": torch.rand(2, 3)},
            ValueError,
            r"verts_normals must have shape \(V, 3\) with V = 3, got \(2, 3\)",
        ),
    ],
)
def test_bad_arguments(changes: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"save_ply: {message}"):
        save_ply(io.BytesIO(), **({"verts": torch.eye(3)} | changes))


def test_a_failure_leaves_the_old_file(
    tmp_path: Path, square: Square, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ply"
    save_ply(path, *square)
    before = path.read_bytes()

    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a.ply'"):
        save_ply(path, square[0] + 1)
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == ["a.ply"]


def test_symbolic_links_stay(tmp_path: Path, square: Square) -> None:
    (tmp_path / "link.ply").symlink_to(tmp_path / "a.ply")
    save_ply(tmp_path / "link.ply", *square)
    assert (tmp_path / "link.ply").is_symlink()
    assert torch.equal(load_ply(tmp_path / "a.ply")[0], square[0])


def test_real_files(shared_data: Path) -> None:
    verts, faces = load_ply(shared_data / "igea.ply")
    assert verts.shape == (134345, 3)
    assert len(faces) > 250_000
    for name in ("points_ascii.ply", "points_bin.ply"):
        cloud = trimesh.load(shared_data / name)
        np.testing.assert_allclose(load_ply(shared_data / name)[0], cloud.vertices, rtol=1e-6)
