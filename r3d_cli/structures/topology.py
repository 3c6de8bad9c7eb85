"""What follows from the faces of a batch alone: packed ids, adjacency, edges, the Laplacian.

Moving vertices changes none of it, so that meshes made by moving vertices share one `Topology`. Everything is
computed once, when first asked for.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from r3d_cli.ops.bridge import empty
from r3d_cli.ops.laplacian_matrices import laplacian
from r3d_cli.ops.mesh_edges import mesh_edges, unique_edges
from r3d_cli.ops.opposite_corners import opposite_corners
from r3d_cli.ops.vertex_corners import vertex_corners
from r3d_cli.structures.ragged import Layout, Ragged, lasting

#: Meshes of so many faces, on average, are packed one by one on the CPU. One operation for all of them wakes
#: PyTorch's threads, which then spin for milliseconds in the way of the kernels' own.
_LONG = 256

#: What is computed from packed faces once, and stays true of other meshes of the same ones.
_OF_FACES = ("corners", "edges", "faces_to_edges", "neighbours", "opposites")


class Topology:
    """The faces of N meshes and what follows from them. Immutable.

    Attributes:
        verts_layout: How many vertices each mesh has.
        faces: (F_i, 3) int64, ids within each mesh; -1 pads.
    """

    def __init__(self, verts_layout: Layout, faces: Ragged) -> None:
        self.verts_layout = verts_layout
        self.faces = faces
        self._laplacians: dict[torch.dtype, Tensor] = {}

    @property
    def faces_layout(self) -> Layout:
        return self.faces.layout

    @lasting
    def faces_packed(self) -> Tensor:  # (sum F_i, 3)
        """Ids of packed vertices."""
        if len(self.verts_layout) <= 1:
            return self.faces.packed.contiguous()  # once, rather than in every kernel's call
        layout, starts = self.faces_layout, self.verts_layout.offsets[:-1]
        if layout.device.type != "cpu" or layout.total < _LONG * len(layout):
            first = self.verts_layout.first_idx
            first = first.repeat_interleave(layout.num_per_batch, output_size=layout.total)
            return self.faces.packed + first[:, None]
        faces = empty((layout.total, 3), like=self.faces.list[0])
        for mesh, rows, start in zip(self.faces.list, faces.split(layout.lengths), starts, strict=True):
            torch.add(mesh, start, out=rows)
        return faces

    @lasting
    def corners(self) -> tuple[Tensor, Tensor]:  # (sum V_i + 1,), (3 sum F_i,) int32
        """The corners of faces that name each packed vertex, as ``ops.vertex_corners`` has them."""
        return vertex_corners(self.faces_packed, self.verts_layout.total)

    @lasting
    def edges(self) -> Tensor:  # (E, 2)
        """Unique edges of packed vertices, sorted."""
        return unique_edges(self.faces_packed, self.verts_layout.total)

    @lasting
    def faces_to_edges(self) -> Tensor:  # (sum F_i, 3)
        """The edges opposite to each face's corners."""
        edges, faces_to_edges = mesh_edges(self.faces_packed, self.verts_layout.total)
        self.__dict__.setdefault("edges", edges)
        return faces_to_edges

    @lasting
    def opposites(self) -> Tensor:  # (sum F_i, 3) int32
        """The corner across each corner's edge, as ``ops.opposite_corners`` has it."""
        return opposite_corners(self.faces_packed, self.verts_layout.total)

    @lasting
    def face_pairs(self) -> Tensor:  # (P, 4)
        """Each pair of faces that share an edge, by edge: its two vertices, then the faces' other ones."""
        # An edge is numbered like the corner opposite to it: corners grouped by edge are its faces' others.
        count = len(self.edges)
        if torch.compiler.is_compiling():  # which must be told that ids of edges are int32
            torch._check(count <= torch.iinfo(torch.int32).max)
        first, corners = vertex_corners(self.faces_to_edges, count)
        corners, faces_of_edge = corners.long(), first.diff().long()
        edge = torch.arange(len(self.edges), device=first.device).repeat_interleave(faces_of_edge)
        side = torch.arange(len(corners), device=first.device)
        earlier = side - first[edge].long()  # each face makes a pair with every earlier one of its edge
        other = side.repeat_interleave(earlier)
        ends = earlier.cumsum(0)
        rank = torch.arange(len(other), device=first.device) - (ends - earlier)[other]
        pair = torch.stack([corners[first[edge[other]].long() + rank], corners[other]], 1)
        return torch.cat([self.edges[edge[other]], self.faces_packed.reshape(-1)[pair]], 1)

    @lasting
    def edges_layout(self) -> Layout:
        """How many edges each mesh has: they are sorted by vertex, hence by mesh."""
        ends = torch.tensor(self.verts_layout.offsets[1:], dtype=torch.int64, device=self.edges.device)
        last = torch.searchsorted(self.edges[:, 0].contiguous(), ends)
        return Layout(last.diff(prepend=last.new_zeros(1)).tolist(), self.edges.device)

    @lasting
    def pairs_to_mesh(self) -> Tensor:  # (P,)
        """The mesh of each of ``face_pairs``."""
        return self.verts_layout.packed_to_batch_idx[self.face_pairs[:, 0]]

    @lasting
    def neighbours(self) -> tuple[Tensor, Tensor]:  # (sum V_i + 1,), (2E,)
        """Where each vertex's neighbours begin, and the neighbours, ascending."""
        low, high = self.edges.unbind(1)
        vertex, neighbour = torch.cat([high, low]), torch.cat([low, high])
        vertex, order = vertex.sort(stable=True)
        ids = torch.arange(self.verts_layout.total + 1, device=vertex.device)
        return torch.searchsorted(vertex, ids), neighbour[order]

    def laplacian(self, verts: Tensor) -> Tensor:  # (sum V_i, sum V_i) sparse
        """``ops.laplacian`` of packed vertices, which tell it no more than their number and dtype."""
        if verts.dtype not in self._laplacians:
            with torch.inference_mode(False):
                self._laplacians[verts.dtype] = laplacian(verts.detach(), self.edges)
        return self._laplacians[verts.dtype]

    def to(self, device: torch.device) -> Topology:
        """On another device, with what is computed already."""
        if device == self.faces.device:
            return self
        moved = Topology(self.verts_layout.to(device), self.faces.to(device))
        computed = self._computed("faces_packed", *_OF_FACES)
        moved.__dict__.update({name: _moved(value, device) for name, value in computed.items()})
        return moved

    def clone(self) -> Topology:
        """With faces of its own; what is computed from them already stays shared."""
        new = copy.copy(self)
        new.faces = self.faces.clone()
        new.__dict__.update(self._computed(*_OF_FACES))
        return new

    def select(self, indices: list[int]) -> Topology:
        """Of some of the meshes, with faces of their own."""
        faces = self.faces.select(indices)
        packed = torch.cat(faces.list) if indices else faces.packed
        return Topology(self.verts_layout.select(indices), Ragged(faces.layout, packed=packed, pad_value=-1))

    def repeat(self, times: int) -> Topology:
        """Every mesh ``times`` times in a row (a a b b c c)."""
        return _Repeated(self, times)

    def as_one(self) -> Topology:
        """All meshes as one, with what is computed already: packed ids stay what they are."""
        layout = self.faces_layout.as_one()
        one = Topology(self.verts_layout.as_one(), Ragged(layout, packed=self.faces_packed, pad_value=-1))
        one.__dict__.update(self._computed("faces_packed", *_OF_FACES))
        return one

    def _computed(self, *names: str) -> dict[str, Any]:
        """Those that are computed already."""
        return {name: self.__dict__[name] for name in names if name in self.__dict__}

    def __getstate__(self) -> dict[str, Any]:
        """Pickles and deep copies hold the faces: the rest follows from them."""
        return {"verts_layout": self.verts_layout, "faces": self.faces, "_laplacians": {}}


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, tuple):
        return tuple(_moved(part, device) for part in value)
    return value.to(device)


class _Repeated(Topology):
    """Every mesh of ``base`` several times: what follows is repeated with other offsets, not computed."""

    def __init__(self, base: Topology, times: int) -> None:
        super().__init__(base.verts_layout.repeat(times), base.faces.repeat(times))
        self._base = base
        self._times = times

    @lasting
    def corners(self) -> tuple[Tensor, Tensor]:
        first, corners = self._base.corners
        faces, ours = self._base.faces_layout, self.faces_layout
        starts = self._repeat(first[:-1], self._base.verts_layout, faces, ours, scale=3)
        first = torch.cat([starts, starts.new_tensor([3 * ours.total])])
        lengths = [3 * length for length in faces.lengths]
        corners = self._repeat(corners, Layout(lengths, faces.device), faces, ours, scale=3)
        return first, corners

    @lasting
    def edges(self) -> Tensor:
        base = self._base
        return self._repeat(base.edges, base.edges_layout, base.verts_layout, self.verts_layout)

    @lasting
    def faces_to_edges(self) -> Tensor:
        base = self._base
        return self._repeat(base.faces_to_edges, base.faces_layout, base.edges_layout, self.edges_layout)

    @lasting
    def opposites(self) -> Tensor:
        base = self._base
        return self._repeat(base.opposites, base.faces_layout, base.faces_layout, self.faces_layout, scale=3)

    @lasting
    def edges_layout(self) -> Layout:
        return self._base.edges_layout.repeat(self._times)

    def _repeat(
        self,
        ids: Tensor,  # (total of rows, ...)
        rows: Layout,
        of: Layout,
        ours: Layout,
        scale: int = 1,
    ) -> Tensor:
        """Packed ``rows`` of the base for each mesh here, as ids shifted from the base's ``of`` to ours."""
        repeated = rows.repeat(self._times)
        batch = repeated.packed_to_batch_idx
        base = batch // self._times
        row = (
            torch.arange(repeated.total, device=ids.device) - repeated.first_idx[batch] + rows.first_idx[base]
        )
        shift = (ours.first_idx[batch] - of.first_idx[base]) * scale
        return ids[row] + shift.to(ids.dtype).reshape(-1, *[1] * (ids.dim() - 1))

    def to(self, device: torch.device) -> Topology:
        return self if device == self.faces.device else _Repeated(self._base.to(device), self._times)

    def clone(self) -> Topology:
        return _Repeated(self._base.clone(), self._times)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_base": self._base, "_times": self._times}
