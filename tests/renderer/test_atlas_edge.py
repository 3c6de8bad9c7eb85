"""Blurred pixels beyond the edge between the first two corners of a face with an atlas."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

import r3d_cli.renderer as r3d
from r3d_cli.structures import Meshes

R = 4


def textures(atlas: Tensor) -> Any:
    return r3d.TexturesAtlas(atlas[None, None])


@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("corners", list(itertools.permutations(range(3)))[::2])
def test_the_nearest_texel_is_taken(corners: tuple[int, ...], perspective: bool) -> None:
    """And gets the gradient; rounding took the one beyond the diagonal, from the other end of the edge."""
    verts = torch.tensor([[-0.71, -0.53, 0], [0.83, -0.47, 0], [0.1, 0.9, 0]])
    kind = r3d.FoVPerspectiveCameras if perspective else r3d.FoVOrthographicCameras
    cameras = kind(T=torch.tensor([[0.0, 0.0, 2.0]]))
    y, x = torch.meshgrid(torch.arange(R), torch.arange(R), indexing="ij")
    atlas = torch.stack([x / R, y / R, torch.zeros(R, R)], -1).requires_grad_()
    mesh = Meshes([verts], [torch.tensor([corners])], textures=textures(atlas))
    settings = r3d.RasterizationSettings(256, 0.003)
    rasterizer = r3d.MeshRasterizer(cameras, settings)
    fragments = rasterizer(mesh)
    bary = fragments.bary_coords[0, :, :, 0]
    edge = (fragments.pix_to_face[0, ..., 0] >= 0) & (bary[..., 2] < 1e-7)
    assert edge.sum() > 1000
    color = mesh.sample_textures(fragments)[0, :, :, 0]
    column, row = ((bary[..., i] * R).floor().clamp(0, R - 1).long() for i in (0, 1))
    want = torch.stack([column, row], -1) / R
    assert torch.equal(color[..., :2][edge], want[edge])

    color[edge].sum().backward()
    counts = torch.zeros(R, R).index_put((row[edge], column[edge]), torch.ones(()), accumulate=True)
    torch.testing.assert_close(atlas.grad[..., 0], counts)

    # The fused shader looks up its own texels; light is white, so that its colours are those of the atlas.
    shader = r3d.SoftPhongShader(
        cameras=cameras,
        lights=r3d.AmbientLights(),
        blend_params=r3d.BlendParams(sigma=1e3, gamma=1e-4, background_color=(0.0, 0.0, 0.0)),
    )
    picture = r3d.MeshRenderer(rasterizer, shader)(mesh)[0, ..., :2]
    torch.testing.assert_close(picture[edge], want[edge], rtol=0, atol=1e-3)
