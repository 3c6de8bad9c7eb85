"""The gradient of a rendered loss against central differences in float64, for each thing it depends on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from rendered_scenes import Leaves, draw, gradients, leaves_of, required, weights_of, wobbly_sphere

from r3d_cli import renderer as r3d
from r3d_cli.structures import Meshes

STEP = 1e-6
#: Shaders whose pictures are smooth in all of these, but for samples that go from face to face.
SMOOTH = ["hard-phong", "hard-gouraud", "hard-flat", "soft-phong", "soft-gouraud", "soft-silhouette"]
LIT = ["camera", "light", "light_color", "material_color", "shininess", "verts0", "colors0"]


def assert_agrees(loss: Any, leaves: Leaves, name: str) -> None:
    """Along four directions of a leaf, the derivative is that of central differences."""
    grad = gradients(loss(leaves), leaves)[name]
    assert grad.abs().max() > 0, f"the loss does not depend on {name}"
    generator = torch.Generator().manual_seed(7)
    for _ in range(4):
        direction = torch.randn(grad.shape, generator=generator, dtype=grad.dtype)
        direction = direction / direction.norm()
        with torch.no_grad():
            ends = [loss({**leaves, name: leaves[name] + sign * STEP * direction}) for sign in (1, -1)]
        difference = float(ends[0] - ends[1]) / (2 * STEP)
        derivative = float((grad * direction).sum())
        assert derivative == pytest.approx(difference, rel=1e-3, abs=1e-4 * float(grad.norm())), name


@pytest.mark.parametrize("shader", SMOOTH)
@pytest.mark.parametrize("name", LIT)
def test_of_lit_pictures(shader: str, name: str) -> None:
    if shader == "soft-silhouette" and name not in ("verts0", "camera"):
        pytest.skip("silhouettes know neither light nor colour")
    values, faces = leaves_of()

    def loss(leaves: Leaves) -> torch.Tensor:
        picture = draw(shader, leaves, faces)
        return (picture * weights_of(picture)).sum()

    assert_agrees(loss, required(values), name)


@pytest.mark.parametrize("shader", ["hard-phong", "soft-phong"])
@pytest.mark.parametrize("name", ["maps", "uvs", "verts0"])
def test_of_textured_pictures(shader: str, name: str) -> None:
    """A texel per few pixels, so that bilinear lookup is smooth along the step nearly everywhere."""
    values, faces = leaves_of()
    generator = torch.Generator().manual_seed(3)
    verts, _ = wobbly_sphere()
    values["maps"] = torch.rand((1, 6, 7, 3), generator=generator, dtype=torch.float64)
    values["uvs"] = 0.1 + 0.8 * torch.rand((1, len(verts), 2), generator=generator, dtype=torch.float64)

    def loss(leaves: Leaves) -> torch.Tensor:
        textures = r3d.TexturesUV(leaves["maps"], faces[0][None], leaves["uvs"])
        picture = draw(shader, leaves, faces, textures=textures)
        return (picture * weights_of(picture)).sum()

    leaves = required(values)
    assert_agrees(loss, leaves, name)


def test_of_depth_and_barycentric_coordinates_in_a_shader_of_ones_own() -> None:
    """What a user makes of fragments has gradients too, near plane and perspective included."""
    values, faces = leaves_of()
    R, _ = r3d.look_at_view_transform(3.0, 20.0, 30.0)

    def loss(leaves: Leaves) -> torch.Tensor:
        # So near that the plane at 2.6 cuts the sphere.
        cameras = r3d.FoVPerspectiveCameras(R=R.double(), T=leaves["camera"])
        settings = r3d.RasterizationSettings(24, 1e-3, 4, z_clip_value=2.6)
        fragments = r3d.MeshRasterizer(cameras, settings)(Meshes([leaves["verts0"]], [faces[0]]))
        assert (fragments.zbuf[fragments.pix_to_face >= 0] < 2.7).any()
        covered = fragments.pix_to_face >= 0
        shaded = fragments.zbuf + (fragments.bary_coords.square() * weights_of(fragments.bary_coords)).sum(-1)
        return torch.where(covered, shaded * torch.exp(-fragments.dists.clamp(min=0) / 1e-3), 0).sum()

    for name in ("verts0", "camera"):
        assert_agrees(loss, required(values), name)
