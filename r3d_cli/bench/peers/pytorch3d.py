"""PyTorch3D: rasterizers, on NDC vertices and with cameras, renderers, edges, normals, padding, readers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.bench.arrays import as_torch
from r3d_cli.bench.suite import Prepared, Unsupported

if TYPE_CHECKING:
    from r3d_cli.bench.cases.io import Inputs as Files
    from r3d_cli.bench.cases.io import Soup
    from r3d_cli.bench.cases.mesh_losses import Inputs as Losses
    from r3d_cli.bench.cases.mesh_normals import Inputs as Normals
    from r3d_cli.bench.cases.mesh_rasterizer import Inputs as View
    from r3d_cli.bench.cases.meshes import Inputs as Batch
    from r3d_cli.bench.cases.packed_to_padded import Inputs as Rows
    from r3d_cli.bench.cases.rasterize_meshes import Inputs
    from r3d_cli.bench.cases.render_hard_phong import Inputs as Scene
    from r3d_cli.bench.cases.soft_silhouette import Inputs as Silhouettes
    from r3d_cli.bench.cases.vertex_corners import Inputs as Faces

NAME = "PyTorch3D"
REQUIRES = "pytorch3d"
INSTALL = "pip install --no-build-isolation git+https://github.com/facebookresearch/pytorch3d.git@stable"


def rasterize_meshes(inputs: Inputs) -> Prepared:
    from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
    from pytorch3d.structures import Meshes

    verts, faces = as_torch(inputs.verts), as_torch(inputs.faces)
    first_vert, first_face = inputs.mesh_first_vert.tolist(), inputs.mesh_first_face.tolist()
    meshes = Meshes(
        [verts[a:b] for a, b in itertools.pairwise(first_vert)],
        [
            faces[a:b] - start
            for (a, b), start in zip(itertools.pairwise(first_face), first_vert, strict=False)
        ],
    )
    meshes.verts_packed()  # packs them, which we get as inputs

    def call() -> Any:
        return rasterize_meshes(
            meshes,
            inputs.image_size,
            blur_radius=inputs.blur_radius,
            faces_per_pixel=inputs.faces_per_pixel,
            perspective_correct=True,
        )

    return Prepared(call, lambda outputs: Fragments(*outputs))


def soft_silhouette(inputs: Silhouettes) -> Callable[[], Any]:
    from pytorch3d.renderer.blending import BlendParams, sigmoid_alpha_blend
    from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
    from pytorch3d.renderer.mesh.rasterizer import Fragments as Slots
    from pytorch3d.structures import Meshes

    from r3d_cli.bench.cases.soft_silhouette import with_gradient

    K = inputs.faces_per_pixel
    if K is None:
        raise Unsupported
    views, blend_params = inputs.num_views, BlendParams(sigma=inputs.sigma)
    faces = inputs.faces.reshape(views, -1, 3)
    faces = faces - (len(inputs.verts) // views) * inputs.faces.new_tensor(range(views))[:, None, None]

    def alpha() -> Any:
        slots = rasterize_meshes(
            Meshes(inputs.verts.reshape(views, -1, 3), faces),
            inputs.image_size,
            faces_per_pixel=K,
            blur_radius=inputs.blur_radius,
            perspective_correct=True,
            clip_barycentric_coords=True,
        )
        fragments = Slots(*slots)
        return sigmoid_alpha_blend(fragments.bary_coords, fragments, blend_params)[..., 3]

    return lambda: with_gradient(inputs, alpha)


def mesh_rasterizer(inputs: View) -> Prepared:
    from pytorch3d import renderer, structures

    from r3d_cli.bench.cases.mesh_rasterizer import fragments_of

    return fragments_of(renderer, structures, inputs)


def mesh_edges(inputs: Faces) -> Prepared:
    import torch
    from pytorch3d.structures import Meshes

    faces = as_torch(inputs.faces)
    meshes = Meshes([faces.new_zeros((inputs.num_verts, 3), dtype=torch.float32)], [faces])
    meshes.faces_packed()  # packs them, which we get as inputs

    def call() -> Any:
        meshes._compute_edges_packed(refresh=True)
        return meshes.edges_packed(), meshes.faces_packed_to_edges_packed()

    return Prepared(call)


def mesh_normals(inputs: Normals) -> Callable[[], Any]:
    import torch
    from pytorch3d.structures import Meshes

    verts, faces, grad = map(as_torch, (inputs.verts, inputs.faces, inputs.grad_normals))
    verts = verts.requires_grad_()
    meshes = Meshes([verts], [faces])
    meshes.faces_packed()  # packs them, which we get as inputs

    def call() -> Any:
        meshes._compute_vertex_normals(refresh=True)
        normals = meshes.verts_normals_packed()
        return normals, torch.autograd.grad(normals, verts, grad, retain_graph=True)[0]

    return call


def mesh_losses(inputs: Losses) -> Callable[[], Any]:
    from pytorch3d import loss
    from pytorch3d.structures import Meshes

    from r3d_cli.bench.cases.mesh_losses import with_gradient

    meshes = Meshes(inputs.meshes.verts_list(), inputs.meshes.faces_list())
    meshes.edges_packed()  # what follows from the faces alone is known
    return with_gradient(loss, inputs.loss, meshes, inputs.offsets)


def packed_to_padded(inputs: Rows) -> Callable[[], Any]:
    from pytorch3d.ops import packed_to_padded, padded_to_packed

    packed, first = as_torch(inputs.packed), as_torch(inputs.first_idxs)

    def call() -> Any:
        padded = packed_to_padded(packed, first, inputs.max_size)
        return padded, padded_to_packed(padded, first, len(packed))

    return call


def meshes(inputs: Batch) -> Prepared:
    from pytorch3d.structures import Meshes

    from r3d_cli.bench.cases.meshes import views_of

    return views_of(Meshes, inputs)


def render_hard_phong(inputs: Scene) -> Callable[[], Any]:
    from pytorch3d import renderer, structures

    from r3d_cli.bench.cases.render_hard_phong import rendering

    return rendering(renderer, structures, inputs)


def io(inputs: Files) -> Prepared:
    from pytorch3d.io import load_obj, load_ply

    if inputs.path.suffix == ".obj":
        return Prepared(lambda: load_obj(inputs.path), lambda read: _soup(read[0], read[1].verts_idx))
    if inputs.path.suffix == ".ply":
        return Prepared(lambda: load_ply(inputs.path), lambda read: _soup(*read))
    raise Unsupported


def _soup(verts: Any, faces: Any) -> Soup:
    return np.asarray(verts), np.asarray(faces)
