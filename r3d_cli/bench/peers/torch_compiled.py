"""The naive PyTorch rasterizer with its arithmetic compiled by ``torch.compile``.

Not among the default peers, since compiling takes minutes on a small machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.bench.arrays import as_torch
from r3d_cli.bench.peers.torch_naive import evaluate, rasterize

if TYPE_CHECKING:
    from r3d_cli.bench.cases.rasterize_meshes import Inputs

NAME = "compiled PyTorch"
REQUIRES, INSTALL = "torch", "pip install torch (torch.compile needs a C++ compiler as well)"


def rasterize_meshes(inputs: Inputs) -> Callable[[], Fragments]:
    import torch

    compiled = torch.compile(evaluate, dynamic=True)
    verts, faces, first = map(as_torch, (inputs.verts, inputs.faces, inputs.mesh_first_face))
    return lambda: rasterize(verts, faces, first, inputs, compiled)
