"""What the library's layers cost around its kernels: PyTorch operators a call, and calls beside a neighbour.

    python examples/benchmarks/neighbour_figures.py --mesh stanford-bunny.obj --json neighbour.json

The neighbour is a second PyTorch process that runs small operators in a loop, as a second training on the
machine does. The OpenMP threads of both spin where a parallel region of theirs ends; where the two fall into
step, a region waits for a time slice. So each parallel region of a call is one more wait.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from r3d_cli.renderer import (
    FoVPerspectiveCameras,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    RasterizationSettings,
    TexturesVertex,
    look_at_view_transform,
)
from r3d_cli.structures import Meshes
from r3d_cli.utils import ico_sphere

Row = dict[str, Any]

_NEIGHBOUR = """
import torch
x = torch.ones(105_000)
print("ready", flush=True)
while True:
    x = x * 1.0001 - 0.0001
"""


class Counter(TorchDispatchMode):
    """Counts the operators of PyTorch's own that run below it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.namespace == "aten"
        return func(*args, **(kwargs or {}))


def colored(mesh: Meshes) -> Meshes:
    """A mesh with colours of its vertices."""
    mesh.textures = TexturesVertex(torch.full_like(mesh.verts_packed(), 0.7)[None])
    return mesh


def read(path: str | None) -> Meshes:
    """A file's mesh in the unit sphere; without one, a sphere of 20,480 faces."""
    if path is None:
        return colored(ico_sphere(5))
    from r3d_cli.io import load_objs_as_meshes

    mesh = load_objs_as_meshes([path], load_textures=False)
    verts = mesh.verts_packed() - mesh.verts_packed().mean(0)
    return colored(Meshes([verts / verts.norm(dim=1).max()], [mesh.faces_packed()]))


def calls(mesh: Meshes, size: int) -> dict[str, Callable[[], Any]]:
    """A rasterizer and a renderer of a mesh, ready to be called."""
    R, T = look_at_view_transform(2.7, 10, 20)
    cameras = FoVPerspectiveCameras(R=R, T=T)
    rasterizer = MeshRasterizer(cameras, RasterizationSettings(image_size=size))
    renderer = MeshRenderer(rasterizer, HardPhongShader(cameras=cameras))
    return {"MeshRasterizer": lambda: rasterizer(mesh), "MeshRenderer, hard Phong": lambda: renderer(mesh)}


def milliseconds(call: Callable[[], Any], repeats: int) -> list[float]:
    for _ in range(3):
        call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return times


@contextmanager
def neighbour() -> Iterator[None]:
    """A second PyTorch process that is busy, with as many threads as it takes by itself."""
    process = subprocess.Popen([sys.executable, "-c", _NEIGHBOUR], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()


def figures(mesh_path: str | None, size: int, repeats: int) -> list[Row]:
    rows = []
    meshes = [
        ("ico_sphere(1)", colored(ico_sphere(1)), 32),
        (mesh_path or "ico_sphere(5)", read(mesh_path), size),
    ]
    for name, mesh, side in meshes:
        for what, call in calls(mesh, side).items():
            call()
            with torch.no_grad(), Counter() as counter:
                call()
            alone = milliseconds(call, repeats)
            with neighbour():
                beside = milliseconds(call, repeats)
            median = statistics.median(alone)
            rows.append(
                {
                    "what": f"{what}, {name} at {side}²",
                    "aten_operators": counter.count,
                    "ms": median,
                    "ms_beside": statistics.mean(beside),
                    "times": statistics.mean(beside) / statistics.mean(alone),
                    "worst_times": max(beside) / median,
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mesh", metavar="OBJ", help="the large mesh (default: a sphere of 20,480 faces)")
    parser.add_argument("--size", type=int, default=512, help="of its pictures, pixels (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=300, help="calls a figure (default %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    rows = figures(options.mesh, options.size, options.repeats)
    for row in rows:
        print(
            f"{row['what']}: {row['aten_operators']} aten operators, {row['ms']:.2f} ms; beside a neighbour "
            f"{row['ms_beside']:.2f} ms, {row['times']:.1f} times as long, at worst {row['worst_times']:.1f}"
        )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)


if __name__ == "__main__":
    main()
