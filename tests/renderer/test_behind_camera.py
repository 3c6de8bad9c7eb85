"""Scenes that go on behind the camera, against rays that are cast at them in double precision."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import r3d_cli.renderer as r3d
from r3d_cli.ops.rasterize_meshes import rasterize_meshes
from r3d_cli.reference.rasterize_meshes import pixel_centers
from r3d_cli.structures import Meshes
from r3d_cli.utils import torus

SIZE = 33
FLOOR = torch.tensor([[-4.0, -1, -5], [4, -1, -5], [4, -1, 10], [-4, -1, 10]], dtype=torch.float64)
BOX_FACES = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
BOX_FACES += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]


def turned(verts: Tensor) -> Tensor:
    """So that no face is parallel to the picture."""
    generator = torch.Generator().manual_seed(2)
    return verts @ torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]


def scene(name: str) -> tuple[Tensor, Tensor]:
    """Vertices in view space, float64, and faces."""
    if name == "floor":
        return FLOOR, torch.tensor([[0, 1, 2], [0, 2, 3]])
    if name == "box":
        corners = torch.tensor([-1.0, 1.0], dtype=torch.float64)
        verts = torch.cartesian_prod(corners, corners, corners)
        return turned(verts) + torch.tensor([0.2, -0.1, 0.3]), torch.tensor(BOX_FACES)
    ring = torus(1.0, 3.0, 12, 24)
    return turned(ring.verts_packed().double() - torch.tensor([3.0, 0.1, 0.2])), ring.faces_packed()


def cameras_of(kind: str, scale: float = 1.0) -> Any:
    """All see x / z and y / z in NDC; znear, of the kind that has one, goes with the scale of the scene."""
    if kind == "fov":
        return r3d.FoVPerspectiveCameras(fov=90.0, znear=1e-3 * scale)
    if kind == "pixels":
        half = SIZE / 2
        return r3d.PerspectiveCameras(half, ((half, half),), in_ndc=False, image_size=((SIZE, SIZE),))
    return r3d.DistortedCameras() if kind == "lens" else r3d.PerspectiveCameras(1.0)


def cast(verts: Tensor, faces: Tensor, nearest: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Depths (P, F) at which the rays of pixels meet faces, inf where they do not; their weights (P, F, 3);
    and how near to an edge they pass (P, F). Möller and Trumbore 1997."""
    xy = pixel_centers((SIZE, SIZE), torch.float64)
    rays = torch.cat([xy, torch.ones_like(xy[:, :1])], 1)[:, None]
    a, b, c = verts[faces].unbind(1)
    u, v = b - a, c - a
    p = torch.linalg.cross(rays, v[None])
    determinant = (p * u).sum(-1)
    w1 = -(p * a).sum(-1) / determinant
    q = torch.linalg.cross(-a, u)
    w2, z = (q * rays).sum(-1) / determinant, (q * v).sum(-1) / determinant
    weights = torch.stack([1 - w1 - w2, w1, w2], -1)
    hit = (weights >= 0).all(-1) & (z > nearest)
    return torch.where(hit, z, torch.inf), weights, weights.abs().amin(-1)


@pytest.mark.parametrize("name", ["floor", "box", "torus"])
@pytest.mark.parametrize("kind", ["ndc", "pixels", "fov", "lens"])
@pytest.mark.parametrize(
    "options", [{}, {"faces_per_pixel": 3}, {"z_clip_value": 0.3}, {"scale": 1e-3}, {"scale": 1e4}]
)
def test_rays_meet_what_is_drawn(name: str, kind: str, options: dict[str, Any]) -> None:
    options = dict(options)
    scale = options.pop("scale", 1.0)
    verts, faces = scene(name)
    verts = verts * scale
    mesh = Meshes([verts.float()], [faces])
    settings = r3d.RasterizationSettings(SIZE, perspective_correct=None, **options)
    got = r3d.MeshRasterizer(cameras_of(kind, scale), settings)(mesh)
    K = settings.faces_per_pixel
    nearest = 5e-4 * scale if kind == "fov" else 0.0
    depths, weights, margin = cast(verts, faces, options.get("z_clip_value", nearest))
    want, ids = depths.sort(1)
    want, ids = want[:, :K], ids[:, :K]
    found, zbuf = (part.reshape(-1, K)[:, : len(faces)] for part in (got.pix_to_face, got.zbuf.double()))
    clear = (margin > 1e-4).all(1)  # rays that pass through an edge may go either way
    assert clear.float().mean() > 0.9
    assert torch.equal((found >= 0)[clear], (want < torch.inf)[clear])
    same = clear[:, None] & (found == ids) & (found >= 0)
    assert same.sum() > 0.98 * (clear[:, None] & (found >= 0)).sum()
    torch.testing.assert_close(zbuf[same], want[same], rtol=1e-4, atol=1e-5 * scale)
    bary = got.bary_coords.reshape(-1, K, 3)[:, : len(faces)].double()
    true = weights.gather(1, ids[..., None].expand(-1, -1, 3))
    torch.testing.assert_close(bary[same], true[same], rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["ndc", "fov"])
def test_affine_attributes_of_cut_faces_are_those_of_view_space(kind: str) -> None:
    """Whole faces stay affine; what is left of a face that is cut has no affine weights."""
    verts, faces = scene("floor")
    settings = r3d.RasterizationSettings(SIZE, perspective_correct=False)
    rasterizer = r3d.MeshRasterizer(cameras_of(kind), settings)
    got = rasterizer(Meshes([verts.float()], [faces]))
    depths = cast(verts, faces)[0].amin(1)
    zbuf, covered = got.zbuf.flatten().double(), got.pix_to_face.flatten() >= 0
    both = covered & (depths < torch.inf)
    assert both.sum() > 0.95 * covered.sum() > 300
    torch.testing.assert_close(zbuf[both], depths[both], rtol=1e-4, atol=0)
    front = torch.tensor([[-1.0, -1, 2], [1, -1, 4], [0, 1, 3]])
    ndc = torch.cat([front[:, :2] / front[:, 2:], front[:, 2:]], 1)
    whole = rasterizer(Meshes([front], [torch.tensor([[0, 1, 2]])]))
    affine = rasterize_meshes(ndc, torch.tensor([[0, 1, 2]]), torch.tensor([0, 1]), (SIZE, SIZE))
    torch.testing.assert_close(whole.zbuf, affine.zbuf, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("perspective", [None, False])
@pytest.mark.parametrize("clip", [None, False])
@pytest.mark.parametrize("name", ["floor", "box"])
def test_blur_around_cut_faces_is_bounded(name: str, clip: bool | None, perspective: bool | None) -> None:
    verts, faces = scene(name)
    cut = (verts[faces][..., 2] <= 0).any(1)
    settings = r3d.RasterizationSettings(
        SIZE, 0.02, 12, perspective_correct=perspective, clip_barycentric_coords=clip
    )
    got = r3d.MeshRasterizer(r3d.PerspectiveCameras(1.0), settings)(Meshes([verts.float()], [faces]))
    shown = (got.pix_to_face >= 0) & cut[got.pix_to_face]
    around = shown & (got.dists > 0)
    assert around.sum() > 20
    assert got.bary_coords[shown].min() >= -1e-5
    assert got.bary_coords[shown].max() <= 1 + 1e-5
    assert (got.zbuf[shown] >= 0).all()
    assert (got.zbuf[shown] <= verts[:, 2].max() + 1e-3).all()


@pytest.mark.parametrize("perspective", [None, False])
@pytest.mark.parametrize("z_clip", [None, 0.5])
def test_gradients_are_those_of_finite_differences(z_clip: float | None, perspective: bool | None) -> None:
    verts, faces = scene("floor")
    settings = r3d.RasterizationSettings(16, 0.01, 3, perspective_correct=perspective, z_clip_value=z_clip)
    cameras = r3d.PerspectiveCameras(1.0)
    generator = torch.Generator().manual_seed(0)

    def loss(verts: Tensor) -> Tensor:
        view = verts[None]
        ndc = torch.cat([view[..., :2] / view[..., 2:], view[..., 2:]], -1)[0]
        resolved = r3d.rasterizer.resolve_settings(settings, cameras)
        f = rasterize_meshes(
            ndc,
            faces,
            torch.tensor([0, 2]),
            (16, 16),
            blur_radius=0.01,
            faces_per_pixel=3,
            perspective_correct=resolved.perspective_correct,
            clip_barycentric_coords=True,
            z_near=resolved.near,
            is_perspective=True,
        )
        weights = torch.tensor([0.3, -1.0, 0.7], dtype=torch.float64)
        parts = f.zbuf * 0.1 + (f.bary_coords * weights).sum(-1) + f.dists
        return torch.where(f.pix_to_face >= 0, parts, 0).sum()

    leaf = verts.clone().requires_grad_()
    gradient = torch.autograd.grad(loss(leaf), leaf)[0]
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0.1
    for _ in range(4):
        direction = torch.randn(verts.shape, generator=generator, dtype=torch.float64)
        difference = (loss(verts + 1e-7 * direction) - loss(verts - 1e-7 * direction)) / 2e-7
        expected = (gradient * direction).sum()
        assert float(expected) == pytest.approx(float(difference), rel=1e-4, abs=1e-4)


def test_fused_pictures_are_those_of_fragments() -> None:
    """Silhouette and Phong, over every face, with gradients that are finite."""
    verts, faces = scene("box")
    cameras, settings = r3d.PerspectiveCameras(1.0), r3d.RasterizationSettings(SIZE, 0.005, 12)
    colors = torch.rand(1, len(verts), 3, generator=torch.Generator().manual_seed(1))
    rasterizer = r3d.MeshRasterizer(cameras, settings)

    class Own(r3d.SoftPhongShader):
        """A subclass is not fused."""

    pictures = []
    for shader in (r3d.SoftPhongShader, Own):
        leaf = verts.float().requires_grad_()
        mesh = Meshes([leaf], [faces], textures=r3d.TexturesVertex(colors))
        picture = r3d.MeshRenderer(rasterizer, shader(cameras=cameras, lights=r3d.AmbientLights()))(mesh)
        picture.square().sum().backward()
        assert leaf.grad.isfinite().all()
        pictures.append(picture.detach())
    assert pictures[0][..., 3].min() > 0.7, "there is no way out of the box"
    assert pictures[0][..., :3].min() >= 0
    assert pictures[0][..., :3].max() <= 1.001
    torch.testing.assert_close(*pictures, rtol=0, atol=2e-4)


def test_the_function_cuts_too() -> None:
    """It clips at no plane unless told, but draws nothing inside out: a floor ends below the horizon."""
    verts, faces = scene("floor")
    ndc = torch.cat([verts[:, :2] / verts[:, 2:], verts[:, 2:]], 1).float()
    got = r3d.rasterize_meshes(Meshes([ndc], [faces]), SIZE, 0.0, 1, perspective_correct=True)
    covered = got.pix_to_face[0, ..., 0] >= 0
    assert not covered[: SIZE // 2].any()
    assert covered[SIZE // 2 + 3 :].float().mean() > 0.9


@pytest.mark.parametrize("kind", ["orthographic", "fov"])
def test_orthographic_cameras_cut_at_their_plane(kind: str) -> None:
    cameras = r3d.OrthographicCameras() if kind == "orthographic" else r3d.FoVOrthographicCameras()
    slope = torch.tensor([[-2.0, -2, -2], [2.0, -2, -2], [2, 2, 2], [-2, 2, 2]])
    mesh = Meshes([slope], [torch.tensor([[0, 1, 2], [0, 2, 3]])])
    got = r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(32, 0.01, 2))(mesh)
    y = pixel_centers((32, 32), torch.float32)[:, 1].reshape(32, 32)
    covered = (got.pix_to_face[0] >= 0).any(-1)
    assert torch.equal(covered, y > -0.1)  # the blur reaches 0.1 beyond the line where z = 0
    below = covered & (y < 0)
    nearest = torch.where(got.pix_to_face < 0, torch.inf, got.dists)[0].amin(-1)
    torch.testing.assert_close(nearest[below], y[below] ** 2, rtol=1e-4, atol=1e-6)


def test_fisheyes_do_not_turn_faces_inside_out() -> None:
    """A wall on the left that goes on behind the camera stays on the left."""
    wall = torch.tensor([[1.0, -1, 3], [1.0, 1, 3], [1.0, 1, -2], [1.0, -1, -2]])
    mesh = Meshes([wall], [torch.tensor([[0, 1, 2], [0, 2, 3]])])
    got = r3d.MeshRasterizer(r3d.FishEyeCameras(0.5), r3d.RasterizationSettings(32))(mesh)
    covered = got.pix_to_face[0, ..., 0] >= 0
    assert covered[:, :16].sum() > 50
    assert not covered[:, 16:].any()


@pytest.mark.parametrize("name", ["box", "torus"])
@pytest.mark.parametrize("kind", ["ndc", "fov"])
def test_culling_tells_the_sides_of_cut_faces(name: str, kind: str) -> None:
    """By the side of the plane that the camera is on, whatever the corners behind it project to."""
    verts, faces = scene(name)
    a, b, c = verts[faces].unbind(1)
    outside = (torch.linalg.cross(b - a, c - a) * a).sum(-1) < 0  # the camera sees their fronts
    settings = r3d.RasterizationSettings(SIZE, cull_backfaces=True)
    for turn in (False, True):
        order = faces.flip(1) if turn else faces
        got = r3d.MeshRasterizer(cameras_of(kind), settings)(Meshes([verts.float()], [order])).pix_to_face
        fronts = faces[outside != turn]
        depths, _, margin = cast(verts, fronts, 5e-4 if kind == "fov" else 0.0)
        clear = (margin > 1e-4).all(1) & (cast(verts, faces)[2] > 1e-4).all(1)
        want = (depths < torch.inf).any(1)
        assert torch.equal((got.flatten() >= 0)[clear], want[clear])
    assert clear.float().mean() > 0.9


@pytest.mark.parametrize("name", ["floor", "box", "torus"])
def test_layers_of_cut_faces_are_peeled_as_they_are_sorted(name: str) -> None:
    verts, faces = scene(name)
    colors = torch.rand(1, len(verts), 3, generator=torch.Generator().manual_seed(0))
    leaf = verts.float().requires_grad_()
    mesh = Meshes([leaf], [faces], r3d.TexturesVertex(colors))
    cameras = cameras_of("ndc")
    shader = r3d.TransparentShader(cameras=cameras, lights=r3d.AmbientLights(), opacity=0.5)
    pictures = []
    for K in (1, 2, 8):
        rasterizer = r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(SIZE, faces_per_pixel=K))
        pictures.append(r3d.DepthPeelingRenderer(rasterizer, shader, threshold=0.0)(mesh))
    for picture in pictures[1:]:
        torch.testing.assert_close(picture, pictures[0], rtol=1e-4, atol=1e-5)
    assert pictures[0].amin() >= 0
    assert pictures[0].amax() <= 1 + 1e-5
    layers = (cast(verts, faces)[0] < torch.inf).sum(1)
    clear = (cast(verts, faces)[2] > 1e-4).all(1)
    alpha = pictures[0][..., 3].flatten().double()
    torch.testing.assert_close(alpha[clear], 1 - 0.5 ** layers[clear].double(), rtol=0, atol=1e-5)
    pictures[0].sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("name", ["floor", "box", "torus"])
def test_antialiasing_stays_between_the_colours_of_cut_faces(name: str) -> None:
    verts, faces = scene(name)
    leaf = verts.float().requires_grad_()
    colors = torch.rand(1, len(verts), 3, generator=torch.Generator().manual_seed(0))
    mesh = Meshes([leaf], [faces], r3d.TexturesVertex(colors))
    cameras = cameras_of("ndc")
    hard = r3d.HardPhongShader(cameras=cameras, lights=r3d.AmbientLights())
    rasterizer = r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(SIZE))
    plain = r3d.MeshRenderer(rasterizer, hard)(mesh)
    smooth = r3d.MeshRenderer(rasterizer, r3d.AntialiasedShader(hard))(mesh)
    assert smooth.amin() >= 0
    assert smooth.amax() <= 1 + 1e-5
    changed = (smooth - plain).abs().amax(-1) > 1e-4
    assert changed.float().mean() < 0.5
    smooth.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()
