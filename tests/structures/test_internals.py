"""The underscored names of PyTorch3D's structures, read and written to as client code does."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from r3d_cli.renderer import TexturesUV, TexturesVertex
from r3d_cli.structures import Meshes, Pointclouds, Volumes
from r3d_cli.transforms import Translate

COPIES: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    lambda batch: pickle.loads(pickle.dumps(batch)),
    lambda batch: batch.clone(),
    lambda batch: batch[:],
]

#: Names of views, and of what follows from them, that are read as the public methods without the underscore.
OF_MESHES = [
    "verts_list",
    "verts_packed",
    "verts_padded",
    "faces_list",
    "faces_packed",
    "faces_padded",
    "num_verts_per_mesh",
    "num_faces_per_mesh",
    "mesh_to_verts_packed_first_idx",
    "verts_packed_to_mesh_idx",
    "mesh_to_faces_packed_first_idx",
    "faces_packed_to_mesh_idx",
    "verts_padded_to_packed_idx",
    "edges_packed",
    "edges_packed_to_mesh_idx",
    "num_edges_per_mesh",
    "mesh_to_edges_packed_first_idx",
    "faces_packed_to_edges_packed",
    "verts_normals_packed",
    "faces_normals_packed",
    "faces_areas_packed",
    "laplacian_packed",
]
OF_CLOUDS = [
    "points_list",
    "points_packed",
    "points_padded",
    "normals_list",
    "normals_packed",
    "normals_padded",
    "features_list",
    "features_packed",
    "features_padded",
    "num_points_per_cloud",
    "packed_to_cloud_idx",
    "cloud_to_packed_first_idx",
    "padded_to_packed_idx",
]


@pytest.fixture
def clouds() -> Pointclouds:
    sizes = (4, 2)
    return Pointclouds(
        [torch.rand(n, 3) for n in sizes],
        [torch.rand(n, 3) for n in sizes],
        [torch.rand(n, 5) for n in sizes],
    )


def same_views(have: Any, want: Any, names: list[str]) -> None:
    for name in names:
        ours, theirs = getattr(have, name)(), getattr(want, name)()
        pairs = zip(ours, theirs, strict=True) if isinstance(ours, list) else [(ours, theirs)]
        for one, other in pairs:
            torch.testing.assert_close(one, other, rtol=0, atol=0)


# -- meshes ----------------------------------------------------------------------------------------------


def test_reading_a_name_of_meshes_gives_the_view(batch: Meshes) -> None:
    for name in OF_MESHES:
        ours, public = getattr(batch, f"_{name}"), getattr(batch, name)()
        assert isinstance(ours, type(public))
        assert ours is public or all(a is b for a, b in zip(ours, public, strict=True)), name
    assert (
        len(batch),
        batch.verts_padded().shape[1],
        batch.faces_padded().shape[1],
    ) == (batch._N, batch._V, batch._F)


@pytest.mark.parametrize("name", ["_verts_list", "_verts_padded", "_verts_packed"])
def test_every_view_follows_written_vertices(ragged: Meshes, name: str) -> None:
    want = ragged.offset_verts(torch.randn(23, 3))
    same_views(ragged, ragged.clone(), OF_MESHES)  # computed
    setattr(ragged, name, getattr(want, name[1:])())
    same_views(ragged, want, OF_MESHES)
    for made in COPIES:
        same_views(made(ragged), want, OF_MESHES)


@pytest.mark.parametrize("name", ["_faces_list", "_faces_padded", "_faces_packed"])
def test_every_view_follows_written_faces(ragged: Meshes, name: str) -> None:
    want = Meshes(ragged.verts_list(), [faces.flip(1) for faces in ragged.faces_list()])
    ragged.verts_normals_packed()
    setattr(ragged, name, getattr(want, name[1:])())
    same_views(ragged, want, OF_MESHES)
    for made in COPIES:
        same_views(made(ragged), want, OF_MESHES)


@pytest.mark.parametrize("first", ["_verts_list", "_faces_list"])
def test_vertices_and_faces_of_other_numbers_are_written_one_after_the_other(
    ragged: Meshes, first: str
) -> None:
    want = Meshes(
        [torch.rand(3, 3), torch.rand(30, 3)], [torch.tensor([[0, 1, 2]]), torch.randint(30, (9, 3))]
    )
    for name in sorted(["_verts_list", "_faces_list"], key=lambda name: name != first):
        setattr(ragged, name, getattr(want, name))
    same_views(ragged, want, OF_MESHES)
    assert (ragged._N, ragged._V, ragged._F) == (2, 30, 9)
    assert len(ragged.extend(2)) == 4


def test_faces_that_never_fit_are_an_error_when_they_are_used(ragged: Meshes) -> None:
    ragged._verts_list = [verts[:2] for verts in ragged.verts_list()]
    assert ragged.verts_packed().shape == (6, 3)
    with pytest.raises(IndexError, match=r"faces\[0\] holds 6, outside \[0, 2\), the ids of verts\[0\]"):
        ragged.faces_packed()


def test_gradients_flow_from_what_follows_to_what_was_written(ragged: Meshes) -> None:
    for name in ("_verts_list", "_verts_padded", "_verts_packed"):
        value = getattr(ragged.detach(), name)
        leaves = [x.clone().requires_grad_() for x in (value if isinstance(value, list) else [value])]
        setattr(ragged, name, leaves if isinstance(value, list) else leaves[0])
        ragged.verts_normals_packed().pow(3).sum().backward()
        for leaf in leaves:
            assert leaf.grad is not None
            assert leaf.grad.abs().sum() > 0


def test_an_element_of_a_list_may_be_written(ragged: Meshes) -> None:
    ragged._verts_list[1] = torch.full((4, 3), 7.0)
    assert (ragged.verts_list()[1] == 7).all()
    assert (ragged.verts_packed()[7:11] == 7).all()
    ragged._verts_list.pop()
    ragged._faces_list.pop()
    assert len(ragged) == 2
    assert ragged.faces_packed().shape == (11, 3)
    assert type(copy.deepcopy(ragged._verts_list)) is list


def test_written_normals_are_used_until_they_are_forgotten(ragged: Meshes) -> None:
    computed = ragged.verts_normals_packed()
    ragged._verts_normals_packed = torch.ones(23, 3)
    assert (ragged.clone().verts_normals_padded()[0, 0] == 1).all()
    ragged._verts_normals_packed = None
    assert torch.equal(ragged.verts_normals_packed(), computed)
    ragged._verts_normals_packed = torch.ones(23, 3)
    ragged._compute_vertex_normals()
    assert (ragged.verts_normals_packed() == 1).all()
    ragged._compute_vertex_normals(refresh=True)
    assert torch.equal(ragged.verts_normals_packed(), computed)


def test_what_computes_views_may_be_called(ragged: Meshes) -> None:
    for what in ("packed", "padded", "edges_packed", "laplacian_packed", "face_areas_normals"):
        getattr(ragged, f"_compute_{what}")(refresh=True)
    with pytest.raises(AttributeError):
        ragged._compute_packed = None


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("_N", 4, "write _verts_list"),
        ("_V", 1, "write _verts_list"),
        ("_F", 1, "write _faces_list"),
        ("_num_verts_per_mesh", torch.ones(3), "write _verts_list"),
        ("_num_faces_per_mesh", torch.ones(2), "write _faces_list"),
        ("_verts_packed_to_mesh_idx", torch.zeros(23), "write _verts_list"),
        ("_edges_packed", torch.zeros(3, 2), "write _faces_list"),
        ("_laplacian_packed", torch.zeros(23, 23), "write _faces_list"),
        ("_faces_normals_packed", torch.zeros(31, 3), "write _verts_list or _faces_list"),
        ("valid", torch.zeros(3, dtype=torch.bool), "write _faces_list"),
        ("equisized", True, "write _verts_list or _faces_list"),
        ("device", torch.device("meta"), r"use \.to\(device\)"),
    ],
)
def test_what_follows_from_other_values_says_what_to_write(
    ragged: Meshes, name: str, value: Any, instead: str
) -> None:
    with pytest.raises(AttributeError, match=rf"Meshes\.{name} follows from other values: {instead}$"):
        setattr(ragged, name, value)
    own = getattr(ragged, name)
    setattr(ragged, name, own.clone() if name == "_edges_packed" else own)  # nothing new
    setattr(ragged, name, None)  # PyTorch3D's "to be computed"


def test_none_changes_nothing(ragged: Meshes) -> None:
    want = ragged.clone()
    for name in OF_MESHES:
        setattr(ragged, f"_{name}", None)
    same_views(ragged, want, OF_MESHES)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("_verts_packed", torch.zeros(4, 3), r"_verts_packed must have shape \(L, D\) with L = 23 and D = 3"),
        ("_verts_list", [torch.zeros(4, 2)] * 3, r"_verts_list\[0\] must have shape \(L, D\) with D = 3"),
        (
            "_verts_padded",
            torch.zeros(3, 12, 3).long(),
            "_verts_padded must be float32 or float64, got int64",
        ),
        ("_faces_packed", torch.zeros(4, 3), r"_faces_packed must have shape \(F, 3\) with F = 31"),
        ("_verts_normals_packed", torch.zeros(4, 3), r"_verts_normals_packed must have shape"),
    ],
)
def test_values_that_fit_nothing_are_named(ragged: Meshes, name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^Meshes: {message}"):
        setattr(ragged, name, value)


def test_names_of_the_user_s_own_stay_theirs(ragged: Meshes, clouds: Pointclouds) -> None:
    for batch in (ragged, clouds, Volumes(torch.zeros(1, 1, 2, 2, 2)), Translate(1.0, 2.0, 3.0)):
        batch.mine, batch._mine = 1, torch.ones(2)  # type: ignore[attr-defined, union-attr]
        for made in COPIES:
            assert made(batch).mine == 1
            assert torch.equal(made(batch)._mine, torch.ones(2))


def test_textures_are_held_against_meshes_that_were_rewritten(ragged: Meshes) -> None:
    sizes = (3, 5, 2)
    ragged.textures = TexturesVertex(ragged.verts_list())
    ragged._verts_list = [torch.rand(n, 3) for n in sizes]
    ragged._faces_list = [torch.zeros(1, 3).long()] * 3
    with pytest.raises(ValueError, match="verts_features of mesh 0 has shape"):
        ragged.fitting_textures()
    ragged.textures._verts_features_list = [torch.rand(n, 3) for n in sizes]
    assert ragged.fitting_textures().verts_features_packed().shape == (10, 3)
    ragged.textures._verts_features_padded = torch.rand(3, 5, 3)
    assert ragged.fitting_textures().verts_features_packed().shape == (10, 3)
    ragged._verts_list = [torch.rand(4, 3)] * 3
    ragged.textures = TexturesVertex(torch.rand(3, 4, 3))
    assert ragged.extend(2).textures.verts_features_packed().shape == (24, 3)


def test_what_is_written_to_a_moved_mesh_s_textures_is_its_own() -> None:
    faces = torch.tensor([[0, 1, 2]])
    mesh = Meshes(
        [torch.rand(3, 3)], [faces], TexturesUV(torch.zeros(1, 4, 4, 3), [faces], [torch.rand(3, 2)])
    )
    for moved in (
        mesh.offset_verts(torch.ones(3)),
        mesh.scale_verts(2.0),
        mesh.update_padded(torch.rand(1, 3, 3)),
    ):
        moved.textures._maps_padded = torch.ones(1, 4, 4, 3)
        assert (moved.textures.maps_padded() == 1).all()
        assert (mesh.textures.maps_padded() == 0).all()


def test_a_batch_s_device_is_one_object(ragged: Meshes, clouds: Pointclouds) -> None:
    ragged.textures = TexturesVertex(ragged.verts_list())
    for batch in (ragged, clouds, ragged.textures, ragged.clone(), ragged.offset_verts(torch.ones(3))):
        assert batch.device is batch.device
        assert batch.device == torch.device("cpu")


def test_a_public_method_that_is_overridden_may_read_the_name(ragged: Meshes) -> None:
    class Shifted(Meshes):
        def verts_list(self) -> list[torch.Tensor]:
            return [verts + 1 for verts in self._verts_list]

    shifted = Shifted(ragged.verts_list(), ragged.faces_list())
    assert torch.equal(shifted.verts_list()[0], ragged.verts_list()[0] + 1)
    assert torch.equal(shifted._verts_list[0], ragged.verts_list()[0])


def test_copies_are_made_of_the_listed_tensors(ragged: Meshes, clouds: Pointclouds) -> None:
    """As in client code's own ``clone``."""
    others = Meshes(ragged.verts_list(), ragged.faces_list()), Pointclouds(clouds.points_list())
    for batch, other in zip((ragged, clouds), others, strict=True):
        assert "_num_verts_per_mesh" in batch._INTERNAL_TENSORS or batch is clouds
        for name in batch._INTERNAL_TENSORS:
            setattr(other, name, getattr(batch, name).clone())
    same_views(others[0], ragged, OF_MESHES)
    same_views(others[1], clouds, OF_CLOUDS)


# -- point clouds ----------------------------------------------------------------------------------------


def test_reading_a_name_of_clouds_gives_the_view(clouds: Pointclouds) -> None:
    for name in OF_CLOUDS:
        ours, public = getattr(clouds, f"_{name}"), getattr(clouds, name)()
        assert ours is public or all(a is b for a, b in zip(ours, public, strict=True))
    assert (clouds._N, clouds._P, clouds._C) == (2, 4, 5)


@pytest.mark.parametrize("view", ["list", "packed", "padded"])
def test_every_view_follows_what_is_written_to_clouds(clouds: Pointclouds, view: str) -> None:
    want = clouds.clone().update_padded(torch.rand(2, 4, 3), torch.rand(2, 4, 3), torch.rand(2, 4, 2))
    want = want.clone()  # with zeros where padding is
    want = Pointclouds(want.points_list(), want.normals_list(), want.features_list())
    for field in ("points", "normals", "features"):
        leaf = getattr(want, f"{field}_{view}")()
        setattr(clouds, f"_{field}_{view}", leaf)
    same_views(clouds, want, OF_CLOUDS)
    for made in COPIES:
        same_views(made(clouds), want, OF_CLOUDS)


def test_gradients_flow_to_written_points_and_features(clouds: Pointclouds) -> None:
    clouds._points_packed = points = torch.rand(6, 3, requires_grad=True)
    clouds._features_padded = features = torch.rand(2, 4, 2, requires_grad=True)
    (clouds.points_padded().sum() + clouds.features_packed().sum()).backward()
    assert points.grad is not None
    assert points.grad.abs().sum() == 18
    assert features.grad is not None
    assert features.grad.abs().sum() == 12


def test_points_of_other_numbers_ask_for_their_features(clouds: Pointclouds) -> None:
    clouds._points_list = [points[:1] for points in clouds._points_list]
    assert clouds.points_packed().shape == (2, 3)
    for look in (clouds.features_packed, clouds.normals_list, clouds.clone, lambda: clouds[0]):
        with pytest.raises(
            ValueError, match=r"are of clouds of \[4, 2\] points, .*: write _points_list or _"
        ):
            look()
    clouds._features_list = [torch.rand(1, 2), torch.rand(1, 2)]
    clouds._normals_list = None
    assert clouds.clone().features_packed().shape == (2, 2)
    assert clouds.normals_packed() is None


def test_features_of_other_numbers_may_come_first(clouds: Pointclouds) -> None:
    clouds._features_list = [torch.rand(7, 2), torch.rand(1, 2)]
    clouds._normals_list = None
    clouds._points_list = [torch.rand(7, 3), torch.rand(1, 3)]
    assert clouds.features_padded().shape == (2, 7, 2)


def test_what_follows_from_points_says_what_to_write(clouds: Pointclouds) -> None:
    for name, value in (("_N", 3), ("_P", 3), ("_num_points_per_cloud", torch.ones(2)), ("equisized", True)):
        with pytest.raises(AttributeError, match=rf"Pointclouds\.{name} follows .*: write _points_list"):
            setattr(clouds, name, value)


# -- volumes ---------------------------------------------------------------------------------------------


def test_values_and_places_of_volumes_may_be_written() -> None:
    volumes = Volumes(torch.zeros(1, 1, 2, 3, 4), torch.zeros(1, 2, 2, 3, 4))
    volumes._densities = densities = torch.ones(1, 1, 2, 3, 4, requires_grad=True)
    volumes._features = None
    volumes._local_to_world_transform = Translate(1.0, 2.0, 3.0)
    volumes.locator._grid_sizes = torch.tensor([[2, 2, 2]])
    for made in (volumes, *(make(volumes) for make in COPIES if make is not copy.deepcopy)):
        assert made.densities_list()[0].shape == (1, 2, 2, 2)
        assert made.features() is None
        assert made.get_grid_sizes().tolist() == [[2, 2, 2]]
        assert made.local_to_world_coords(torch.zeros(1, 1, 3)).tolist() == [[[1.0, 2.0, 3.0]]]
    volumes.densities().sum().backward()
    assert densities.grad is not None
    for name, value in (("_densities", torch.zeros(1, 1, 3, 3, 3)), ("_local_to_world_transform", 3)):
        with pytest.raises(ValueError, match=name):
            setattr(volumes, name, value)
    for name in ("_resolution", "_align_corners"):
        with pytest.raises(AttributeError, match=f"{name} follows from other values: make new Volumes"):
            setattr(volumes.locator, name, 7)
