"""nvdiffrast's CUDA rasterizer: the nearest face, its depth and its barycentric coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.bench.arrays import as_torch
from r3d_cli.bench.suite import Prepared, Unsupported

if TYPE_CHECKING:
    from r3d_cli.bench.cases.rasterize_meshes import Inputs

NAME = "nvdiffrast"
REQUIRES = "nvdiffrast"
INSTALL = "pip install --no-build-isolation git+https://github.com/NVlabs/nvdiffrast.git"
DEVICES = ("cuda",)


def rasterize_meshes(inputs: Inputs) -> Prepared:
    height, width = inputs.image_size
    if inputs.faces_per_pixel != 1 or inputs.blur_radius or height % 8 or width % 8 or height != width:
        raise Unsupported  # its images have sides that 8 divides
    import nvdiffrast.torch as dr
    import torch

    verts, faces = as_torch(inputs.verts), as_torch(inputs.faces).int()
    # Clip space: +x is right there, and depth runs from -1 to 1 between two planes around the mesh.
    depth = verts[:, 2:]
    near, far = 0.9 * depth.min(), 1.1 * depth.max()
    clip_z = ((far + near) * depth - 2 * far * near) / (far - near)
    clip = torch.cat([-verts[:, :1] * depth, verts[:, 1:2] * depth, clip_z, depth], dim=1).contiguous()
    first = as_torch(inputs.mesh_first_face).int().cpu()
    ranges = torch.stack([first[:-1], first.diff()], dim=1)
    context = dr.RasterizeCudaContext(device=verts.device)

    def call() -> Any:
        return dr.rasterize(context, clip, faces, inputs.image_size, ranges=ranges, grad_db=False)[0]

    def result(out: Any) -> Fragments:  # rows from the bottom; u, v, z / w, face id + 1
        u, v, ratio, ids = out.flip(1).unsqueeze(-1).unbind(3)
        z = 2 * far * near / (far + near - ratio * (far - near))
        empty = ids == 0
        bary = torch.stack([u, v, 1 - u - v], dim=-1)
        return Fragments(
            ids.long() - 1, z.masked_fill(empty, -1), bary.masked_fill(empty[..., None], -1), None
        )

    return Prepared(call, result)
