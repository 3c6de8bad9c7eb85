"""Scenes that the tests of whole renderings share: what is differentiated by name, and the picture of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from r3d_cli import renderer as r3d
from r3d_cli.structures import Meshes

#: Every shader, with the blur that suits it, and slots for all faces that it reaches: of faces as far away as
#: the last slot's, the lower ids stay, so that their order would show.
SHADERS: dict[str, tuple[Any, int, float]] = {
    "hard-phong": (r3d.HardPhongShader, 1, 0.0),
    "hard-gouraud": (r3d.HardGouraudShader, 1, 0.0),
    "hard-flat": (r3d.HardFlatShader, 1, 0.0),
    "soft-phong": (r3d.SoftPhongShader, 50, 1e-3),
    "soft-gouraud": (r3d.SoftGouraudShader, 50, 1e-3),
    "soft-silhouette": (r3d.SoftSilhouetteShader, 50, math.log(1 / 1e-3 - 1) * 1e-3),
    "splatter-phong": (r3d.SplatterPhongShader, 2, 0.0),
}

Leaves = dict[str, Tensor]


def wobbly_sphere(level: int = 1, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Vertices and faces of a sphere, each vertex pushed by a little of its own."""
    from r3d_cli.utils import ico_sphere

    sphere = ico_sphere(level)
    generator = torch.Generator().manual_seed(seed)
    verts = sphere.verts_packed().to(dtype)
    return verts + 0.1 * torch.randn(verts.shape, generator=generator, dtype=dtype), sphere.faces_packed()


def leaves_of(
    levels: Sequence[int] = (1,), dtype: torch.dtype = torch.float64, seed: int = 0
) -> tuple[Leaves, list[Tensor]]:
    """What a picture of spheres depends on, and their faces."""
    generator = torch.Generator().manual_seed(seed)
    meshes = [wobbly_sphere(level, seed + n, dtype) for n, level in enumerate(levels)]
    count = len(meshes)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=dtype)

    azimuths = torch.linspace(30.0, 150.0, count)
    _, T = r3d.look_at_view_transform(3.0, 20.0, azimuths)
    leaves = {f"verts{n}": verts for n, (verts, _) in enumerate(meshes)}
    leaves |= {f"colors{n}": uniform(len(verts), 3) for n, (verts, _) in enumerate(meshes)}
    leaves |= {
        "camera": T.to(dtype) + 0.01 * uniform(count, 3),
        "light": torch.tensor([[1.0, 2.0, 3.0]], dtype=dtype) + 0.1 * uniform(count, 3),
        "light_color": 0.3 + 0.2 * uniform(count, 3),
        "material_color": 0.5 + 0.5 * uniform(count, 3),
        "shininess": 8 + 4 * uniform(count),
    }
    return leaves, [faces for _, faces in meshes]


def draw(
    shader: str,
    leaves: Leaves,
    faces: Sequence[Tensor],
    *,
    side: int = 24,
    textures: Any = None,
    mesh_ids: Sequence[int] | None = None,
) -> Tensor:
    """The pictures (N, side, side, 4) of the meshes ``mesh_ids``, all by default."""
    chosen = list(range(len(faces)) if mesh_ids is None else mesh_ids)
    kind, faces_per_pixel, blur_radius = SHADERS[shader]
    verts, colors = ([leaves[f"{name}{n}"] for n in chosen] for name in ("verts", "colors"))
    R, _ = r3d.look_at_view_transform(3.0, 20.0, torch.linspace(30.0, 150.0, len(faces)))
    cameras = r3d.FoVPerspectiveCameras(R=R[chosen].to(verts[0].dtype), T=leaves["camera"][chosen])
    if kind is r3d.SoftSilhouetteShader:
        made = kind(r3d.BlendParams(sigma=1e-3))
    else:
        made = kind(
            cameras=cameras,
            lights=r3d.PointLights(
                location=leaves["light"][chosen], diffuse_color=leaves["light_color"][chosen]
            ),
            materials=r3d.Materials(
                specular_color=leaves["material_color"][chosen], shininess=leaves["shininess"][chosen]
            ),
            blend_params=r3d.BlendParams(
                0.5 if kind is r3d.SplatterPhongShader else 1e-3, 1e-2, (0.1, 0.2, 0.3)
            ),
        )
    textures = r3d.TexturesVertex(colors) if textures is None else textures
    meshes = Meshes(verts, [faces[n] for n in chosen], textures)
    settings = r3d.RasterizationSettings(side, blur_radius, faces_per_pixel)
    return r3d.MeshRenderer(r3d.MeshRasterizer(cameras, settings), made)(meshes)


def weights_of(picture: Tensor) -> Tensor:
    """Of a loss: random, the same for each picture of a batch."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(picture.shape[1:], generator=generator, dtype=torch.float64).to(picture)


def gradients(loss: Tensor, leaves: Leaves) -> Leaves:
    """By name; zeros where the loss does not depend on a leaf."""
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return {
        name: torch.zeros_like(leaf) if grad is None else grad
        for (name, leaf), grad in zip(leaves.items(), found, strict=True)
    }


def required(leaves: Leaves) -> Leaves:
    """Leaves that gradients are asked for."""
    return {name: leaf.detach().clone().requires_grad_() for name, leaf in leaves.items()}
