"""antialias behind cameras and shaders: smooth pictures, gradients of poses, and fits that need no blur."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.ops import antialias as antialias_packed
from r3d_cli.renderer import (
    AntialiasedShader,
    FoVPerspectiveCameras,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    MeshRendererWithFragments,
    RasterizationSettings,
    TexturesVertex,
    antialias,
    look_at_view_transform,
)
from r3d_cli.structures import Meshes, join_meshes_as_batch
from r3d_cli.transforms import axis_angle_to_matrix
from r3d_cli.utils import ico_sphere


def cameras_at(*azimuths: float, **kwargs: Any) -> FoVPerspectiveCameras:
    R, T = look_at_view_transform(2.7, elev=15.0, azim=torch.tensor(azimuths))
    return FoVPerspectiveCameras(R=R, T=T, **kwargs)


def textured(meshes: Meshes) -> Meshes:
    meshes.textures = TexturesVertex(meshes.verts_padded().detach() * 0.3 + 0.5)
    return meshes


def block() -> Meshes:
    """A box that no turn by less than 180 degrees maps onto itself."""
    corners = torch.cartesian_prod(*[torch.tensor([-0.5, 0.5])] * 3) * torch.tensor([1.6, 0.9, 0.5])
    corners[7] += 0.3
    sides = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = torch.tensor([[[a, b, c], [a, c, d]] for a, b, c, d in sides]).reshape(-1, 3)
    return Meshes([corners], [faces])


def rasterizer_of(cameras: Any, size: int = 64) -> MeshRasterizer:
    return MeshRasterizer(cameras, RasterizationSettings(image_size=size))


def covered(meshes: Meshes, rasterizer: MeshRasterizer, **kwargs: Any) -> Tensor:  # (N, H, W)
    """The antialiased silhouette."""
    fragments = rasterizer(meshes, **kwargs)
    hard = (fragments.pix_to_face[..., :1] >= 0).to(fragments.zbuf.dtype)
    settings = rasterizer.raster_settings
    return antialias(hard, fragments, meshes, rasterizer.cameras, settings, **kwargs)[..., 0]


def test_equals_the_op_on_meshes_in_ndc() -> None:
    meshes = join_meshes_as_batch([ico_sphere(2), block()], include_textures=False)
    cameras = cameras_at(20.0, 70.0)
    rasterizer = rasterizer_of(cameras)
    fragments = rasterizer(meshes)
    images = torch.rand(2, 64, 64, 5)
    got = antialias(images, fragments, meshes, cameras)
    ndc = rasterizer.transform(meshes)
    mesh = ndc.verts_packed(), ndc.faces_packed()
    want = antialias_packed(images, fragments.pix_to_face, fragments.zbuf, *mesh, z_near=0.5)
    assert torch.equal(got, want)
    assert torch.equal(antialias(images, fragments, ndc), want)
    assert not torch.equal(got, images)


def test_one_mesh_seen_by_several_cameras() -> None:
    mesh, azimuths = block(), (0.0, 50.0, 130.0)
    together = covered(mesh, rasterizer_of(cameras_at(*azimuths)))
    alone = [covered(mesh, rasterizer_of(cameras_at(azimuth))) for azimuth in azimuths]
    torch.testing.assert_close(together, torch.cat(alone))


def test_behind_a_shader() -> None:
    """The renderer's own picture, blended: inside as it was, its alpha between 0 and 1 at the outline."""
    meshes, cameras = textured(ico_sphere(3)), cameras_at(30.0)
    rasterizer, shader = rasterizer_of(cameras), HardPhongShader(cameras=cameras)
    plain, fragments = MeshRendererWithFragments(rasterizer, shader)(meshes)
    smooth = MeshRenderer(rasterizer, AntialiasedShader(shader))(meshes)
    assert torch.equal(smooth, antialias(plain, fragments, meshes, cameras))
    changed = (smooth != plain).any(-1)
    assert 50 < changed.sum() < 300
    partly = (smooth[..., 3] > 0) & (smooth[..., 3] < 1)
    assert (changed | ~partly).all()
    assert MeshRenderer(rasterizer, AntialiasedShader(shader)).to("cpu")(meshes).shape == plain.shape


def test_cameras_may_be_given_in_a_call() -> None:
    meshes, cameras = textured(block()), cameras_at(40.0)
    want = MeshRenderer(rasterizer_of(cameras), AntialiasedShader(HardPhongShader(cameras=cameras)))(meshes)
    renderer = MeshRenderer(rasterizer_of(None), AntialiasedShader(HardPhongShader()))
    assert torch.equal(renderer(meshes, cameras=cameras), want)
    moved = MeshRenderer(
        rasterizer_of(cameras_at(0.0)), AntialiasedShader(HardPhongShader(cameras=cameras_at(0.0)))
    )
    assert torch.equal(moved(meshes, R=cameras.R, T=cameras.T), want)
    fragments = rasterizer_of(cameras)(meshes)
    with pytest.raises(ValueError, match=r"^AntialiasedShader: no cameras"):
        AntialiasedShader(lambda *_: torch.zeros(1, 64, 64, 4))(fragments, meshes)


def test_cut_faces_follow_the_settings() -> None:
    """Where the near plane cuts a face its pixels stay as they are, whoever set the plane."""
    mesh = block()
    cameras = cameras_at(0.0)
    settings = RasterizationSettings(image_size=64, z_clip_value=2.7)
    fragments = MeshRasterizer(cameras, settings)(mesh)
    hard = (fragments.pix_to_face >= 0).float()
    assert 0 < hard.mean() < 1
    blended = [(antialias(hard, fragments, mesh, cameras, given) != hard).sum() for given in (settings, None)]
    assert blended[0] < blended[1]


@pytest.mark.parametrize("what", ["verts", "R", "T", "fov"])
def test_gradients_reach_what_is_moved(what: str) -> None:
    """Against central differences of the covered area, which is smooth where the sum of pixels is."""
    mesh = ico_sphere(4)
    verts = mesh.verts_packed().double()
    R, T = (x.double() for x in look_at_view_transform(2.7, elev=15.0, azim=30.0))
    direction = torch.tensor([0.9, -0.7, 0.0], dtype=torch.float64)

    def area(step: Tensor, size: int = 256) -> Tensor:
        moved = verts * (1 + step) if what == "verts" else verts * torch.tensor([1, 0.6, 0.4]).double()
        turned = axis_angle_to_matrix((step * direction)[None]) @ R if what == "R" else R
        shifted = T + step * torch.tensor([0, 0, 1.0]) if what == "T" else T
        fov = 60.0 + 20 * step if what == "fov" else 60.0
        cameras = FoVPerspectiveCameras(R=turned, T=shifted, fov=fov)
        meshes = Meshes([moved], [mesh.faces_packed()])
        return covered(meshes, rasterizer_of(cameras, size)).mean()

    step = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(area(step), step)
    with torch.no_grad():
        difference = (area(step + 0.02) - area(step - 0.02)) / 0.04
    assert abs(float(difference)) > 0.05
    assert abs(float(slope / difference) - 1) < 0.01


def test_a_pose_is_found_from_silhouettes_alone() -> None:
    """Hard pictures of one face a pixel: without antialias there is no gradient at all."""
    mesh, rasterizer = block(), rasterizer_of(cameras_at(20.0, 110.0))
    turn = torch.tensor([[0.25, -0.35, 0.2]])
    shift = torch.tensor([0.12, -0.09, 0.1])

    def posed(turn: Tensor, shift: Tensor) -> Meshes:
        return Meshes([mesh.verts_packed() @ axis_angle_to_matrix(turn)[0] + shift], [mesh.faces_packed()])

    with torch.no_grad():
        target = covered(posed(turn, shift), rasterizer)
    found = [torch.zeros_like(turn).requires_grad_(), torch.zeros_like(shift).requires_grad_()]
    optimizer = torch.optim.Adam(found, lr=0.02)
    losses = []
    for step in range(120):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1 - step / 120)
        optimizer.zero_grad()
        loss = (covered(posed(*found), rasterizer) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 1e-3 * losses[0]
    torch.testing.assert_close(found[0].detach(), turn, rtol=0, atol=0.01)
    torch.testing.assert_close(found[1].detach(), shift, rtol=0, atol=0.01)


def test_vertices_are_found_from_silhouettes() -> None:
    """A sphere becomes an ellipsoid, vertex by vertex, as seen from four sides."""
    sphere = ico_sphere(2)
    rasterizer = rasterizer_of(cameras_at(0.0, 45.0, 90.0, 135.0))
    with torch.no_grad():
        stretched = Meshes([sphere.verts_packed() * torch.tensor([1.0, 0.6, 0.8])], [sphere.faces_packed()])
        target = covered(stretched, rasterizer)
    offsets = torch.zeros_like(sphere.verts_packed(), requires_grad=True)
    optimizer = torch.optim.Adam([offsets], lr=0.01)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = (covered(sphere.offset_verts(offsets), rasterizer) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.02 * losses[0]
