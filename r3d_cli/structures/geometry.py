"""Vertices in a topology, and what follows from both: areas and normals."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.ops.mesh_normals import face_areas_normals, vertex_normals
from r3d_cli.structures.ragged import Layout, Ragged, still_serves
from r3d_cli.structures.topology import Topology


class Geometry:
    """The vertices of N meshes in their topology. Immutable; areas and normals are computed when first asked
    for, once."""

    def __init__(self, verts: Ragged, topology: Topology) -> None:
        self.verts = verts
        self.topology = topology
        self._areas_normals: tuple[Tensor, Tensor] | None = None
        self._verts_normals: Ragged | None = None
        self._faces_normals: Ragged | None = None

    @property
    def areas_normals(self) -> tuple[Tensor, Tensor]:  # (sum F_i,), (sum F_i, 3)
        verts = self.verts.packed
        if self._areas_normals is None or not still_serves(self._areas_normals[0], verts):
            corners = self.topology.corners if verts.requires_grad else None
            self._areas_normals = face_areas_normals(verts, self.topology.faces_packed, corners)
        return self._areas_normals

    @property
    def faces_normals(self) -> Ragged:
        normals = self.areas_normals[1]
        if self._faces_normals is None or self._faces_normals.packed is not normals:
            self._faces_normals = Ragged(self.topology.faces_layout, packed=normals)
        return self._faces_normals

    @property
    def verts_normals(self) -> Ragged:
        verts, normals = self.verts.packed, self._verts_normals
        if normals is None or not still_serves(normals.packed, verts):
            topology = self.topology
            packed = vertex_normals(verts, topology.faces_packed, topology.corners)
            self._verts_normals = normals = Ragged(self.verts.layout, packed=packed)
        return normals

    @property
    def has_verts_normals(self) -> bool:
        """Whether the normals of vertices are computed already."""
        return self._verts_normals is not None

    def moved(self, verts: Ragged) -> Geometry:
        """With other vertices and the same topology."""
        return Geometry(verts, self.topology)

    def repeat(self, times: int) -> Geometry:
        """Every mesh ``times`` times in a row, sharing its memory."""
        topology = self.topology.repeat(times)
        return Geometry(self.verts.repeat(times, topology.verts_layout), topology)

    def select(self, indices: list[int]) -> Geometry:
        """Some of the meshes, with memory of their own."""
        topology = self.topology.select(indices)
        return Geometry(select_copies(self.verts, indices, topology.verts_layout), topology)

    def as_one(self) -> Geometry:
        """All meshes as one."""
        topology = self.topology.as_one()
        return Geometry(self.verts.as_one(topology.verts_layout), topology)

    def __getstate__(self) -> dict[str, Any]:
        return {**Geometry(self.verts, self.topology).__dict__}


def select_copies(values: Ragged, indices: list[int], layout: Layout) -> Ragged:
    """Some of the sequences, copied once."""
    chosen = values.select(indices, layout)
    packed = torch.cat(chosen.list) if indices else chosen.packed
    return Ragged(layout, packed=packed, pad_value=values.pad_value)
