"""A camera inside a box: faces that cross the near plane are cut, and shaded as if finely divided."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from r3d_cli import renderer as r3d
from r3d_cli.structures import Meshes


def box(subdivisions: int) -> tuple[Tensor, Tensor]:
    """The cube [-1, 1]^3, seen from inside, each side a grid of quads of its own. (V, 3), (F, 3)"""
    n = subdivisions + 1
    ends = torch.linspace(-1, 1, n, dtype=torch.float64)
    u, v = torch.meshgrid(ends, ends, indexing="ij")
    index = torch.arange(n * n).reshape(n, n)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    side = torch.cat([torch.stack(corners, -1).reshape(-1, 3) for corners in ((a, b, c), (a, c, d))])
    verts, faces = [], []
    for axis in range(3):
        for end in (-1.0, 1.0):
            planes = [u, v]
            planes.insert(axis, torch.full_like(u, end))
            verts.append(torch.stack(planes, -1).reshape(-1, 3))
            inward = (end > 0) == (axis == 1)
            faces.append(n * n * len(faces) + (side if inward else side.flip(1)))
    return torch.cat(verts), torch.cat(faces)


def test_boxes_are_seen_from_inside() -> None:
    verts, faces = box(2)
    normals = Meshes([verts], [faces]).faces_normals_packed()
    assert ((normals * verts[faces].mean(1)).sum(1) < -0.9).all()


@pytest.mark.parametrize("shader_type", [r3d.HardPhongShader, r3d.SplatterPhongShader])
def test_pictures_and_gradients_are_those_of_a_finely_divided_box(shader_type: type) -> None:
    R = r3d.look_at_rotation(torch.tensor([[0.2, -0.1, 0.3]]), at=((0.9, 0.7, -0.8),)).double()
    settings = r3d.RasterizationSettings((30, 40), 0.0, 2 if shader_type is r3d.SplatterPhongShader else 1)
    pictures, gradients = [], []
    for subdivisions in (1, 24):
        verts, faces = box(subdivisions)
        leaves = [
            torch.tensor([[0.05, -0.1, 0.2]]).double(),
            torch.tensor([[0.3, 0.2, -0.1]]).double(),
            verts,
        ]
        T, location, verts = (leaf.requires_grad_() for leaf in leaves)
        cameras = r3d.FoVPerspectiveCameras(R=R, T=T, znear=0.02, fov=100.0)
        view = cameras.get_world_to_view_transform().transform_points(verts.detach())
        assert (view[..., 2] < 0).any(), "some of the box must be behind the camera"
        shader = shader_type(cameras=cameras, lights=r3d.PointLights(location=location))
        meshes = Meshes([verts], [faces], r3d.TexturesVertex([verts.detach() * 0.4 + 0.5]))
        picture = r3d.MeshRenderer(r3d.MeshRasterizer(cameras, settings), shader)(meshes)
        assert (picture[..., 3] > 1 - 1e-9).all(), "there is no way out of the box"
        weights = torch.linspace(0, 7, picture.numel()).reshape(picture.shape).sin()
        found = torch.autograd.grad((picture * weights).sum(), (T, location, verts))
        assert all(grad.isfinite().all() for grad in found)
        pictures.append(picture.detach())
        gradients.append(found[:2])
    torch.testing.assert_close(pictures[0], pictures[1], rtol=1e-9, atol=1e-9)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6 * float(one.abs().max()))
