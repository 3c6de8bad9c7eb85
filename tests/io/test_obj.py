"""load_obj and save_obj: what PyTorch3D returns, round trips, and what goes wrong."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from r3d_cli.io import IO, load_obj, load_objs_as_meshes, save_obj
from r3d_cli.scene.readers import read_mesh

Square = tuple[Tensor, Tensor]


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    warnings.simplefilter("error")


def test_ids_of_corners_and_materials() -> None:
    text = (
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvn 0 0 1\nvt 0.25 0.75\nvt 1 0\n"
        "f 1 2 3\nf 1//1 2//1 3//1\nf 1/1/1 2/2/1 3/1/1 4/2/1\n"
    )
    verts, faces, aux = load_obj(io.StringIO(text))
    assert (verts.dtype, verts.shape) == (torch.float32, (4, 3))
    assert faces.verts_idx.tolist() == [[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 2, 3]]
    assert faces.normals_idx.tolist() == [[-1] * 3, [0] * 3, [0] * 3, [0] * 3]
    assert faces.textures_idx.tolist() == [[-1] * 3, [-1] * 3, [0, 1, 0], [0, 0, 1]]
    assert faces.materials_idx.tolist() == [-1] * 4
    assert aux.normals.tolist() == [[0, 0, 1]]
    assert aux.verts_uvs.tolist() == [[0.25, 0.75], [1, 0]]
    assert (aux.material_colors, aux.texture_images, aux.texture_atlas) == (None, None, None)
    assert {ids.dtype for ids in faces} == {torch.int64}


def test_materials_as_stored(two_materials: Path, picture: Tensor) -> None:
    _, faces, aux = load_obj(two_materials)
    assert faces.materials_idx.tolist() == [-1, 0, 1]
    assert list(aux.material_colors) == ["skin", "red"]  # those that faces use, in that order
    red = aux.material_colors["red"]
    assert_close(red["ambient_color"], torch.tensor([0.1, 0.2, 0.3]))
    assert_close(red["diffuse_color"], torch.tensor([1.0, 0.25, 0.0]))
    assert_close(red["specular_color"], torch.tensor([0.5, 0.5, 0.5]))
    assert_close(red["shininess"], torch.tensor([7.0]))
    assert list(aux.texture_images) == ["skin"]
    assert torch.equal(aux.texture_images["skin"], picture)


def test_without_textures(two_materials: Path) -> None:
    (two_materials.parent / "a.mtl").unlink()  # not even looked for
    _, faces, aux = load_obj(two_materials, load_textures=False)
    assert (aux.material_colors, aux.texture_images) == (None, None)
    assert faces.materials_idx.tolist() == [-1, 0, 1]


def test_paths_and_open_files(two_materials: Path) -> None:
    with two_materials.open() as text, two_materials.open("rb") as binary:
        for f in (two_materials, str(two_materials), text, binary):
            _, _, aux = load_obj(f)
            assert list(aux.texture_images) == ["skin"]


def test_what_is_missing_is_warned_of(two_materials: Path) -> None:
    (two_materials.parent / "skin.png").unlink()
    with pytest.warns(UserWarning, match=r"a.mtl:10: the texture 'skin.png' is not in"):
        _, _, aux = load_obj(two_materials)
    assert aux.texture_images == {}
    (two_materials.parent / "a.mtl").unlink()
    with pytest.warns(UserWarning, match=r"a.obj:1: the material library 'a.mtl' is not in"):
        _, _, aux = load_obj(two_materials)
    assert aux.material_colors is None
    with pytest.warns(UserWarning, match="a.mtl") as told:
        load_obj(two_materials)
    assert [warning.filename for warning in told] == [__file__]


def test_broken_files_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "b.obj"
    path.write_text("v 0 0 0\nv 1 0 x\n")
    with pytest.raises(ValueError, match=r"b.obj:2: 'v' needs 3 numbers, got 'x'"):
        load_obj(path)
    path.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 4\n")
    with pytest.raises(ValueError, match=r"b.obj:4: a face names vertex 4, but the file has 3"):
        load_obj(path)
    with pytest.raises(ValueError, match="no such file"):
        load_obj(tmp_path / "c.obj")


def test_atlas_of_colours_and_images(two_materials: Path, picture: Tensor) -> None:
    _, _, aux = load_obj(two_materials, create_texture_atlas=True, texture_atlas_size=3)
    atlas = aux.texture_atlas
    assert atlas.shape == (3, 3, 3, 3)
    assert_close(atlas[0], torch.full((3, 3, 3), 1.0))
    assert_close(atlas[2], torch.tensor([1.0, 0.25, 0.0]).expand(3, 3, 3))
    # Corners lie at uv (0, 0), (1, 0), (1, 1); the first texel's centroid has the weights (1/9, 1/9, 7/9).
    height, width = picture.shape[:2]
    u, v = 1 / 9 + 7 / 9, 7 / 9
    x, y = u * (width - 1), (1 - v) * (height - 1)
    x0, y0 = int(x), int(y)
    wx, wy = x - x0, y - y0
    block = picture[y0 : y0 + 2, x0 : x0 + 2]
    expected = (1 - wy) * ((1 - wx) * block[0, 0] + wx * block[0, 1])
    expected += wy * ((1 - wx) * block[1, 0] + wx * block[1, 1])
    assert_close(atlas[1, 0, 0], expected)


@pytest.mark.parametrize(("wrap", "same"), [("repeat", True), ("clamp", False), (None, False)])
def test_atlas_of_repeated_images(two_materials: Path, wrap: str | None, same: bool) -> None:
    options = {"create_texture_atlas": True, "texture_wrap": wrap}
    inside = load_obj(two_materials, **options)[2].texture_atlas
    text = two_materials.read_text().replace("vt 0 0\nvt 1 0\nvt 1 1\n", "vt 2 -1\nvt 3 -1\nvt 3 0\n")
    two_materials.write_text(text)
    moved = load_obj(two_materials, **options)[2].texture_atlas
    assert torch.allclose(inside, moved, atol=1e-5) == same


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"texture_atlas_size": 0}, "texture_atlas_size must be an integer above 0, got 0"),
        ({"texture_wrap": "mirror"}, "texture_wrap must be 'repeat', 'clamp' or None, got 'mirror'"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"load_obj: {message}"):
        load_obj(io.StringIO("v 0 0 0"), **options)


def test_far_from_the_origin() -> None:
    text = "v 5600000.25 0 0\nv 5600001.0625 0 0\nv 5600000 1 0\nf 1 2 3\n"
    with pytest.warns(UserWarning, match="float32 loses detail; ask for dtype=torch.float64"):
        verts, _, _ = load_obj(io.StringIO(text))
    assert verts.dtype == torch.float32
    verts, _, _ = load_obj(io.StringIO(text), dtype=torch.float64)
    assert verts[:, 0].tolist() == [5600000.25, 5600001.0625, 5600000]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_saved_reads_back_the_same(tmp_path: Path, square: Square, dtype: torch.dtype) -> None:
    verts, faces = square[0].to(dtype), square[1]
    save_obj(tmp_path / "a.obj", verts, faces)
    read, ids, _ = load_obj(tmp_path / "a.obj")
    assert torch.equal(read, verts.float())
    assert torch.equal(ids.verts_idx, faces)
    mesh = trimesh.load(tmp_path / "a.obj", process=False)
    np.testing.assert_array_equal(mesh.vertices.astype(np.float32), verts.float())
    np.testing.assert_array_equal(mesh.faces, faces)


@settings(deadline=None, max_examples=50)
@given(verts=hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats(width=32)))
def test_any_number_reads_back_the_same(verts: np.ndarray) -> None:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_obj(file, torch.from_numpy(verts), torch.zeros(0, 3, dtype=torch.int64))
        read, _, _ = load_obj(io.BytesIO(file.getvalue()))
    np.testing.assert_array_equal(read.numpy(), verts)


def test_normals_and_texture(tmp_path: Path, square: Square, picture: Tensor) -> None:
    verts, faces = square
    normals = torch.nn.functional.normalize(torch.rand(2, 3), dim=1)
    normal_ids = torch.tensor([[0, 1, 0], [1, 1, 1]])
    uvs, uv_ids = torch.rand(5, 2), torch.tensor([[4, 3, 2], [0, 1, 2]])
    save_obj(
        tmp_path / "a.obj",
        verts,
        faces,
        normals=normals,
        faces_normals_idx=normal_ids,
        verts_uvs=uvs,
        faces_uvs=uv_ids,
        texture_map=picture,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mtl", "a.obj", "a.png"]
    _, ids, aux = load_obj(tmp_path / "a.obj")
    assert torch.equal(aux.normals, normals)
    assert torch.equal(aux.verts_uvs, uvs)
    assert torch.equal(ids.normals_idx, normal_ids)
    assert torch.equal(ids.textures_idx, uv_ids)
    assert torch.equal(aux.texture_images["mesh"], picture)
    mesh = trimesh.load(tmp_path / "a.obj", process=False)
    np.testing.assert_array_equal(np.asarray(mesh.visual.material.image), (picture * 255).round())
    np.testing.assert_allclose(mesh.visual.uv[mesh.faces], uvs[uv_ids], atol=1e-6)


def test_several_maps(tmp_path: Path, square: Square, picture: Tensor) -> None:
    verts, faces = square
    uvs = torch.rand(4, 2)
    save_obj(
        tmp_path / "a.obj",
        verts,
        faces,
        verts_uvs=uvs,
        texture_map=[picture, 1 - picture, torch.tensor([[[0.1, 0.2, 0.3]]])],
        maps_ids=torch.tensor([2, 1]),
    )
    _, ids, aux = load_obj(tmp_path / "a.obj")
    assert torch.equal(ids.textures_idx, faces)
    assert list(aux.material_colors) == ["mesh_2", "mesh_1"]  # in the order of their use
    assert torch.equal(aux.material_colors["mesh_2"]["diffuse_color"], torch.tensor([0.1, 0.2, 0.3]))
    assert_close(aux.texture_images["mesh_1"], 1 - picture, rtol=0, atol=1e-6)


def test_decimal_places(square: Square) -> None:
    file = io.StringIO()
    save_obj(file, *square, decimal_places=2)
    assert file.getvalue().splitlines()[1] == "v 0.33 0.00 0.00"


def test_values_of_a_map_are_rounded_to_the_nearest_byte(tmp_path: Path, square: Square) -> None:
    image = torch.tensor([[[0.0, 0.4999 / 255, 0.5001 / 255], [-1.0, 2.0, float("nan")]]])
    save_obj(tmp_path / "a.obj", *square, verts_uvs=torch.rand(4, 2), texture_map=image)
    _, _, aux = load_obj(tmp_path / "a.obj")
    assert (aux.texture_images["mesh"] * 255).round().int().tolist() == [[[0, 0, 1], [0, 255, 0]]]


def test_a_failure_leaves_the_old_files(
    tmp_path: Path, square: Square, picture: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"verts_uvs": torch.rand(4, 2), "texture_map": picture}
    save_obj(tmp_path / "a.obj", *square, **options)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write = Path.write_bytes

    def interrupted(path: Path, data: bytes) -> int:
        if path.suffix == ".png":
            write(path, data[:10])
            raise KeyboardInterrupt
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_obj(tmp_path / "a.obj", square[0] + 1, square[1], **options)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_missing_folder_is_named(tmp_path: Path, square: Square) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing/a.obj"):
        save_obj(tmp_path / "missing" / "a.obj", *square)


class Manager:
    """The least that a path manager can do: names of a scheme of its own, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, path: str, mode: str) -> io.IOBase:
        return open(self.folder / path.removeprefix("store://"), mode)


class LocalManager(Manager):
    def get_local_path(self, path: str) -> str:
        return str(self.folder / path.removeprefix("store://"))


def test_path_managers(tmp_path: Path, two_materials: Path, square: Square) -> None:
    with pytest.warns(UserWarning, match="the material library 'a.mtl' is not in"):
        verts, _, _ = load_obj("store://a.obj", path_manager=Manager(tmp_path))
    assert verts.shape == (4, 3)
    _, _, aux = load_obj("store://a.obj", path_manager=LocalManager(tmp_path))
    assert list(aux.texture_images) == ["skin"]
    texture = {"verts_uvs": torch.rand(4, 2), "texture_map": torch.rand(2, 2, 3)}
    save_obj("store://b.obj", *square, path_manager=Manager(tmp_path), **texture)
    verts, _, aux = load_obj(tmp_path / "b.obj")
    assert torch.equal(verts, square[0])
    assert list(aux.texture_images) == ["mesh"]


TRIANGLE = torch.eye(3), torch.tensor([[0, 1, 2]])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"verts": torch.rand(3, 2)}, ValueError, r"verts must have shape \(N, 3\), got \(3, 2\)"),
        ({"verts": torch.eye(3).long()}, ValueError, "verts must be float32 or float64 .*, got int64"),
        ({"faces": torch.tensor([0, 1, 2])}, ValueError, r"faces must have shape \(F, 3\), got \(3,\)"),
        ({"faces": torch.eye(3)}, ValueError, "faces must be int64 .*, got float32"),
        (
            {"faces": torch.tensor([[0, 1, 3]])},
            IndexError,
            r"faces holds 3, outside \[0, 3\), the ids of verts",
        ),
        ({"faces": torch.tensor([[0, 1, -1]])}, IndexError, r"faces holds -1, outside \[0, 3\)"),
        ({"normals": torch.rand(2, 3)}, ValueError, r"normals must have shape \(V, 3\) with V = 3"),
        ({"faces_uvs": torch.zeros(1, 3).long()}, ValueError, "faces_uvs needs verts_uvs, got None"),
        ({"texture_map": torch.rand(2, 2, 3)}, ValueError, "texture_map needs verts_uvs, got None"),
        (
            {"verts_uvs": torch.rand(3, 2), "texture_map": torch.rand(2, 2)},
            ValueError,
            r"texture_map must have shape \(H, W, 3\), got \(2, 2\)",
        ),
        (
            {"verts_uvs": torch.rand(3, 2), "texture_map": [torch.rand(2, 2, 3)] * 2},
            ValueError,
            r"2 maps need maps_ids of shape \(F,\), got None",
        ),
        (
            {"verts_uvs": torch.rand(3, 2), "faces_uvs": torch.zeros(2, 3).long()},
            ValueError,
            r"faces_uvs must have shape \(F, 3\) with F = 1, got \(2, 3\)",
        ),
        (
            {"decimal_places": -1},
            ValueError,
            "decimal_places must be None or an integer from 0 to 50, got -1",
        ),
    ],
)
def test_bad_arguments(changes: dict, error: type[Exception], message: str) -> None:
    arguments = {"verts": TRIANGLE[0], "faces": TRIANGLE[1]} | changes
    with pytest.raises(error, match=f"save_obj: {message}"):
        save_obj(io.BytesIO(), **arguments)


def test_an_open_file_cannot_hold_a_picture(picture: Tensor) -> None:
    with pytest.raises(ValueError, match=r"an open file cannot hold 'mesh.mtl' beside itself; give a path"):
        save_obj(io.BytesIO(), *TRIANGLE, verts_uvs=torch.rand(3, 2), texture_map=picture)


def test_real_files(shared_data: Path) -> None:
    _, faces, aux = load_obj(shared_data / "cow" / "cow.obj", create_texture_atlas=True)
    mesh = trimesh.load(shared_data / "cow" / "cow.obj", process=False, maintain_order=True)
    assert len(faces.verts_idx) == len(mesh.faces) == 5856
    image = np.asarray(mesh.visual.material.image.convert("RGB"))
    np.testing.assert_array_equal((aux.texture_images["material_1"] * 255).round(), image)
    assert aux.texture_atlas.shape == (5856, 4, 4, 3)
    _, faces, _ = load_obj(shared_data / "suzanne.obj")
    assert len(faces.verts_idx) == 468 * 2 + 32


def test_what_only_a_picture_lacks_is_no_warning(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 0.64 0.64 0.64\nKs 0.8 0.8 0.8\nNs 0\nd 0\nbump b.png\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nl 1 2\nusemtl m\nf 1 2 3\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        colors = load_obj(tmp_path / "a.obj")[2].material_colors
    assert colors is not None
    # Numbers of materials stay those of the file, whatever pictures make of them.
    assert {name: value.tolist() for name, value in colors["m"].items()} == {
        "ambient_color": [1, 1, 1],
        "diffuse_color": pytest.approx([0.64] * 3),
        "specular_color": pytest.approx([0.8] * 3),
        "shininess": [0],
    }


def one_triangle(folder: Path, library: str | None) -> Path:
    """An OBJ that never says usemtl, and its library."""
    path = folder / "a.obj"
    path.write_text("mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n")
    if library is not None:
        (folder / "a.mtl").write_text(library)
    return path


def test_the_only_material_of_the_library_needs_no_usemtl(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2), (255, 0, 0)).save(tmp_path / "red.png")
    path = one_triangle(tmp_path, "newmtl skin\nKd 1 1 1\nmap_Kd red.png\n")
    _, faces, aux = load_obj(path, create_texture_atlas=True)
    assert faces.materials_idx.tolist() == [0]
    assert list(aux.material_colors) == list(aux.texture_images) == ["skin"]
    assert torch.equal(aux.texture_atlas, torch.tensor([1.0, 0, 0]).expand(1, 4, 4, 3))
    for mesh in (load_objs_as_meshes([path]), IO().load_mesh(path)):
        assert torch.equal(mesh.textures.maps_list()[0], torch.tensor([1.0, 0, 0]).expand(2, 2, 3))
    assert read_mesh(path).faces_material.tolist() == [0]  # the command's


def test_several_materials_and_no_usemtl_are_warned_of(tmp_path: Path) -> None:
    path = one_triangle(tmp_path, "newmtl a\nKd 1 0 0\nnewmtl b\nKd 0 1 0\n")
    with pytest.warns(UserWarning, match=r"a.obj: its library defines 2 materials and no usemtl says which"):
        _, faces, _ = load_obj(path)
    assert faces.materials_idx.tolist() == [-1]


@pytest.mark.parametrize("textures", [True, False])
def test_an_atlas_that_is_asked_for_is_white_without_materials(tmp_path: Path, textures: bool) -> None:
    path = one_triangle(tmp_path, None)
    path.write_text(path.read_text().removeprefix("mtllib a.mtl\n"))
    white = torch.ones(1, 2, 2, 3)
    _, _, aux = load_obj(path, load_textures=textures, create_texture_atlas=True, texture_atlas_size=2)
    assert torch.equal(aux.texture_atlas, white)
    mesh = load_objs_as_meshes(
        [path], load_textures=textures, create_texture_atlas=True, texture_atlas_size=2
    )
    assert torch.equal(mesh.textures.atlas_packed(), white)
    mesh = IO().load_mesh(path, include_textures=textures, create_texture_atlas=True, texture_atlas_size=2)
    assert torch.equal(mesh.textures.atlas_packed(), white)
    assert load_objs_as_meshes([path]).textures is None
