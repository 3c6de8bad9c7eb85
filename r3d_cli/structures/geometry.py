"""Vertices in a topology, and what follows from both: areas and normals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from r3d_cli.ops.mesh_normals import face_areas_normals, vertex_normals
from r3d_cli.structures.ragged import Layout, Ragged, still_serves
from r3d_cli.structures.topology import Topology


class Geometry:
    """The vertices of N meshes in their topology. Immutable; areas and normals are computed once, when first
    asked for."""

    def __init__(self, verts: Ragged, topology: Topology) -> None:
        self.verts = verts
        self.topology = topology
        self._computed: dict[str, Any] = {}

    @property
    def pending(self) -> bool:
        """Whether vertices and faces are still to be held against each other: client code wrote to them."""
        return False

    @property
    def faces_areas(self) -> Ragged:  # (F_i,)
        return self._faces[0]

    @property
    def faces_normals(self) -> Ragged:  # (F_i, 3)
        return self._faces[1]

    @property
    def _faces(self) -> tuple[Ragged, Ragged]:
        def compute() -> tuple[Ragged, Ragged]:
            verts, topology = self.verts.packed, self.topology
            # Only the gradient gathers over vertices.
            corners = topology.corners if verts.requires_grad else None
            areas, normals = face_areas_normals(verts, topology.faces_packed, corners)
            return Ragged(topology.faces_layout, packed=areas), Ragged(topology.faces_layout, packed=normals)

        return self._once("faces", compute, lambda faces: faces[0])

    @property
    def verts_normals(self) -> Ragged:  # (V_i, 3)
        def compute() -> Ragged:
            topology = self.topology
            packed = vertex_normals(self.verts.packed, topology.faces_packed, topology.corners)
            return Ragged(self.verts.layout, packed=packed)

        return self._once("verts_normals", compute, lambda normals: normals)

    def _once(self, name: str, compute: Callable[[], Any], ragged: Callable[[Any], Ragged]) -> Any:
        if self.verts.from_outside:
            return compute()
        version, value = self._computed.get(name, (None, None))
        if version is None or version != self.verts.version:
            value = None
        if value is None or not still_serves(ragged(value).packed, self.verts.packed):
            value = compute()
            self._computed[name] = self.verts.version, value
        return value

    @property
    def has_verts_normals(self) -> bool:
        """Whether the normals of vertices are computed already."""
        return "verts_normals" in self._computed

    def moved(self, verts: Ragged) -> Geometry:
        """With other vertices and the same topology."""
        return Geometry(verts, self.topology)

    def clone(self) -> Geometry:
        """With memory of its own."""
        return Geometry(self.verts.clone(), self.topology.clone())

    def to(self, device: torch.device) -> Geometry:
        """On another device."""
        return Geometry(self.verts.to(device), self.topology.to(device))

    def repeat(self, times: int) -> Geometry:
        """Every mesh ``times`` times in a row (a a b b c c), sharing its memory."""
        return _Repeated(self, times)

    def select(self, indices: list[int]) -> Geometry:
        """Some of the meshes, with memory of their own."""
        topology = self.topology.select(indices)
        return Geometry(self.verts.select_copies(indices, topology.verts_layout), topology)

    def as_one(self) -> Geometry:
        """All meshes as one."""
        topology = self.topology.as_one()
        return Geometry(self.verts.as_one(topology.verts_layout), topology)

    def __getstate__(self) -> dict[str, Any]:
        """Pickles and deep copies hold the vertices and the faces: the rest follows from them."""
        return {**self.__dict__, "_computed": {}}


class _Repeated(Geometry):
    """Every mesh of ``base`` several times: what follows is repeated, not computed."""

    def __init__(self, base: Geometry, times: int) -> None:
        topology = base.topology.repeat(times)
        super().__init__(base.verts.repeat(times, topology.verts_layout), topology)
        # Not the base's own results where they have gradients: one backward frees the graph behind them, and
        # the base may be extended again for the next.
        self._base = Geometry(base.verts, base.topology) if base.verts.requires_grad else base
        self._times = times

    @property
    def _faces(self) -> tuple[Ragged, Ragged]:
        layout = self.topology.faces_layout
        areas, normals = self._base._faces
        return self._repeat("areas", areas, layout), self._repeat("normals", normals, layout)

    @property
    def verts_normals(self) -> Ragged:
        return self._repeat("verts_normals", self._base.verts_normals, self.verts.layout)

    def _repeat(self, name: str, base: Ragged, layout: Layout) -> Ragged:
        if name not in self._computed or self._computed[name][0] is not base:
            self._computed[name] = base, base.repeat(self._times, layout)
        return self._computed[name][1]

    @property
    def has_verts_normals(self) -> bool:
        return self._base.has_verts_normals

    def clone(self) -> Geometry:
        return _Repeated(self._base.clone(), self._times)

    def to(self, device: torch.device) -> Geometry:
        return _Repeated(self._base.to(device), self._times)
