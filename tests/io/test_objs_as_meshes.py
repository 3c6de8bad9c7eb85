"""load_objs_as_meshes: batches with the textures that their files hold."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from r3d_cli.io import load_obj, load_objs_as_meshes
from r3d_cli.renderer import TexturesAtlas, TexturesUV, TexturesVertex

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
COLORED = "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0.25 0.5 0.75\nf 1 2 3\n"


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    warnings.simplefilter("error")


def test_materials_become_maps(two_materials: Path, picture: Tensor) -> None:
    mesh = load_objs_as_meshes([two_materials])
    assert isinstance(mesh.textures, TexturesUV)
    texels = mesh.textures.faces_verts_textures_packed()
    assert_close(texels[0], torch.full((3, 3), 0.5))  # of no material
    # Corners of the map: lower left, lower right, upper right.
    assert_close(texels[1], torch.stack([picture[-1, 0], picture[-1, -1], picture[0, -1]]))
    assert_close(texels[2], torch.tensor([1.0, 0.25, 0.0]).expand(3, 3))


def test_one_image_is_pytorch3ds_textures(tmp_path: Path, two_materials: Path, picture: Tensor) -> None:
    text = two_materials.read_text().replace("f 2 3 4\n", "").replace("usemtl red\nf 1 3 4\n", "")
    two_materials.write_text(text)
    mesh = load_objs_as_meshes([two_materials, str(two_materials)])
    _, faces, aux = load_obj(two_materials)
    assert len(mesh) == 2
    assert torch.equal(mesh.textures.maps_padded(), picture.expand(2, *picture.shape))
    assert torch.equal(mesh.textures.verts_uvs_list()[1], aux.verts_uvs)
    assert torch.equal(mesh.textures.faces_uvs_list()[1], faces.textures_idx)
    assert mesh.textures.padding_mode == "border"
    assert mesh.textures.maps_ids_list() is None


def test_coordinates_that_leave_the_map_repeat_it(two_materials: Path) -> None:
    text = two_materials.read_text().replace("vt 1 1\n", "vt 4 1\n")
    two_materials.write_text(text)
    assert load_objs_as_meshes([two_materials]).textures.padding_mode == "repeat"
    library = two_materials.parent / "a.mtl"
    library.write_text(library.read_text().replace("map_Kd", "map_Kd -clamp on"))
    assert load_objs_as_meshes([two_materials]).textures.padding_mode == "border"


def test_atlases(two_materials: Path) -> None:
    mesh = load_objs_as_meshes([two_materials] * 2, create_texture_atlas=True, texture_atlas_size=2)
    assert isinstance(mesh.textures, TexturesAtlas)
    _, _, aux = load_obj(two_materials, create_texture_atlas=True, texture_atlas_size=2)
    assert torch.equal(mesh.textures.atlas_list()[1], aux.texture_atlas)


def test_vertex_colours() -> None:
    mesh = load_objs_as_meshes([io.StringIO(COLORED), io.StringIO(TRIANGLE)])
    assert isinstance(mesh.textures, TexturesVertex)
    expected = [[1, 0, 0], [0, 1, 0], [0.25, 0.5, 0.75]]
    assert mesh.textures.verts_features_list()[0].tolist() == expected  # as stored
    assert (mesh.textures.verts_features_list()[1] == 1).all()
    bytes_ = load_objs_as_meshes([io.StringIO("v 0 0 0 51 0 255\nv 1 0 0 0 0 0\nv 0 1 0 0 0 0\nf 1 2 3")])
    assert_close(bytes_.textures.verts_features_packed()[0], torch.tensor([0.2, 0, 1]))


def test_a_file_without_textures_among_others_is_grey(two_materials: Path) -> None:
    mesh = load_objs_as_meshes([io.StringIO(TRIANGLE), two_materials])
    assert_close(mesh.textures.faces_verts_textures_packed()[0], torch.full((3, 3), 0.5))


def test_none() -> None:
    assert load_objs_as_meshes([io.StringIO(TRIANGLE)]).textures is None
    assert len(load_objs_as_meshes([])) == 0
    assert load_objs_as_meshes([io.StringIO(COLORED)], load_textures=False).textures is None


def test_materials_that_no_library_tells_are_none(two_materials: Path) -> None:
    (two_materials.parent / "a.mtl").unlink()
    with pytest.warns(UserWarning, match=r"the material library 'a.mtl' is not in"):
        assert load_objs_as_meshes([two_materials]).textures is None


def test_errors(two_materials: Path) -> None:
    with pytest.raises(ValueError, match="load_objs_as_meshes: some files have materials and others vertex"):
        load_objs_as_meshes([two_materials, io.StringIO(COLORED)])
    with pytest.raises(
        ValueError, match=r"load_objs_as_meshes: files must be a list of paths or open files, got 'a.obj'"
    ):
        load_objs_as_meshes("a.obj")
    with pytest.raises(ValueError, match=r"<file>:1: 'v' needs 3 numbers"):
        load_objs_as_meshes([io.StringIO(TRIANGLE), io.BytesIO(b"v 0 0")])


def test_real_files(shared_data: Path) -> None:
    cow = load_objs_as_meshes([shared_data / "cow" / "cow.obj"])
    assert cow.textures.maps_padded().shape == (1, 1024, 1024, 3)
    assert cow.num_faces_per_mesh().tolist() == [5856]
