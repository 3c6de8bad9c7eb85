"""Find where a camera stood from one silhouette of a teapot.

    python examples/fit_camera.py [MESH] -o fit_camera.png

PyTorch3D's tutorial "Camera position optimization": the position is the parameter, the camera looks at the
origin, and gradients reach it through rotation, projection and rasterizer. Stops when the summed squared
difference of the silhouettes falls below 200. Prints how far the camera is from where it stood, before and
after. The silhouette to be met is as soft as the renderer's own: a binary mask's would differ from it by more
than 200 from the very place.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from fitting import BLEND, BLUR, FOLDER, run, save_sheet, until_interrupted
from torch import Tensor

from r3d_cli.io import IO
from r3d_cli.renderer import (
    FoVPerspectiveCameras,
    MeshRasterizer,
    MeshRenderer,
    RasterizationSettings,
    SoftSilhouetteShader,
    camera_position_from_spherical_angles,
    look_at_rotation,
)

ENOUGH = 200  # pixels, the summed squared difference


def main(
    mesh: Annotated[Path, typer.Argument(help="Mesh file.")] = FOLDER / "teapot" / "teapot.obj",
    output: Annotated[Path, typer.Option("-o", "--output", help="Picture.")] = Path("fit_camera.png"),
    iterations: Annotated[int, typer.Option(min=1, help="At most so many steps of Adam.")] = 200,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Find where a camera stood from one silhouette of a teapot."""
    teapot = IO().load_mesh(mesh, include_textures=False, device=device)
    teapot.scale_verts_(1.2 / float(teapot.verts_packed().abs().max()))  # 3 away, it fits the picture

    settings = RasterizationSettings(image_size=256, blur_radius=BLUR, faces_per_pixel=None)
    rasterizer = MeshRasterizer(FoVPerspectiveCameras(device=device), settings)
    renderer = MeshRenderer(rasterizer, SoftSilhouetteShader(BLEND))

    def silhouette_from(position: Tensor) -> Tensor:  # (256, 256)
        R = look_at_rotation(position[None], device=device)
        T = -torch.bmm(R.transpose(1, 2), position[None, :, None])[:, :, 0]
        return renderer(teapot, R=R, T=T)[0, ..., 3]

    truth = camera_position_from_spherical_angles(3.0, 50.0, 0.0, device=device)[0]
    target = silhouette_from(truth)

    position = torch.tensor([3.0, 6.9, 2.5], device=device, requires_grad=True)
    optimizer = torch.optim.Adam([position], lr=0.05)
    began, seen = time.perf_counter(), []
    for _ in until_interrupted(iterations):
        silhouette = silhouette_from(position)
        loss = (silhouette - target).square().sum()
        if not seen:
            report("before", loss, position, truth)
        seen.append(silhouette.detach())
        if loss < ENOUGH:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        seen.append(silhouette_from(position))
    report("after", (seen[-1] - target).square().sum(), position, truth)
    print(f"{len(seen) - 1} iterations: {time.perf_counter() - began:.1f} s")

    steps = [round(i * (len(seen) - 1) / 4) for i in range(5)]
    overlays = [torch.stack([target, seen[step], torch.zeros_like(target)], -1) for step in steps]
    title = f"target red, seen green, both yellow; iterations {', '.join(map(str, steps))}"
    save_sheet(output, {title: torch.stack(overlays)})


def report(when: str, loss: Tensor, position: Tensor, truth: Tensor) -> None:
    away = float((position.detach() - truth).norm())
    print(
        f"{when}: silhouettes differ by {loss:.0f}, the camera is {away:.3f} from where it stood", flush=True
    )


if __name__ == "__main__":
    run(main)
