"""Deform a sphere into a cow and paint it, from 20 pictures of the cow.

    python examples/fit_textured.py [MESH] -o fit_textured.png

The second half of PyTorch3D's tutorial "Fit a mesh via rendering": shape and vertex colours are found
together, from the pictures' colours and their silhouettes. Prints how far both are from the cow's in views
that were not fitted, before and after.
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
    compare,
    load_centred,
    run,
    save_sheet,
    settling,
    until_interrupted,
)

from r3d_cli.loss import mesh_edge_loss, mesh_laplacian_smoothing, mesh_normal_consistency
from r3d_cli.renderer import (
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    RasterizationSettings,
    SoftPhongShader,
    SoftSilhouetteShader,
    TexturesVertex,
)
from r3d_cli.structures import Meshes
from r3d_cli.utils import ico_sphere

VIEWS_AT_ONCE = 2
WEIGHTS = {"rgb": 1.0, "silhouette": 1.0, "edge": 1.0, "normal": 0.01, "laplacian": 1.0}


def main(
    mesh: Annotated[Path, typer.Argument(help="Textured mesh of the target.")] = FOLDER / "spot" / "spot.obj",
    output: Annotated[Path, typer.Option("-o", "--output", help="Picture.")] = Path("fit_textured.png"),
    iterations: Annotated[int, typer.Option(min=1, help="Steps of gradient descent.")] = 1000,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Deform a sphere into a cow and paint it, from 20 pictures of the cow."""
    torch.manual_seed(0)
    target = load_centred(mesh, device, textures=True)
    cameras, between = cameras_around(device), cameras_around(device, between=True)

    lights = PointLights(location=[[0.0, 0.0, -3.0]], device=device)
    shader = SoftPhongShader(device=device, cameras=cameras, lights=lights, blend_params=BLEND)
    sharp = RasterizationSettings(image_size=128)
    soft = RasterizationSettings(
        image_size=128, blur_radius=BLUR, faces_per_pixel=None, perspective_correct=False
    )
    photographer = MeshRenderer(MeshRasterizer(cameras, sharp), shader)
    renderer = MeshRenderer(MeshRasterizer(cameras, soft), shader)
    pictures = photographer(target.extend(len(cameras)))[..., :3]  # (20, 128, 128, 3)
    outliner = MeshRenderer(MeshRasterizer(cameras, soft), SoftSilhouetteShader(BLEND))
    silhouettes = outliner(target.extend(len(cameras)))[..., 3]  # (20, 128, 128)

    def report(when: str, fitted: Meshes) -> None:
        seen, true = (
            photographer(mesh.extend(len(between)), cameras=between)[..., :3] for mesh in (fitted, target)
        )
        error = (seen - true).square().mean().sqrt()
        print(
            f"{when}: colours are off by {error:.4f} (root mean square), {compare(fitted, target)}",
            flush=True,
        )

    sphere = ico_sphere(4, device)
    offsets = torch.zeros_like(sphere.verts_packed(), requires_grad=True)
    colours = torch.full_like(sphere.verts_padded(), 0.5, requires_grad=True)  # (1, V, 3)
    sphere.textures = TexturesVertex(colours.detach().clone())
    report("before", sphere)

    began = time.perf_counter()
    # The tutorial's rate is 1 for both; a colour shows in few pixels, and would need many more iterations.
    groups = [{"params": [offsets]}, {"params": [colours], "lr": 20.0}]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, settling(iterations))
    for iteration in until_interrupted(iterations):
        fitted = sphere.offset_verts(offsets)
        fitted.textures = TexturesVertex(colours)
        views = torch.randperm(len(cameras))[:VIEWS_AT_ONCE]
        seen = renderer(fitted.extend(len(views)), cameras=cameras[views])
        losses = {
            "rgb": (seen[..., :3] - pictures[views]).square().mean(),
            "silhouette": (seen[..., 3] - silhouettes[views]).square().mean(),
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
    fitted.textures = TexturesVertex(colours.detach())
    report("after", fitted)
    print(f"{iteration + 1} iterations of {VIEWS_AT_ONCE} views: {took:.1f} s")
    large = MeshRasterizer(cameras, RasterizationSettings(image_size=256))
    picture = MeshRenderer(large, shader)
    looks = cameras[[2, 6, 11, 18]]
    rows = {"target": target, "before": sphere, "after": fitted}
    save_sheet(output, {name: picture(mesh.extend(4), cameras=looks) for name, mesh in rows.items()})


if __name__ == "__main__":
    run(main)
