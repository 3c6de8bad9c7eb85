"""Deform a sphere into a cow, of which 20 silhouettes are known and nothing else.

    python examples/fit_silhouettes.py [MESH] -o fit_silhouettes.png

The first half of PyTorch3D's tutorial "Fit a mesh via rendering", step by step: two views an iteration, and
losses that keep edges short, neighbouring faces aligned and the surface smooth. Prints how well silhouettes
agree in views that were not fitted (intersection over union), and how far the surfaces are from each other,
before and after.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from fitting import (
    BLEND,
    BLUR,
    FOLDER,
    cameras_around,
    cameras_on_all_sides,
    compare,
    load_centred,
    masks,
    run,
    save_sheet,
    settling,
    until_interrupted,
)
from torch import Tensor

from r3d_cli.loss import mesh_edge_loss, mesh_laplacian_smoothing, mesh_normal_consistency
from r3d_cli.renderer import (
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    RasterizationSettings,
    SoftSilhouetteShader,
    TexturesVertex,
)
from r3d_cli.structures import Meshes
from r3d_cli.utils import ico_sphere

VIEWS_AT_ONCE = 2
WEIGHTS = {"silhouette": 1.0, "edge": 1.0, "normal": 0.01, "laplacian": 1.0}


def main(
    mesh: Annotated[Path, typer.Argument(help="Mesh file of the target.")] = FOLDER / "spot" / "spot.obj",
    output: Annotated[Path, typer.Option("-o", "--output", help="Picture.")] = Path("fit_silhouettes.png"),
    iterations: Annotated[int, typer.Option(min=1, help="Steps of gradient descent.")] = 2000,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Deform a sphere into a cow, of which 20 silhouettes are known and nothing else."""
    torch.manual_seed(0)
    target = load_centred(mesh, device)
    cameras = cameras_around(device)
    settings = RasterizationSettings(image_size=128, blur_radius=BLUR, faces_per_pixel=None)
    renderer = MeshRenderer(MeshRasterizer(cameras, settings), SoftSilhouetteShader(BLEND))
    silhouettes = renderer(target.extend(len(cameras)))[..., 3]  # (20, 128, 128)

    sphere = ico_sphere(4, device)
    print("before:", compare(sphere, target), flush=True)
    began = time.perf_counter()
    offsets = torch.zeros_like(sphere.verts_packed(), requires_grad=True)
    optimizer = torch.optim.SGD([offsets], lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, settling(iterations))
    for iteration in until_interrupted(iterations):
        fitted = sphere.offset_verts(offsets)
        views = torch.randperm(len(cameras))[:VIEWS_AT_ONCE]
        seen = renderer(fitted.extend(len(views)), cameras=cameras[views])[..., 3]
        losses = {
            "silhouette": (seen - silhouettes[views]).square().mean(),
            "edge": mesh_edge_loss(fitted),
            "normal": mesh_normal_consistency(fitted),
            "laplacian": mesh_laplacian_smoothing(fitted),
        }
        optimizer.zero_grad()
        sum(WEIGHTS[name] * loss for name, loss in losses.items()).backward()
        optimizer.step()
        schedule.step()
        if iteration % 250 == 0:
            print(f"iteration {iteration:4}: " + ", ".join(f"{name} {x:.5f}" for name, x in losses.items()))
    took = time.perf_counter() - began

    fitted = sphere.offset_verts(offsets.detach())
    print("after:", compare(fitted, target))
    print(f"{iteration + 1} iterations of {VIEWS_AT_ONCE} views: {took:.1f} s")
    looks = cameras_on_all_sides(device)[[0, 1, 2, 5]]
    rows = {"target": target, "before": sphere, "after": fitted}
    sheet = {f"{name}, silhouettes": masks(mesh, looks) for name, mesh in rows.items()}
    sheet |= {f"{name}, shaded": shaded(rows[name], looks) for name in ("target", "after")}
    save_sheet(output, sheet)


def shaded(mesh: Meshes, cameras: object) -> Tensor:  # (N, 256, 256, 4)
    white = mesh.offset_verts(torch.zeros(3, device=mesh.device))
    white.textures = TexturesVertex(torch.ones_like(mesh.verts_padded()))
    lights = PointLights(location=cameras.get_camera_center(), device=mesh.device)
    shader = HardPhongShader(device=mesh.device, cameras=cameras, lights=lights)
    return MeshRenderer(MeshRasterizer(cameras), shader)(white.extend(len(cameras)))


if __name__ == "__main__":
    run(main)
