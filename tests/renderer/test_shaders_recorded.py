"""Rendered pictures and their gradients, held to what PyTorch3D 0.7.9 answered."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli import renderer as r3d
from r3d_cli.structures import Meshes

CASES = {
    "hard_phong": (r3d.HardPhongShader, 1, 0.0),
    "hard_gouraud": (r3d.HardGouraudShader, 1, 0.0),
    "hard_flat": (r3d.HardFlatShader, 1, 0.0),
    "soft_phong": (r3d.SoftPhongShader, 10, 1e-3),
    "soft_gouraud": (r3d.SoftGouraudShader, 10, 1e-3),
    "soft_silhouette": (r3d.SoftSilhouetteShader, 50, math.log(1 / 1e-4 - 1) * 1e-4),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_recording(shared_data: Path, name: str) -> None:
    recorded = np.load(shared_data / "pytorch3d_cases" / f"shade_{name}.npz")
    data = {key: torch.from_numpy(recorded[key]) for key in recorded.files}
    shader_type, faces_per_pixel, blur_radius = CASES[name]
    verts = [data[f"verts_{n}"].requires_grad_() for n in range(2)]
    cameras = r3d.FoVPerspectiveCameras(R=data["R"], T=data["T"])
    clip = None if name == "soft_silhouette" else True
    settings = r3d.RasterizationSettings(32, blur_radius, faces_per_pixel, clip_barycentric_coords=clip)
    colors: list[Tensor] = []
    if name == "soft_silhouette":
        shader = shader_type()
    else:
        colors = [data[f"colors_{n}"].requires_grad_() for n in range(2)]
        shader = shader_type(
            cameras=cameras,
            lights=r3d.PointLights(location=((1.0, 2.0, 3.0),)),
            materials=r3d.Materials(shininess=32, specular_color=((0.3, 0.4, 0.5),)),
            blend_params=r3d.BlendParams(1e-4, 1e-4, (0.1, 0.2, 0.3)),
        )
    meshes = Meshes(verts, [data["faces_0"], data["faces_1"]], r3d.TexturesVertex(colors) if colors else None)
    rasterizer = r3d.MeshRasterizer(cameras, settings)
    image, fragments = r3d.MeshRendererWithFragments(rasterizer, shader)(meshes)
    torch.testing.assert_close(image, data["image"], rtol=1e-5, atol=1e-5)

    grads = torch.autograd.grad(image, verts + colors, data["cotangent"])
    for n in range(len(colors)):
        torch.testing.assert_close(grads[2 + n], data[f"grad_colors_{n}"], rtol=1e-4, atol=1e-4)
    got, want = torch.cat(grads[:2]), torch.cat([data["grad_verts_0"], data["grad_verts_1"]])
    assert got.isfinite().all()
    regular = vertices_of_no_sliver(rasterizer.transform(meshes), fragments)
    assert regular.float().mean() > 0.95
    if name == "hard_flat":
        # The last coordinate differs: finite differences agree with r3d's gradient of a face's normal, below.
        got, want = got[:, :2], want[:, :2]
    error = (got - want)[regular].abs().max() / want[regular].abs().max()
    assert error < 2e-5, f"differs by {error} of the largest gradient"


def vertices_of_no_sliver(meshes_ndc: Meshes, fragments: r3d.Fragments) -> Tensor:  # (V,) bool
    """There PyTorch3D's (area + 1e-8) and its floors change the gradient; soft shading blows it up to 1e4."""
    faces = meshes_ndc.faces_packed()
    a, b, c = meshes_ndc.verts_packed().detach()[faces][..., :2].unbind(1)
    u, v = b - a, c - a
    sliver = (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).abs() < 1e-4
    seen = fragments.pix_to_face[fragments.pix_to_face >= 0].unique()
    regular = torch.ones(len(meshes_ndc.verts_packed()), dtype=torch.bool)
    regular[faces[seen[sliver[seen]]]] = False
    return regular


@pytest.mark.parametrize("name", ["hard_flat", "hard_phong", "soft_phong"])
def test_gradients_agree_with_finite_differences(name: str) -> None:
    """Of a rendered loss, to vertices, the light's place, the camera's and the colours; float64."""
    generator = torch.Generator().manual_seed(0)
    shader_type, faces_per_pixel, blur_radius = CASES[name]
    faces = torch.tensor([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])
    corners = torch.tensor([[1.0, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], dtype=torch.float64)
    weights = torch.rand((1, 24, 24, 4), generator=generator, dtype=torch.float64)
    R, T = r3d.look_at_view_transform(4.0, 20.0, 30.0)
    leaves = [corners, torch.tensor([[1.0, 2, 3]]), T, torch.rand((4, 3), generator=generator)]
    leaves = [leaf.double().requires_grad_() for leaf in leaves]

    def loss(verts: Tensor, location: Tensor, T: Tensor, colors: Tensor) -> Tensor:
        cameras = r3d.FoVPerspectiveCameras(R=R.double(), T=T)
        settings = r3d.RasterizationSettings(24, blur_radius, faces_per_pixel)
        shader = shader_type(cameras=cameras, lights=r3d.PointLights(location=location))
        meshes = Meshes([verts], [faces], r3d.TexturesVertex([colors]))
        image = r3d.MeshRenderer(r3d.MeshRasterizer(cameras, settings), shader)(meshes)
        return (image * weights).sum()

    grads = torch.autograd.grad(loss(*leaves), leaves)
    step = 1e-6
    for i, grad in enumerate(grads):
        differences = torch.zeros_like(grad)
        for at in range(grad.numel()):
            values = []
            for sign in (1, -1):
                moved = [leaf.detach().clone() for leaf in leaves]
                moved[i].view(-1)[at] += sign * step
                values.append(loss(*moved))
            differences.view(-1)[at] = (values[0] - values[1]) / (2 * step)
        torch.testing.assert_close(grad, differences, rtol=1e-2, atol=1e-4 * float(grad.abs().max()))
