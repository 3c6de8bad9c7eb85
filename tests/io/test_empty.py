"""Meshes and clouds without vertices or faces are saved and read back in every format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from r3d_cli.io import IO, load_obj, load_objs_as_meshes, load_ply, save_obj, save_ply
from r3d_cli.renderer import TexturesAtlas, TexturesUV, TexturesVertex
from r3d_cli.structures import Meshes, Pointclouds

NO_VERTS, NO_FACES = torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64)
TEXTURES = {
    "none": None,
    "vertex": TexturesVertex([torch.zeros(0, 3)]),
    "atlas": TexturesAtlas([torch.zeros(0, 1, 1, 3)]),
    "uv": TexturesUV([torch.ones(2, 2, 3)], [NO_FACES], [torch.zeros(0, 2)]),
}


@pytest.mark.filterwarnings("ignore:save_mesh. .* files of this format hold no")
@pytest.mark.parametrize("textures", TEXTURES)
@pytest.mark.parametrize("suffix", [".obj", ".ply", ".off", ".stl", ".glb", ".gltf"])
@pytest.mark.parametrize("binary", [None, False])
def test_a_mesh_without_vertices(tmp_path: Path, suffix: str, textures: str, binary: bool | None) -> None:
    path = tmp_path / f"a{suffix}"
    mesh = Meshes([NO_VERTS], [NO_FACES], textures=TEXTURES[textures])
    IO().save_mesh(mesh, path, binary=None if suffix == ".glb" else binary)
    again = IO().load_mesh(path)
    assert again.isempty()
    assert [len(verts) for verts in again.verts_list()] == [0]


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".off", ".glb", ".gltf"])
def test_a_mesh_without_faces(tmp_path: Path, suffix: str) -> None:
    verts = torch.rand(4, 3)
    IO().save_mesh(Meshes([verts], [NO_FACES]), tmp_path / f"a{suffix}")
    again = IO().load_mesh(tmp_path / f"a{suffix}")
    assert torch.equal(again.verts_packed(), verts)
    assert again.isempty()


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".off", ".xyz"])
def test_a_cloud_without_points(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    IO().save_pointcloud(Pointclouds([NO_VERTS], features=[NO_VERTS]), path)
    assert IO().load_pointcloud(path).isempty()


@pytest.mark.parametrize("nothing", [(NO_VERTS, NO_FACES), (torch.tensor([]), torch.tensor([]))])
def test_tensors_without_rows(tmp_path: Path, nothing: tuple[torch.Tensor, torch.Tensor]) -> None:
    save_obj(tmp_path / "a.obj", *nothing)
    verts, faces, _ = load_obj(tmp_path / "a.obj")
    assert (verts.shape, faces.verts_idx.shape) == ((0, 3), (0, 3))
    save_ply(tmp_path / "a.ply", *nothing)
    verts, ids = load_ply(tmp_path / "a.ply")
    assert (verts.shape, ids.shape) == ((0, 3), (0, 3))


def test_a_file_that_was_cut_short_is_still_an_error(tmp_path: Path) -> None:
    for text in ("", "# a comment\n"):
        (tmp_path / "a.obj").write_text(text)
        with pytest.raises(ValueError, match=r"a.obj: (is empty|holds no vertices)"):
            load_obj(tmp_path / "a.obj")


VERTS, FACES, MAP = torch.rand(3, 3), torch.tensor([[0, 1, 2]]), torch.rand(2, 2, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verts": VERTS.numpy()}, "verts must be a tensor of shape (N, 3), got ndarray; torch"),
        ({"faces": FACES.numpy()}, "faces must be a tensor of shape (F, 3), got ndarray; torch"),
        ({"faces": [[0, 1, 2]]}, "faces must be a tensor of shape (F, 3), got list; torch"),
        ({"normals": VERTS.numpy()}, "normals must be a tensor of shape (N, 3), got ndarray"),
        ({"verts_uvs": VERTS[:, :2].numpy()}, "verts_uvs must be a tensor of shape (N, 2), got ndarray"),
        ({"verts_uvs": VERTS[:, :2], "faces_uvs": FACES.numpy()}, "faces_uvs must be a tensor"),
        ({"verts_uvs": VERTS[:, :2], "texture_map": MAP.numpy()}, "texture_map must be a tensor"),
        ({"verts_uvs": VERTS[:, :2], "texture_map": 3}, "texture_map must be a tensor of shape (H, W"),
        ({"verts_uvs": VERTS[:, :2], "texture_map": MAP.byte()}, "texture_map must be float32 or"),
        (
            {"verts_uvs": VERTS[:, :2], "texture_map": [MAP], "maps_ids": np.zeros(1)},
            "maps_ids must be a tensor of shape (F,), got ndarray",
        ),
        ({"decimal_places": True}, "decimal_places must be None or an integer from 0 to 50, got True"),
    ],
)
def test_save_obj_names_what_is_no_tensor(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^save_obj: {re.escape(message)}"):
        save_obj(tmp_path / "a.obj", **{"verts": VERTS, "faces": FACES} | changes)
    assert not list(tmp_path.iterdir())


def test_other_functions_name_what_is_of_a_wrong_type(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    for wrong, message in (
        (lambda: save_ply(path, VERTS.numpy()), "save_ply: verts must be a tensor of shape (N"),
        (lambda: save_ply(path, VERTS, FACES.numpy()), "save_ply: faces must be a tensor of shape (F, 3)"),
        (lambda: save_ply(path, VERTS, FACES, VERTS.numpy()), "save_ply: verts_normals must be a tensor"),
        (lambda: IO().save_mesh(VERTS.numpy(), path), f"save_mesh: {path}: data must be Meshes, got ndarray"),
        (lambda: load_objs_as_meshes(3), "load_objs_as_meshes: files must be a list of paths or"),
        (lambda: load_objs_as_meshes([3]), "load_objs_as_meshes: files[0] must be a path or"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            wrong()
    save_ply(path, VERTS, FACES)
    for dtype in ("float32", float, torch.int32):
        with pytest.raises(
            ValueError, match=r"^load_ply: dtype must be a floating one such as torch.float64"
        ):
            load_ply(path, dtype=dtype)
