"""The slow, obvious ``hard_phong``: the first fragment of each pixel, lit, over the background."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from r3d_cli.backend.soft_phong import LIGHTS, PADDINGS, TEXTURES
from r3d_cli.reference.soft_phong import lit


def hard_phong(pixels: Any, texture: Any, look: Any, *, lights: str = "point") -> Tensor:  # (N, H, W, 4)
    """Arguments: see ``ops.hard_phong``."""
    return _shade(pixels, texture, looks_of(look, len(pixels.pix_to_face)), lights)


def shade(pixels: Any, texture: Any, looks: Tensor, kinds: Any) -> Tensor:  # (N, H, W, 4)
    """The same of what the launcher takes, with looks (N, 21)."""
    texture = SimpleNamespace(
        **texture._asdict(),
        kind=TEXTURES[kinds.texture_kind],
        atlas_size=kinds.atlas_size,
        padding_mode=PADDINGS[kinds.padding],
        align_corners=kinds.align_corners,
        bilinear=kinds.bilinear,
    )
    return _shade(pixels, texture, looks, LIGHTS[kinds.light_kind])


def looks_of(look: Any, count: int) -> Tensor:  # (N, 21)
    """What is made of lights, materials, cameras and background of N pictures."""
    black = torch.zeros_like(look.light_ambient)
    diffuse, specular, source = (
        black if part is None else part
        for part in (look.light_diffuse, look.light_specular, look.light_source)
    )
    center = camera_center(look.rotation, look.translation)
    numbers = torch.stack([look.material_shininess, *[torch.zeros_like(look.material_shininess)] * 2], -1)
    rows = [
        look.material_ambient * look.light_ambient,
        look.material_diffuse * diffuse,
        look.material_specular * specular,
        source,
        center,
        numbers,
        look.background,
    ]
    return torch.cat([row.expand(count, -1) for row in rows], -1)


def camera_center(R: Tensor, T: Tensor) -> Tensor:  # (N, 3, 3), (N, 3) -> (N, 3)
    """Where the camera that sees x R + T stands."""
    return -(T[:, :, None] * inverse(R)).sum(1)


def inverse(matrix: Tensor) -> Tensor:  # (N, 3, 3)
    """Of any that has one; a GPU is not waited for."""
    a, b, c = matrix.unbind(1)
    cofactors = torch.stack((b.cross(c, dim=-1), c.cross(a, dim=-1), a.cross(b, dim=-1)), 2)
    return cofactors / (a * cofactors[:, :, 0]).sum(-1)[:, None, None]


def _shade(pixels: Any, texture: Any, looks: Tensor, lights: str) -> Tensor:
    ids, bary = pixels.pix_to_face[..., :1], pixels.bary_coords[..., :1, :]
    covered, faces = ids >= 0, pixels.faces
    if len(faces) == 0:
        background = looks[:, None, None, -3:].expand(*ids.shape[:3], 3)
        return torch.cat([background, torch.zeros_like(background[..., :1])], -1)
    # What stands in empty slots must not reach the gradients.
    bary = torch.where(covered[..., None], bary, 1 / 3)
    surface = SimpleNamespace(positions=pixels.positions, normals=pixels.normals, looks=looks)
    colors = lit(ids.clamp(min=0), bary, faces, surface, texture, lights=lights)
    shown = torch.where(covered, colors[..., 0, :], looks[:, None, None, -3:])
    return torch.cat([shown, covered.to(shown.dtype)], -1)
