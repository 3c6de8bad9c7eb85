"""What one writes in plain PyTorch for a list of meshes: a loop over them, a packed operation at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from r3d_cli.bench.cases.meshes import Inputs

NAME = "PyTorch loop"
REQUIRES, INSTALL = "torch", "pip install torch"


def meshes(inputs: Inputs) -> Callable[[], dict[str, Tensor]]:
    return lambda: loop(inputs)


def loop(inputs: Inputs) -> dict[str, Tensor]:
    """As ``cases.meshes`` wants it."""
    import torch

    count = len(inputs.verts)
    verts_padded = inputs.verts[0].new_zeros(count, max(map(len, inputs.verts)), 3)
    faces_padded = inputs.faces[0].new_full((count, max(map(len, inputs.faces)), 3), -1)
    faces_packed, edges_packed, normals = [], [], []
    for i, (verts, faces, (first, _)) in enumerate(
        zip(inputs.verts, inputs.faces, inputs.places, strict=True)
    ):
        verts_padded[i, : len(verts)] = verts
        faces_padded[i, : len(faces)] = faces
        faces_packed.append(faces + first)
        edges_packed.append(edges(faces, len(verts)) + first)
        normals.append(vertex_normals(verts, faces))
    views = {
        "verts_packed": torch.cat(inputs.verts),
        "faces_packed": torch.cat(faces_packed),
        "verts_padded": verts_padded,
        "faces_padded": faces_padded,
        "edges": torch.cat(edges_packed),
        "normals": torch.cat(normals),
    }
    if inputs.cotangent is not None:
        views["grad_verts"] = torch.cat(torch.autograd.grad(views["normals"], inputs.verts, inputs.cotangent))
    return views


def edges(faces: Tensor, num_verts: int) -> Tensor:  # (E, 2)
    """Unique edges by one sort of scalar keys: much faster than ``unique(dim=0)``."""
    import torch

    a, b = faces.flatten(), faces.roll(-1, 1).flatten()
    keys = torch.unique(torch.minimum(a, b) * num_verts + torch.maximum(a, b))
    return torch.stack([keys // num_verts, keys % num_verts], 1)


def vertex_normals(verts: Tensor, faces: Tensor) -> Tensor:  # (V, 3)
    import torch

    a, b, c = verts[faces].unbind(1)
    cross = torch.linalg.cross(b - a, c - a)
    sums = torch.zeros_like(verts)
    for corner in range(3):
        sums = sums.index_add(0, faces[:, corner], cross)
    return torch.nn.functional.normalize(sums, dim=1)
