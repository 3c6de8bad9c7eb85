"""``torch.compile(fullgraph=True)`` around rasterizing, shading and a loss on packed tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from rendered_scenes import leaves_of
from torch import Tensor

from r3d_cli.loss import mesh_edge_loss, mesh_laplacian_smoothing, mesh_normal_consistency
from r3d_cli.ops import interpolate_face_attributes, vertex_corners, vertex_normals
from r3d_cli.ops.rasterize_meshes import rasterize_meshes
from r3d_cli.renderer import (
    BlendParams,
    FoVPerspectiveCameras,
    HardFlatShader,
    HardGouraudShader,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    RasterizationSettings,
    SoftPhongShader,
    SoftSilhouetteShader,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
    diffuse,
    look_at_view_transform,
    softmax_rgb_blend,
    specular,
)
from r3d_cli.structures import Meshes, join_meshes_as_scene
from r3d_cli.utils import ico_sphere

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


# -- meshes that are made inside the graph ---------------------------------------------------------------

SPHERE = ico_sphere(1)
VERTS, FACES = SPHERE.verts_packed(), SPHERE.faces_packed()
R, T = look_at_view_transform(3.0, 10.0, torch.tensor([0.0, 90.0]))
CAMERA, TWO_CAMERAS = FoVPerspectiveCameras(R=R[:1], T=T[:1]), FoVPerspectiveCameras(R=R, T=T)
LIGHTS = PointLights(location=((2.0, 3.0, 3.0),))
MAP = TexturesUV(torch.rand(1, 8, 8, 3), FACES[None], torch.rand(1, 42, 2))
ATLAS = TexturesAtlas(torch.rand(1, 80, 2, 2, 3))


def one(verts: Tensor, textures: Any = None) -> Meshes:
    return Meshes([verts], [FACES], textures)


def colored(verts: Tensor) -> Meshes:
    return one(verts, TexturesVertex([verts.abs()]))


def drawn(meshes: Meshes, shader: Any, **settings: Any) -> Tensor:
    cameras = CAMERA if len(meshes) == 1 else TWO_CAMERAS
    rasterizer = MeshRasterizer(cameras, RasterizationSettings(image_size=16, **settings))
    return MeshRenderer(rasterizer, shader)(meshes)


def written(verts: Tensor) -> Meshes:
    meshes = one(verts)
    meshes._verts_packed = verts * 2
    return meshes


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "packed": lambda v: one(v).verts_packed()[one(v).faces_packed()],
    "padded": lambda v: Meshes(torch.stack([v, v * 2]), torch.stack([FACES, FACES])).verts_normals_packed(),
    "ragged": lambda v: Meshes([v, 2 * v[:12]], [FACES, FACES[:3] % 12]).verts_normals_padded(),
    "faces": lambda v: one(v).faces_normals_packed() * one(v).faces_areas_packed()[:, None],
    "edges": lambda v: v[one(v).edges_packed()],
    "boxes": lambda v: one(v).get_bounding_boxes(),
    "extended": lambda v: one(v).extend(3).verts_normals_padded(),
    "moved": lambda v: SPHERE.offset_verts(v).verts_normals_packed(),
    "scaled": lambda v: one(v).clone().scale_verts(torch.tensor([[1.0, 2.0, 3.0]])).verts_packed(),
    "updated": lambda v: SPHERE.update_padded(v[None]).verts_normals_packed(),
    "chosen": lambda v: Meshes([v, v * 2], [FACES, FACES])[1].verts_packed(),
    "joined": lambda v: join_meshes_as_scene([one(v), one(v * 2)]).verts_packed(),
    "floats": lambda v: Meshes([v], [FACES.float()]).verts_normals_packed(),
    "written": lambda v: written(v).verts_normals_packed(),
}

LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "edge": lambda v: mesh_edge_loss(one(v)),
    "normals": lambda v: mesh_normal_consistency(one(v)),
    **{
        method: lambda v, method=method: mesh_laplacian_smoothing(one(v), method)
        for method in ("uniform", "cot", "cotcurv")
    },
}

PICTURES: dict[str, Callable[[Tensor], Tensor]] = {
    "depths": lambda v: MeshRasterizer(CAMERA, RasterizationSettings(image_size=16))(one(v)).zbuf,
    "silhouette": lambda v: drawn(one(v), SoftSilhouetteShader(), blur_radius=1e-3, faces_per_pixel=8),
    "phong": lambda v: drawn(colored(v), SoftPhongShader(cameras=CAMERA, lights=LIGHTS)),
    "gouraud": lambda v: drawn(colored(v), HardGouraudShader(cameras=CAMERA, lights=LIGHTS)),
    "flat": lambda v: drawn(colored(v), HardFlatShader(cameras=CAMERA, lights=LIGHTS)),
    "two cameras": lambda v: drawn(colored(v).extend(2), HardPhongShader(cameras=TWO_CAMERAS, lights=LIGHTS)),
    "map": lambda v: drawn(one(v, MAP), HardPhongShader(cameras=CAMERA, lights=LIGHTS)),
    "atlas": lambda v: drawn(one(v, ATLAS), HardPhongShader(cameras=CAMERA, lights=LIGHTS)),
}

EVERY = {**VIEWS, **LOSSES, **PICTURES}
SLOW = ("two cameras", "map", "atlas")


def check_compiled(function: Callable[[Tensor], Tensor], backend: str) -> None:
    """Values and gradients, also of other vertices: nothing of the first call stays in the graph."""
    torch._dynamo.reset()
    compiled = torch.compile(function, backend=backend, fullgraph=True)
    for scale in (1.0, 1.3):
        verts = [(VERTS * scale).requires_grad_() for _ in range(2)]
        results = [compiled(verts[0]), function(verts[1])]
        torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)
        weights = torch.arange(results[0].numel()).reshape(results[0].shape).cos()
        grads = [
            torch.autograd.grad((result * weights).sum(), leaf)[0]
            for result, leaf in zip(results, verts, strict=True)
        ]
        assert grads[1].abs().sum() > 0
        torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-4 * float(grads[1].abs().max()))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in EVERY]
)
def test_a_graph_makes_meshes(name: str) -> None:
    check_compiled(EVERY[name], "aot_eager")


@pytest.mark.parametrize("name", ["ragged", "uniform", "phong"])
def test_a_graph_makes_meshes_without_a_compiler(name: str) -> None:
    check_compiled(EVERY[name], "eager")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ragged", "uniform", "silhouette", "phong"])
def test_a_graph_that_makes_meshes_is_compiled_by_inductor(name: str) -> None:
    check_compiled(EVERY[name], "inductor")


def test_graphs_of_meshes_of_several_sizes() -> None:
    torch._dynamo.reset()

    def normals(verts: Tensor, faces: Tensor) -> Tensor:
        return Meshes([verts], [faces]).verts_normals_packed()

    compiled = torch.compile(normals, backend="eager", fullgraph=True)
    for count in (42, 30, 21, 12):
        verts, faces = VERTS[:count], FACES[: count - 2] % count
        torch.testing.assert_close(compiled(verts, faces), normals(verts, faces))


def test_a_graph_sees_what_was_written_into_a_mesh_from_outside() -> None:
    torch._dynamo.reset()
    lists = [VERTS.clone(), VERTS[:12].clone()]
    meshes = Meshes(lists, [FACES, FACES[:3] % 12])

    def views(meshes: Meshes) -> Tensor:
        return torch.cat([meshes.verts_packed(), meshes.verts_normals_packed()], 1)

    compiled = torch.compile(views, backend="aot_eager", fullgraph=True)
    for _ in range(3):
        fresh = Meshes(lists, meshes.faces_list())
        torch.testing.assert_close(compiled(meshes), views(fresh))
        lists[0].mul_(torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(views(meshes), compiled(meshes))


def test_a_graph_may_return_meshes() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(
        lambda v: Meshes([v, v * 2], [FACES, FACES]), backend="aot_eager", fullgraph=True
    )
    made = compiled(VERTS.clone())
    assert torch.equal(made.verts_packed()[42:], VERTS * 2)
    made.verts_list()[0].mul_(3.0)
    want = Meshes(made.verts_list(), made.faces_list())
    assert torch.equal(made.verts_normals_packed(), want.verts_normals_packed())


def test_a_graph_refuses_padded_faces_that_end_early() -> None:
    torch._dynamo.reset()
    padded = torch.cat([FACES, -torch.ones_like(FACES[:1])])[None]
    compiled = torch.compile(
        lambda v: Meshes(v[None], padded).verts_normals_packed(), backend="eager", fullgraph=True
    )
    with pytest.raises(RuntimeError, match="padded faces may not end in rows of -1; give a list"):
        compiled(VERTS)
