"""A textured picture under a lamp as one writes it in plain PyTorch: every pixel in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from r3d_cli.bench.cases.render_hard_phong import Inputs

SHININESS = 64  # r3d's and PyTorch3D's defaults, as are the colours
AMBIENT, DIFFUSE, SPECULAR = 0.5, 0.3, 0.2
BACKGROUND = 1.0


def project(verts: Tensor, inputs: Inputs) -> Tensor:  # (V, 3) -> (V, 3)
    """World to NDC x and y, and view depth."""
    import torch

    view = verts @ torch.as_tensor(inputs.R, dtype=verts.dtype) + torch.as_tensor(inputs.T, dtype=verts.dtype)
    return torch.cat([inputs.focal * view[:, :2] / view[:, 2:], view[:, 2:]], 1)


def shade(fragments: Any, verts: Tensor, image: Tensor, inputs: Inputs) -> Tensor:  # (H, W, 4)
    """Phong's model (Phong 1975) at every pixel of fragments with K = 1."""
    import torch
    from torch.nn.functional import grid_sample, normalize

    ids, bary = fragments.pix_to_face[0, ..., 0], fragments.bary_coords[0, ..., 0, :]
    covered, at = ids >= 0, ids.clamp(min=0)
    a, b, c = verts[inputs.faces].unbind(1)
    crosses = torch.linalg.cross(b - a, c - a).repeat_interleave(3, 0)
    normals = normalize(torch.zeros_like(verts).index_add(0, inputs.faces.flatten(), crosses), dim=1)

    def interpolate(values: Tensor, corners: Tensor) -> Tensor:  # (V, D), (F, 3) -> (H, W, D)
        return (bary[..., None] * values[corners[at]]).sum(-2)

    points, normal = interpolate(verts, inputs.faces), normalize(interpolate(normals, inputs.faces), dim=-1)
    uv = interpolate(inputs.verts_uvs.to(verts.dtype), inputs.faces_uvs)
    grid = torch.stack([2 * uv[..., 0] - 1, 1 - 2 * uv[..., 1]], -1)[None]
    planes = image.permute(2, 0, 1)[None]
    texels = grid_sample(planes, grid, padding_mode="border", align_corners=True)[0].permute(1, 2, 0)
    R, T = (torch.as_tensor(x, dtype=verts.dtype) for x in (inputs.R, inputs.T))
    light = normalize(torch.tensor(inputs.lamp, dtype=verts.dtype) - points, dim=-1)
    view = normalize(-T @ R.T - points, dim=-1)
    cosine = (normal * light).sum(-1, keepdim=True)
    along = ((2 * cosine * normal - light) * view).sum(-1, keepdim=True)
    seen = (cosine > 0) & (along > 0)
    shine = torch.where(seen, torch.where(seen, along, 1) ** SHININESS, 0)
    lit = (AMBIENT + DIFFUSE * cosine.clamp(min=0)) * texels + SPECULAR * shine
    color = torch.where(covered[..., None], lit, BACKGROUND)
    return torch.cat([color, covered[..., None].to(color.dtype)], -1)
