"""PyTorch3D's underscored names on `Meshes`, read and written to: see `r3d_cli.internals`."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from r3d_cli.checks import check_dtype, check_same_device, check_shape
from r3d_cli.internals import Table, derived, steps, written
from r3d_cli.structures.geometry import Geometry
from r3d_cli.structures.mesh_arguments import Rows, read_faces, read_normals
from r3d_cli.structures.ragged import Ragged, lasting
from r3d_cli.structures.reading import read_view
from r3d_cli.structures.topology import Topology


class _Rewritten(Geometry):
    """Vertices and faces of which one was written. They are held against each other when first needed: until
    both are written, faces may name vertices that are no longer there."""

    def __init__(self, verts: Ragged, faces: Rows) -> None:
        self.verts = verts
        self.faces = faces
        self._computed = {}

    @lasting
    def topology(self) -> Topology:
        return Topology(self.verts.layout, read_faces(self.faces, self.verts))

    @property
    def pending(self) -> bool:
        return "topology" not in self.__dict__


def _write_verts(meshes: Any, name: str, value: Any) -> None:
    geometry: Geometry = meshes._geometry
    verts = read_view("Meshes", name, value, geometry.verts, width=3)
    check_dtype("Meshes", name, verts, "float32", "float64")
    if not geometry.pending and verts.layout is geometry.verts.layout:
        meshes._geometry = geometry.moved(verts)
        return
    if verts.layout is not geometry.verts.layout:
        meshes._given_normals, meshes._textures_fit = None, False
    meshes._geometry = _Rewritten(verts, _faces_of(geometry))


def _write_faces(meshes: Any, name: str, value: Any) -> None:
    geometry: Geometry = meshes._geometry
    if name == "_faces_packed":
        value = _unpacked(geometry, value)
    meshes._geometry = _Rewritten(geometry.verts, value)
    meshes._textures_fit = False


def _faces_of(geometry: Geometry) -> Rows:
    """Faces as they were given: they need not fit the vertices yet."""
    if isinstance(geometry, _Rewritten) and geometry.pending:
        return geometry.faces
    return list(geometry.topology.faces.list)


def _unpacked(geometry: Geometry, packed: Any) -> list[Tensor]:  # (sum F_i, 3)
    """Faces of each mesh, of packed ones; there may be more or fewer than before where there is one mesh."""
    topology = geometry.topology
    rows = topology.faces_layout
    check_shape("Meshes", "_faces_packed", packed, "F 3", **({} if len(rows) == 1 else {"F": rows.total}))
    check_same_device("Meshes", _faces_packed=packed, verts=geometry.verts)
    if len(rows) == 1:
        return [packed]
    each = zip(packed.split(rows.lengths), topology.verts_layout.offsets[:-1], strict=True)
    return [faces - first for faces, first in each]


def _write_normals(meshes: Any, name: str, value: Any) -> None:
    verts = meshes._geometry.verts
    normals = read_view("Meshes", name, value, verts, width=3)
    meshes._given_normals = read_normals(normals.list, verts)


def _forget_normals(meshes: Any, name: str = "") -> None:
    meshes._given_normals = None


INTERNALS: Table = {
    **written(_write_verts, "_verts_list", "_verts_padded", "_verts_packed"),
    **written(_write_faces, "_faces_list", read=lambda meshes: _faces_of(meshes._geometry)),
    **written(_write_faces, "_faces_padded", "_faces_packed"),
    **written(
        _write_normals,
        *("_verts_normals_list", "_verts_normals_padded", "_verts_normals_packed"),
        forget=_forget_normals,
    ),
    **derived(
        "write _verts_list",
        (
            "_num_verts_per_mesh",
            "_mesh_to_verts_packed_first_idx",
            "_verts_packed_to_mesh_idx",
            "_verts_padded_to_packed_idx",
        ),
        _N=len,
        _V=lambda meshes: meshes._geometry.verts.layout.max_length,
    ),
    **derived(
        "write _faces_list",
        (
            "_num_faces_per_mesh",
            "_mesh_to_faces_packed_first_idx",
            "_faces_packed_to_mesh_idx",
            "_num_edges_per_mesh",
            "_mesh_to_edges_packed_first_idx",
            "_edges_packed",
            "_edges_packed_to_mesh_idx",
            "_faces_packed_to_edges_packed",
            "_laplacian_packed",
            "valid",
        ),
        _F=lambda meshes: meshes._geometry.topology.faces_layout.max_length,
    ),
    **derived(
        "write _verts_list or _faces_list",
        (
            "_faces_areas_packed",
            "_faces_normals_packed",
            "_faces_normals_list",
            "_faces_normals_padded",
            "equisized",
        ),
    ),
    **derived("use .to(device)", ("device",)),
    **steps("_compute_packed", "_compute_padded", "_compute_edges_packed", "_compute_laplacian_packed"),
    **steps("_compute_face_areas_normals"),
    **steps("_compute_vertex_normals", then=_forget_normals),
}
