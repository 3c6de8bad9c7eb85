"""Shaders of one's own: they get the fragments, that is which faces lie at each pixel, how deep, and where.

    python examples/custom_shader.py [MESH] -o custom_shader.png

Four pictures of a mesh: depth, normals, a drawing with three tones and outlines, and an X-ray that adds up
all surfaces behind each pixel. Each shader is a few lines; gradients flow through them as through any other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from fitting import FOLDER, load_centred, run, save_sheet
from torch import Tensor
from torch.nn.functional import avg_pool2d

from r3d_cli.ops import interpolate_face_attributes
from r3d_cli.renderer import (
    FoVPerspectiveCameras,
    MeshRasterizer,
    MeshRenderer,
    RasterizationSettings,
    look_at_view_transform,
)
from r3d_cli.renderer.shaders import ShaderBase


def normals_at(fragments: Any, meshes: Any, cameras: Any) -> Tensor:  # (N, H, W, K, 3)
    """Unit normals in view space: +X left, +Y up, +Z away from the camera; zeros in empty slots."""
    normals = cameras.get_world_to_view_transform().transform_normals(meshes.verts_normals_padded())
    packed = normals.reshape(-1, 3)[meshes.verts_padded_to_packed_idx()]
    at_corners = packed[meshes.faces_packed()]  # (F, 3, 3)
    at_pixels = interpolate_face_attributes(fragments.pix_to_face, fragments.bary_coords, at_corners)
    return torch.nn.functional.normalize(at_pixels, dim=-1)


class DepthShader(ShaderBase):
    """The nearest surface bright, the farthest dark."""

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:  # (N, H, W)
        depth, hit = fragments.zbuf[..., 0], fragments.pix_to_face[..., 0] >= 0
        near, far = depth[hit].min(), depth[hit].max()
        return torch.where(hit, 1 - 0.8 * (depth - near) / (far - near), 0)


class NormalShader(ShaderBase):
    """Where the surface faces: right red, up green, towards the camera blue."""

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:  # (N, H, W, 3)
        normals = normals_at(fragments, meshes, self._get_cameras(**kwargs))[..., 0, :]
        hit = fragments.pix_to_face[..., :1] >= 0
        return torch.where(hit, 0.5 - 0.5 * normals * normals.new_tensor([1, -1, 1]), 0)


class ToonShader(ShaderBase):
    """Three tones of light from the upper left, and a line where depth is far from its neighbours' mean."""

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:  # (N, H, W, 3)
        normals = normals_at(fragments, meshes, self._get_cameras(**kwargs))[..., 0, :]
        light = (normals * torch.nn.functional.normalize(normals.new_tensor([0.5, 0.7, -0.6]), dim=0)).sum(-1)
        tone = 0.55 + 0.2 * (light > 0.15) + 0.25 * (light > 0.65)
        hit = fragments.pix_to_face[..., 0] >= 0
        depth = torch.where(hit, fragments.zbuf[..., 0], 100)[:, None]
        bend = (avg_pool2d(depth, 3, stride=1, padding=1, count_include_pad=False) - depth)[:, 0]
        line = bend.abs() > 0.01
        paint = tone[..., None] * tone.new_tensor([1.0, 0.72, 0.35])
        return torch.where(line[..., None], 0.1, torch.where(hit[..., None], paint, 1))


class XRayShader(ShaderBase):
    """Every surface behind a pixel lets some light pass, the less the more it is seen edge-on."""

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:  # (N, H, W, 3)
        facing = normals_at(fragments, meshes, self._get_cameras(**kwargs))[..., 2].abs()  # (N, H, W, K)
        absorbed = torch.where(fragments.pix_to_face >= 0, 0.12 / facing.clamp(min=0.15), 0)
        glow = 1 - (1 - absorbed).prod(-1, keepdim=True)
        return glow * glow.new_tensor([0.55, 0.85, 1.0])


SHADERS = {"depth": DepthShader, "normals": NormalShader, "toon": ToonShader, "X-ray": XRayShader}


def main(
    mesh: Annotated[Path, typer.Argument(help="Mesh file.")] = FOLDER / "spot" / "spot.obj",
    output: Annotated[Path, typer.Option("-o", "--output", help="Picture.")] = Path("custom_shader.png"),
    size: Annotated[int, typer.Option(min=8, help="Side of each picture, pixels.")] = 384,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Shaders of one's own: they get the fragments, that is which faces lie at each pixel, and where."""
    meshes = load_centred(mesh, device)
    R, T = look_at_view_transform(dist=2.5, elev=15.0, azim=150.0)
    cameras = FoVPerspectiveCameras(R=R, T=T, device=device)
    rasterizer = MeshRasterizer(cameras, RasterizationSettings(image_size=size, faces_per_pixel=8))
    pictures = []
    for name, shader in SHADERS.items():
        picture = MeshRenderer(rasterizer, shader(device=device, cameras=cameras))(meshes)[0]
        print(f"{name}: {(picture != picture[0, 0]).float().mean():.1%} of the picture is not background")
        pictures.append(picture if picture.dim() == 3 else picture[..., None].expand(-1, -1, 3))
    save_sheet(output, {", ".join(SHADERS): torch.stack(pictures)})


if __name__ == "__main__":
    run(main)
