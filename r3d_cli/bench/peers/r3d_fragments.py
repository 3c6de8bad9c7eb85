"""r3d's other way: fragments, K a pixel, that PyTorch blends; what a shader of one's own takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from r3d_cli.bench.suite import Unsupported

if TYPE_CHECKING:
    from torch import Tensor

    from r3d_cli.bench.cases.hard_phong import Inputs as Fragments
    from r3d_cli.bench.cases.soft_phong import Inputs as Scene
    from r3d_cli.bench.cases.soft_silhouette import Inputs

NAME = "r3d, fragments"
REQUIRES, INSTALL = "torch", "pip install torch"


def soft_silhouette(inputs: Inputs) -> Callable[[], Any]:
    from r3d_cli.bench.cases.soft_silhouette import with_gradient
    from r3d_cli.ops.rasterize_meshes import rasterize_meshes
    from r3d_cli.renderer.blending import BlendParams, uncovered

    K = inputs.faces_per_pixel
    if K is None:
        raise Unsupported
    blend_params = BlendParams(sigma=inputs.sigma)

    def alpha() -> Tensor:
        fragments = rasterize_meshes(
            inputs.verts,
            inputs.faces,
            inputs.mesh_first_face,
            inputs.image_size,
            faces_per_pixel=K,
            blur_radius=inputs.blur_radius,
            perspective_correct=True,
            clip_barycentric_coords=True,
        )
        return 1 - uncovered(fragments, blend_params)

    return lambda: with_gradient(inputs, alpha)


def soft_phong(inputs: Scene) -> Callable[[], Any]:
    from r3d_cli.bench.cases.soft_phong import with_gradients
    from r3d_cli.ops.rasterize_meshes import rasterize_meshes
    from r3d_cli.reference.soft_phong import shade_fragments

    K, views = inputs.faces_per_pixel, inputs.views
    if K is None:
        raise Unsupported

    def image() -> Tensor:
        fragments = rasterize_meshes(
            views.verts,
            views.faces,
            views.mesh_first_face,
            views.image_size,
            faces_per_pixel=K,
            blur_radius=views.blur_radius,
            perspective_correct=True,
            clip_barycentric_coords=True,
        )
        scene = views.faces, inputs.surface, inputs.texture
        return shade_fragments(fragments, *scene, lights="point", sigma=views.sigma, gamma=inputs.gamma)

    return lambda: with_gradients(inputs, image)


def hard_phong(inputs: Fragments) -> Callable[[], Any]:
    from r3d_cli.bench.cases.hard_phong import with_gradients
    from r3d_cli.reference.hard_phong import hard_phong as step_by_step

    return lambda: with_gradients(inputs, lambda: step_by_step(inputs.pixels, inputs.texture, inputs.look))
