"""What a batch of meshes shows: views of vertices and faces, and what follows from both."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.structures.geometry import Geometry
from r3d_cli.structures.indexing import batch_indices
from r3d_cli.structures.ragged import Ragged
from r3d_cli.structures.topology import Topology


class MeshViews:
    """The read-only side of `Meshes`.

    Attributes:
        device: Where all tensors are.
        equisized: Whether all meshes have as many vertices, and as many faces.
        valid: (N,) bool, whether a mesh has faces.
    """

    _geometry: Geometry
    _given_normals: Ragged | None

    def __len__(self) -> int:
        return len(self._verts.layout)

    @property
    def _verts(self) -> Ragged:
        return self._geometry.verts

    @property
    def _topology(self) -> Topology:
        return self._geometry.topology

    @property
    def device(self) -> torch.device:
        return self._geometry.verts.layout.device

    @property
    def equisized(self) -> bool:
        return self._verts.layout.equisized and self._topology.faces_layout.equisized

    @property
    def valid(self) -> Tensor:  # (N,) bool
        return self._topology.faces_layout.num_per_batch > 0

    def isempty(self) -> bool:
        """Whether no mesh has a face."""
        return self._topology.faces_layout.total == 0

    # -- vertices and faces ------------------------------------------------------------------------------

    def verts_list(self) -> list[Tensor]:
        """Vertices of each mesh: N of (V_i, 3)."""
        return list(self._verts.list)

    def verts_packed(self) -> Tensor:  # (sum V_i, 3)
        """Vertices of all meshes, one after the other."""
        return self._verts.packed

    def verts_padded(self) -> Tensor:  # (N, max V_i, 3)
        """Vertices of each mesh, padded with 0."""
        return self._verts.padded

    def faces_list(self) -> list[Tensor]:
        """Faces of each mesh, ids within the mesh: N of (F_i, 3) int64."""
        return list(self._topology.faces.list)

    def faces_packed(self) -> Tensor:  # (sum F_i, 3) int64
        """Faces of all meshes, ids of packed vertices."""
        return self._topology.faces_packed

    def faces_padded(self) -> Tensor:  # (N, max F_i, 3) int64
        """Faces of each mesh, ids within the mesh, padded with -1."""
        return self._topology.faces.padded

    def num_verts_per_mesh(self) -> Tensor:  # (N,) int64
        return self._verts.layout.num_per_batch

    def num_faces_per_mesh(self) -> Tensor:  # (N,) int64
        return self._topology.faces_layout.num_per_batch

    def mesh_to_verts_packed_first_idx(self) -> Tensor:  # (N,) int64
        """The packed vertex with which each mesh begins."""
        return self._verts.layout.first_idx

    def mesh_to_faces_packed_first_idx(self) -> Tensor:  # (N,) int64
        """The packed face with which each mesh begins."""
        return self._topology.faces_layout.first_idx

    def mesh_first_face(self) -> Tensor:  # (N + 1,) int64
        """The packed face with which each mesh begins, and the number of all faces: what kernels take."""
        return self._topology.faces_layout.bounds

    def verts_packed_to_mesh_idx(self) -> Tensor:  # (sum V_i,) int64
        """The mesh of each packed vertex."""
        return self._verts.layout.packed_to_batch_idx

    def faces_packed_to_mesh_idx(self) -> Tensor:  # (sum F_i,) int64
        """The mesh of each packed face."""
        return self._topology.faces_layout.packed_to_batch_idx

    def verts_padded_to_packed_idx(self) -> Tensor:  # (sum V_i,) int64
        """The row of each packed vertex in ``verts_padded().reshape(-1, 3)``."""
        return self._verts.layout.padded_to_packed_idx

    def get_mesh_verts_faces(self, index: int) -> tuple[Tensor, Tensor]:
        """Vertices (V_i, 3) and faces (F_i, 3) of one mesh.

        Raises:
            IndexError: There is no such mesh.
        """
        (mesh,) = batch_indices("Meshes", [index], len(self))
        return self._verts.list[mesh], self._topology.faces.list[mesh]

    def get_bounding_boxes(self) -> Tensor:  # (N, 3, 2)
        """Least and greatest coordinate of each mesh along each axis; (inf, -inf) of one without vertices."""
        lengths = self._verts.layout.num_per_batch
        verts = self.verts_packed()
        least, most = (
            torch.segment_reduce(verts, reduce, lengths=lengths, axis=0, unsafe=True)
            for reduce in ("min", "max")
        )
        return torch.stack([least, most], 2)

    # -- edges and normals -------------------------------------------------------------------------------

    def edges_packed(self) -> Tensor:  # (E, 2) int64
        """Unique undirected edges of packed vertices: each row ascends, rows are sorted."""
        return self._topology.edges

    def edges_packed_to_mesh_idx(self) -> Tensor:  # (E,) int64
        """The mesh of each packed edge."""
        return self._topology.edges_layout.packed_to_batch_idx

    def num_edges_per_mesh(self) -> Tensor:  # (N,) int64
        return self._topology.edges_layout.num_per_batch

    def mesh_to_edges_packed_first_idx(self) -> Tensor:  # (N,) int64
        """The packed edge with which each mesh begins."""
        return self._topology.edges_layout.first_idx

    def faces_packed_to_edges_packed(self) -> Tensor:  # (sum F_i, 3) int64
        """Packed edges of each packed face (v0, v1, v2): (v1, v2), (v2, v0), (v0, v1)."""
        return self._topology.faces_to_edges

    def opposite_corners_packed(self) -> Tensor:  # (sum F_i, 3) int32
        """The packed corner across the edge of each corner: ``ops.opposite_corners``."""
        return self._topology.opposites

    def face_pairs_packed(self) -> Tensor:  # (P, 4) int64
        """Pairs of faces that share an edge: the edge's two packed vertices, then each face's other one."""
        return self._topology.face_pairs

    def face_pairs_packed_to_mesh_idx(self) -> Tensor:  # (P,) int64
        """The mesh of each pair of faces."""
        return self._topology.pairs_to_mesh

    def neighbours_packed(self) -> tuple[Tensor, Tensor]:  # (sum V_i + 1,), (2E,) int64
        """Where each packed vertex's neighbours begin, and their ids."""
        return self._topology.neighbours

    def laplacian_packed(self) -> Tensor:  # (sum V_i, sum V_i) sparse
        """The uniform Laplacian of all meshes: ``ops.laplacian``."""
        return self._topology.laplacian(self.verts_packed())

    def faces_areas_packed(self) -> Tensor:  # (sum F_i,)
        return self._geometry.faces_areas.packed

    def faces_normals_packed(self) -> Tensor:  # (sum F_i, 3)
        """Unit normals of faces: ``ops.face_areas_normals``."""
        return self._geometry.faces_normals.packed

    def faces_normals_list(self) -> list[Tensor]:
        """Unit normals of each mesh's faces: N of (F_i, 3)."""
        return list(self._geometry.faces_normals.list)

    def faces_normals_padded(self) -> Tensor:  # (N, max F_i, 3)
        """Unit normals of each mesh's faces, padded with 0."""
        return self._geometry.faces_normals.padded

    def has_verts_normals(self) -> bool:
        """Whether normals of vertices were given, or are computed already."""
        return self._given_normals is not None or self._geometry.has_verts_normals

    def verts_normals_packed(self) -> Tensor:  # (sum V_i, 3)
        """Normals of vertices: those given, else ``ops.vertex_normals``."""
        return self._normals.packed

    def verts_normals_list(self) -> list[Tensor]:
        """Normals of each mesh's vertices: N of (V_i, 3)."""
        return list(self._normals.list)

    def verts_normals_padded(self) -> Tensor:  # (N, max V_i, 3)
        """Normals of each mesh's vertices, padded with 0."""
        return self._normals.padded

    @property
    def _normals(self) -> Ragged:
        return self._geometry.verts_normals if self._given_normals is None else self._given_normals
