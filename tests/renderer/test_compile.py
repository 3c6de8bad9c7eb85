"""``torch.compile(fullgraph=True)`` around rasterizing, shading and a loss on packed tensors."""

from __future__ import annotations

import pytest
import torch
from rendered_scenes import leaves_of
from torch import Tensor

from r3d_cli.ops import interpolate_face_attributes, vertex_corners, vertex_normals
from r3d_cli.ops.rasterize_meshes import rasterize_meshes
from r3d_cli.renderer import BlendParams, FoVPerspectiveCameras, diffuse, softmax_rgb_blend, specular
from r3d_cli.structures import Meshes

SIDE = 24


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_rendered_loss_compiles_whole(backend: str) -> None:
    leaves, faces_list = leaves_of((1, 2), torch.float32)
    meshes = Meshes([leaves["verts0"], leaves["verts1"]], faces_list)  # outside the graph
    faces = meshes.faces_packed().contiguous()
    first, mesh_of_vert = meshes.mesh_first_face(), meshes.verts_packed_to_mesh_idx()
    corners = vertex_corners(faces, len(meshes.verts_packed()))
    camera = FoVPerspectiveCameras()
    project = camera.get_projection_transform().get_matrix()[0]

    def loss(verts: Tensor, colors: Tensor, light: Tensor, move: Tensor) -> Tensor:
        view = verts + move[mesh_of_vert]
        clip = torch.cat([view, torch.ones_like(view[:, :1])], 1) @ project
        ndc = torch.cat([clip[:, :2] / clip[:, 3:], view[:, 2:]], 1)
        fragments = rasterize_meshes(
            ndc, faces, first, (SIDE, SIDE), blur_radius=1e-3, faces_per_pixel=5, perspective_correct=True
        )
        of_verts = torch.cat([view, vertex_normals(verts, faces, corners), colors], 1)
        points, normals, texels = interpolate_face_attributes(
            fragments.pix_to_face, fragments.bary_coords, of_verts[faces]
        ).split(3, -1)
        towards = light[:, None, None, None] - points
        white, eye = torch.ones(1, 3), torch.zeros(1, 3)
        shaded = diffuse(normals, white, towards) * texels
        shaded = shaded + specular(points, normals, towards, white, eye, torch.tensor([10.0]))
        image = softmax_rgb_blend(shaded, fragments, BlendParams(1e-3, 1e-2, (0.1, 0.2, 0.3)))
        weights = torch.arange(image.numel()).reshape(image.shape).sin()
        return (image * weights).sum()

    inputs = [
        meshes.verts_packed(),
        torch.cat([leaves["colors0"], leaves["colors1"]]),
        torch.tensor([[1.0, 2.0, -3.0]]),
        torch.tensor([[0.1, 0.0, 3.0], [-0.1, 0.1, 3.5]]),
    ]
    inputs = [value.detach().clone().requires_grad_() for value in inputs]
    want = loss(*inputs)
    want_grads = torch.autograd.grad(want, inputs)
    torch._dynamo.reset()
    compiled = torch.compile(loss, backend=backend, fullgraph=True)
    got = compiled(*inputs)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
    for found, wanted in zip(torch.autograd.grad(got, inputs), want_grads, strict=True):
        scale = float(wanted.abs().max())
        assert scale > 0
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4 * scale)


def test_no_faces_compile_too() -> None:
    ids, bary = torch.full((1, 2, 2, 1), -1), torch.full((1, 2, 2, 1, 3), -1.0)
    compiled = torch.compile(interpolate_face_attributes, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(ids, bary, torch.zeros(0, 3, 5)), torch.zeros(1, 2, 2, 1, 5))
