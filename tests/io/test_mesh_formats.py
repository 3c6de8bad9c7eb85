"""IO for meshes: every format both ways, through trimesh too, with the textures that each can hold."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor
from torch.testing import assert_close

from r3d_cli.io import IO, MeshFormatInterpreter
from r3d_cli.renderer import TexturesAtlas, TexturesUV, TexturesVertex
from r3d_cli.structures import Meshes
from r3d_cli.utils import ico_sphere

SUFFIXES = (".obj", ".ply", ".off", ".stl", ".glb", ".gltf")
HOLD_COLORS = tuple(suffix for suffix in SUFFIXES if suffix != ".stl")
HOLD_MAPS = (".obj", ".glb", ".gltf")
FORMS = [(suffix, None) for suffix in SUFFIXES] + [(".ply", False), (".stl", False)]


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    warnings.simplefilter("error")


@pytest.fixture
def sphere() -> Meshes:
    verts, faces = ico_sphere(1).get_mesh_verts_faces(0)
    return Meshes([verts * torch.tensor([1 / 3, 1e-4, 7.7])], [faces])


def uv_textures(mesh: Meshes, maps: list[Tensor], **options: str) -> TexturesUV:
    """Maps by turns over the faces; every vertex has its own coordinates."""
    verts, faces = mesh.get_mesh_verts_faces(0)
    ids = torch.arange(len(faces)) % len(maps)
    generator = torch.Generator().manual_seed(0)
    uvs = torch.rand(len(verts), 2, generator=generator)
    several = {"maps": [maps], "maps_ids": [ids]} if len(maps) > 1 else {"maps": maps}
    return TexturesUV(faces_uvs=[faces], verts_uvs=[uvs], **several, **options)  # type: ignore[arg-type]


def corners(mesh: Meshes) -> Tensor:  # (F, 3, 3 + C)
    """Positions and texels of the faces' corners: what a mesh looks like, however its ids are."""
    positions = mesh.verts_packed()[mesh.faces_packed()]
    if isinstance(mesh.textures, TexturesVertex):
        texels = mesh.textures.faces_verts_textures_packed(mesh.faces_packed())
    else:
        texels = mesh.textures.faces_verts_textures_packed()
    return torch.cat([positions, texels], dim=2)


def in_order(rows: Tensor) -> Tensor:
    return torch.tensor(sorted(rows.flatten(1).tolist()))


@pytest.mark.parametrize(("suffix", "binary"), FORMS)
def test_geometry_reads_back_the_same(
    tmp_path: Path, sphere: Meshes, suffix: str, binary: bool | None
) -> None:
    path = tmp_path / f"a{suffix}"
    IO().save_mesh(sphere, path, binary=binary)
    mesh = IO().load_mesh(str(path))
    if suffix == ".stl":  # vertices in the order of the faces
        assert len(mesh.verts_packed()) == len(sphere.verts_packed())
        expected = sphere.verts_packed()[sphere.faces_packed()]
        assert torch.equal(mesh.verts_packed()[mesh.faces_packed()], expected)
    else:
        assert torch.equal(mesh.verts_packed(), sphere.verts_packed())
        assert torch.equal(mesh.faces_packed(), sphere.faces_packed())
    assert mesh.textures is None
    loaded = trimesh.load(path, process=False, force="mesh")
    np.testing.assert_allclose(
        loaded.triangles, sphere.verts_packed()[sphere.faces_packed()], rtol=1e-6, atol=1e-9
    )
    assert not [child for child in tmp_path.iterdir() if child != path]


@pytest.mark.parametrize("suffix", HOLD_COLORS)
def test_vertex_colours(tmp_path: Path, sphere: Meshes, suffix: str) -> None:
    colors = torch.rand(len(sphere.verts_packed()), 3)
    sphere.textures = TexturesVertex([colors])
    path = tmp_path / f"a{suffix}"
    IO().save_mesh(sphere, path)
    mesh = IO().load_mesh(path)
    assert torch.equal(mesh.textures.verts_features_packed(), colors)
    assert IO().load_mesh(path, include_textures=False).textures is None
    IO().save_mesh(sphere, path, include_textures=False)
    assert IO().load_mesh(path).textures is None


@pytest.mark.parametrize("suffix", [".ply", ".glb", ".gltf", ".obj"])
def test_trimesh_reads_the_colours(tmp_path: Path, sphere: Meshes, suffix: str) -> None:
    colors = torch.randint(0, 256, (len(sphere.verts_packed()), 3)) / 255
    sphere.textures = TexturesVertex([colors])
    path = tmp_path / f"a{suffix}"
    options = {"colors_as_uint8": True} if suffix == ".ply" else {}
    IO().save_mesh(sphere, path, **options)
    loaded = trimesh.load(path, process=False, force="mesh")
    np.testing.assert_allclose(loaded.visual.vertex_colors[:, :3] / 255, colors, atol=1.01 / 255)
    if suffix == ".ply":
        assert_close(IO().load_mesh(path).textures.verts_features_packed(), colors)


def test_alpha_on_demand(tmp_path: Path, sphere: Meshes) -> None:
    colors = torch.rand(len(sphere.verts_packed()), 4)
    sphere.textures = TexturesVertex([colors])
    IO().save_mesh(sphere, tmp_path / "a.ply")
    for alpha, channels in ((True, 4), (False, 3)):
        mesh = IO().load_mesh(tmp_path / "a.ply", alpha=alpha)
        assert torch.equal(mesh.textures.verts_features_packed(), colors[:, :channels])


@pytest.mark.parametrize("suffix", HOLD_MAPS)
@pytest.mark.parametrize("sampling_mode", ["bilinear", "nearest"])
def test_one_map(tmp_path: Path, sphere: Meshes, picture: Tensor, suffix: str, sampling_mode: str) -> None:
    sphere.textures = uv_textures(sphere, [picture], sampling_mode=sampling_mode)
    IO().save_mesh(sphere, tmp_path / f"a{suffix}")
    mesh = IO().load_mesh(tmp_path / f"a{suffix}")
    assert torch.equal(mesh.textures.maps_padded()[0], picture)
    assert torch.equal(mesh.verts_packed(), sphere.verts_packed())
    assert_close(mesh.textures.verts_uvs_list()[0], sphere.textures.verts_uvs_list()[0])
    assert mesh.textures.padding_mode == "border"
    if suffix != ".obj":  # which has no word for it
        assert mesh.textures.sampling_mode == sampling_mode
    loaded = trimesh.load(tmp_path / f"a{suffix}", process=False, force="mesh")
    material = loaded.visual.material
    image = material.image if suffix == ".obj" else material.baseColorTexture
    np.testing.assert_array_equal(np.asarray(image), (picture * 255).round())


@pytest.mark.parametrize("suffix", HOLD_MAPS)
def test_several_maps_of_any_size(tmp_path: Path, sphere: Meshes, picture: Tensor, suffix: str) -> None:
    maps = [picture, torch.tensor([[[0.1, 0.2, 0.3]]]), 1 - picture[:2, :3]]
    sphere.textures = uv_textures(sphere, maps)
    IO().save_mesh(sphere, tmp_path / f"a{suffix}")
    mesh = IO().load_mesh(tmp_path / f"a{suffix}")
    sizes = sorted(tuple(image.shape) for image in mesh.textures.maps_list()[0])
    assert sizes == [(1, 1, 3), (2, 3, 3), (4, 6, 3)]
    assert_close(in_order(corners(mesh)), in_order(corners(sphere)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("suffix", HOLD_MAPS)
def test_coordinates_beyond_the_map_repeat(
    tmp_path: Path, sphere: Meshes, picture: Tensor, suffix: str
) -> None:
    inside = uv_textures(sphere, [picture])
    outside = [uvs * 5 - 2 for uvs in inside.verts_uvs_list()]
    for mode in ("repeat", "border"):
        sphere.textures = TexturesUV([picture], inside.faces_uvs_list(), outside, padding_mode=mode)
        IO().save_mesh(sphere, tmp_path / f"a{suffix}")
        assert IO().load_mesh(tmp_path / f"a{suffix}").textures.padding_mode == mode


@pytest.mark.parametrize("suffix", HOLD_MAPS)
@pytest.mark.parametrize("size", [1, 4])
def test_atlases_are_written_as_pictures(tmp_path: Path, sphere: Meshes, suffix: str, size: int) -> None:
    atlas = torch.randint(0, 256, (len(sphere.faces_packed()), size, size, 3)) / 255
    sphere.textures = TexturesAtlas([atlas])
    IO().save_mesh(sphere, tmp_path / f"a{suffix}")
    mesh = IO().load_mesh(tmp_path / f"a{suffix}", create_texture_atlas=True, texture_atlas_size=size)
    assert_close(mesh.textures.atlas_packed(), atlas, rtol=0, atol=1e-4)


@pytest.mark.parametrize("suffix", [".ply", ".glb", ".gltf"])
def test_normals(tmp_path: Path, sphere: Meshes, suffix: str) -> None:
    verts, faces = sphere.get_mesh_verts_faces(0)
    normals = torch.nn.functional.normalize(torch.rand_like(verts), dim=1)
    IO().save_mesh(Meshes([verts], [faces], verts_normals=[normals]), tmp_path / f"a{suffix}")
    mesh = IO().load_mesh(tmp_path / f"a{suffix}")
    assert mesh.has_verts_normals()
    assert torch.equal(mesh.verts_normals_packed(), normals)


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".off"])
def test_what_a_format_cannot_hold_is_told_once(
    tmp_path: Path, sphere: Meshes, picture: Tensor, suffix: str
) -> None:
    sphere.textures = uv_textures(sphere, [picture])
    with pytest.warns(UserWarning, match=rf"a{suffix}: files of this format hold no texture maps") as told:
        IO().save_mesh(sphere, tmp_path / f"a{suffix}")
    assert [warning.filename for warning in told] == [__file__]  # once, as of this line
    assert IO().load_mesh(tmp_path / f"a{suffix}").textures is None
    sphere.textures = TexturesVertex([torch.rand(len(sphere.verts_packed()), 7)])
    with pytest.warns(UserWarning, match="no colours of 3 or 4 channels|hold no vertex colours"):
        IO().save_mesh(sphere, tmp_path / f"a{suffix}")


def test_stl_keeps_its_triangles_apart_on_demand(tmp_path: Path, sphere: Meshes) -> None:
    IO().save_mesh(sphere, tmp_path / "a.stl")
    mesh = IO().load_mesh(tmp_path / "a.stl", merge_vertices=False)
    assert len(mesh.verts_packed()) == 3 * len(mesh.faces_packed())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_mesh_without_faces(tmp_path: Path, suffix: str) -> None:
    verts = torch.rand(5, 3)
    IO().save_mesh(Meshes([verts], [torch.zeros(0, 3, dtype=torch.int64)]), tmp_path / f"a{suffix}")
    mesh = IO().load_mesh(tmp_path / f"a{suffix}")
    assert mesh.isempty()
    if suffix != ".stl":  # which is nothing but faces
        assert torch.equal(mesh.verts_packed(), verts)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gradients_and_doubles_are_no_obstacle(tmp_path: Path, suffix: str) -> None:
    verts = torch.rand(3, 3, dtype=torch.float64, requires_grad=True)
    IO().save_mesh(Meshes([verts], [torch.tensor([[0, 1, 2]])]), tmp_path / f"a{suffix}")
    assert_close(IO().load_mesh(tmp_path / f"a{suffix}").verts_packed(), verts.detach().float())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupt_leaves_the_old_file(
    tmp_path: Path, sphere: Meshes, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{suffix}"
    IO().save_mesh(sphere, path)
    before = path.read_bytes()

    def interrupted(source: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        IO().save_mesh(sphere.scale_verts(2.0), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path, sphere: Meshes) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match=r"a\.ply"):
            IO().save_mesh(sphere, tmp_path / "a.ply")
    finally:
        tmp_path.chmod(0o700)


class Upside(MeshFormatInterpreter):
    """A format of one's own over a suffix that is known already."""

    known_suffixes = (".obj", ".up")

    def read(self, path, include_textures, device, path_manager, **kwargs):  # type: ignore[no-untyped-def]
        return ico_sphere(0, device) if str(path).endswith(self.known_suffixes) else None

    def save(self, data, path, path_manager, include_textures, binary, **kwargs):  # type: ignore[no-untyped-def]
        Path(path).write_text(f"{binary} {include_textures} {kwargs}")
        return True


def test_formats_of_ones_own_come_first(tmp_path: Path, sphere: Meshes) -> None:
    io = IO()
    io.register_meshes_format(Upside())
    assert len(io.load_mesh("nothing.obj").verts_packed()) == 12
    io.save_mesh(sphere, tmp_path / "a.up", binary=True, include_textures=False, depth=3)
    assert (tmp_path / "a.up").read_text() == "True False {'depth': 3}"
    with pytest.raises(ValueError, match="no such file"):
        io.load_mesh("nothing.ply")


def test_unknown_formats_are_told(sphere: Meshes) -> None:
    known = r"known are \.glb, \.gltf, \.obj, \.off, \.ply, \.stl"
    with pytest.raises(ValueError, match=rf"load_mesh: no registered format takes 'a\.foo'; {known}"):
        IO().load_mesh("a.foo")
    with pytest.raises(ValueError, match=rf"save_mesh: no registered format takes 'a\.foo'; {known}"):
        IO().save_mesh(sphere, "a.foo")
    with pytest.raises(ValueError, match=r"takes 'a\.obj'; known are none"):
        IO(include_default_formats=False).load_mesh("a.obj")


def test_bad_arguments(tmp_path: Path, sphere: Meshes) -> None:
    with pytest.raises(ValueError, match=r"data must be one mesh, got 2; save data\[i\], or join_meshes"):
        IO().save_mesh(sphere.extend(2), tmp_path / "a.ply")
    with pytest.raises(ValueError, match="data must be Meshes, got Tensor"):
        IO().save_mesh(torch.rand(3), tmp_path / "a.ply")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a\.off: files of this format are never binary"):
        IO().save_mesh(sphere, tmp_path / "a.off", binary=True)
    with pytest.raises(ValueError, match=r"a\.glb: files of this format are never text"):
        IO().save_mesh(sphere, tmp_path / "a.glb", binary=False)
    with pytest.raises(TypeError, match="load_mesh: this format has no option 'colour'"):
        IO().load_mesh("a.ply", colour=True)
    with pytest.raises(TypeError, match="save_mesh: this format has no option 'colors_as_uint8'"):
        IO().save_mesh(sphere, tmp_path / "a.obj", colors_as_uint8=True)
    with pytest.raises(ValueError, match="register_meshes_format: interpreter must be a Mesh"):
        IO().register_meshes_format(IO())  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_real_files(shared_data: Path) -> None:
    truck = IO().load_mesh(shared_data / "CesiumMilkTruck.glb")
    assert isinstance(truck.textures, TexturesUV)
    assert truck.has_verts_normals()
    colors = IO().load_mesh(shared_data / "cubevc.glb").textures.verts_features_packed()
    loaded = trimesh.load(shared_data / "cubevc.glb", process=False, force="mesh")
    np.testing.assert_allclose(colors, loaded.visual.vertex_colors[:, :3] / 255, atol=1.01 / 255)
    part = IO().load_mesh(shared_data / "featuretype.STL")
    apart = trimesh.load(shared_data / "featuretype.STL", process=False)
    assert len(part.verts_packed()) == len(np.unique(apart.vertices, axis=0))
    np.testing.assert_array_equal(part.verts_packed()[part.faces_packed()], apart.triangles)
