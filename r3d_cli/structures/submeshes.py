"""Parts of meshes: some faces, and the vertices that they name."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_ids, check_shape
from r3d_cli.structures.geometry import Geometry
from r3d_cli.structures.ragged import Layout, Ragged
from r3d_cli.structures.topology import Topology


def submeshes(
    geometry: Geometry, face_indices: Sequence[Sequence[Tensor]] | Sequence[Tensor]
) -> tuple[Geometry, list[list[Tensor]], list[list[Tensor]]]:
    """The parts as one batch, and of each mesh's parts the ids of vertices and of faces in the mesh."""
    topology = geometry.topology
    faces_ids = [list(_parts(ids)) for ids in face_indices]
    if len(faces_ids) != len(topology.faces_layout):
        count = len(topology.faces_layout)
        raise ValueError(
            f"Meshes.submeshes: face_indices must have {count} entries, one a mesh, got {len(faces_ids)}"
        )
    for mesh, (parts, count) in enumerate(zip(faces_ids, topology.faces_layout.lengths, strict=True)):
        for j, ids in enumerate(parts):
            name = f"face_indices[{mesh}][{j}]"
            check_shape("Meshes.submeshes", name, ids, "F")
            check_dtype("Meshes.submeshes", name, ids, "int64", "int32")
            check_ids("Meshes.submeshes", name, ids, count, f"faces[{mesh}]")
    counts = [len(parts) for parts in faces_ids]
    flat = [ids.to(geometry.verts.device, torch.int64) for parts in faces_ids for ids in parts]
    if not flat:
        geometry = geometry.select([])
        return geometry, [[] for _ in counts], faces_ids
    part_faces = Ragged.from_list(flat, pad_value=-1)

    meshes = [mesh for mesh, count in enumerate(counts) for _ in range(count)]
    part = part_faces.layout.packed_to_batch_idx
    first_face = topology.faces_layout.first_idx[meshes]
    faces = topology.faces_packed[part_faces.packed + first_face[part]]  # (rows, 3), ids of packed vertices
    # One sort for all parts: a key names a part and a vertex.
    total = max(geometry.verts.layout.total, 1)
    keys, ranks = torch.unique(faces + part[:, None] * total, return_inverse=True)
    part_of_vert, verts_packed_ids = keys // total, keys % total
    lengths = torch.bincount(part_of_vert, minlength=len(flat)).tolist()
    layout = Layout(lengths, part.device)
    local = Ragged(part_faces.layout, packed=ranks - layout.first_idx[part][:, None], pad_value=-1)
    verts = Ragged(layout, packed=geometry.verts.packed[verts_packed_ids])
    verts_ids = verts_packed_ids - geometry.verts.layout.first_idx[meshes][part_of_vert]
    each = iter(verts_ids.split(layout.lengths))
    return (
        Geometry(verts, Topology(layout, local)),
        [[next(each) for _ in ids] for ids in faces_ids],
        faces_ids,
    )


def _parts(ids: Sequence[Tensor] | Tensor) -> Sequence[Tensor]:
    """The parts of one mesh; of a padded tensor, its rows without -1."""
    if not isinstance(ids, Tensor):
        return ids
    check_shape("Meshes.submeshes", "face_indices[.]", ids, "parts F")
    return [row[row != -1] for row in ids]
