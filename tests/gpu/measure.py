"""Measures r3d's kernels on a GPU beside naive PyTorch, the same compiled, PyTorch3D and nvdiffrast.

Every result is checked against the CPU before it is timed. Times are medians over runs, after a warm-up,
between events on the GPU. ``share`` is that of the copy bandwidth measured in the same run which reading the
inputs and writing the outputs once takes: the bound of any kernel that has them. Every row is saved at once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from r3d_cli.backend.cuda import require_cuda
from r3d_cli.backend.rasterize_meshes import rasterize_meshes

RUNS, WARM_UP = 30, 5
#: Subdivisions of the ico-sphere, image side, faces a pixel, squared blur radius.
CASES = [
    (4, 128, 1, 0.0),
    (4, 512, 1, 0.0),
    (4, 512, 8, 1e-5),
    (6, 512, 1, 0.0),
    (6, 1024, 1, 0.0),
    (6, 1024, 8, 1e-5),
    (8, 1024, 1, 0.0),
    (8, 2048, 1, 0.0),
    (8, 1024, 8, 1e-6),
]
#: Naive PyTorch evaluates every face at every pixel: beyond this many pairs it is left out.
NAIVE_PAIRS = 2**31


def ico_sphere(level: int, radius: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """A sphere in NDC x and y with view depth around 2, of 20 * 4^level faces."""
    import trimesh

    mesh = trimesh.creation.icosphere(subdivisions=level, radius=radius)
    return (mesh.vertices + (0, 0, 2)).astype(np.float32), mesh.faces.astype(np.int64)


def median_ms(cupy: Any, work: Callable[[], Any]) -> float:
    """Milliseconds on the GPU of one call of ``work``; the whole device is synchronised around it."""
    times = []
    for run in range(WARM_UP + RUNS):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        cupy.cuda.runtime.deviceSynchronize()
        start.record(cupy.cuda.Stream.null)
        work()
        end.record(cupy.cuda.Stream.null)
        cupy.cuda.runtime.deviceSynchronize()
        if run >= WARM_UP:
            times.append(cupy.cuda.get_elapsed_time(start, end))
    return statistics.median(times)


def copy_bandwidth(cupy: Any) -> float:
    """Bytes a second, read and written, of a copy from device memory to device memory."""
    source = cupy.zeros(2**28, cupy.float32)
    target = cupy.empty_like(source)
    return 2 * source.nbytes / median_ms(cupy, lambda: cupy.copyto(target, source)) * 1e3


def naive_nearest(torch: Any, verts: Any, faces: Any, size: int, rows: int = 8) -> Callable[[Callable], Any]:
    """The nearest face of each pixel by evaluating all of them, ``rows`` image rows at a time."""
    corners = verts[faces]  # (F, 3, 3)
    xy, z = corners[..., :2], corners[..., 2]
    (x0, y0), (x1, y1), (x2, y2) = (xy[:, corner].unbind(1) for corner in range(3))
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    centers = 1 - (2 * torch.arange(size, device=verts.device) + 1) / size

    def some_rows(y: Any) -> Any:  # (R,) -> (R, W) face ids
        px, py = centers[None, :, None], y[:, None, None]
        w0 = ((x1 - px) * (y2 - py) - (y1 - py) * (x2 - px)) / area
        w1 = ((x2 - px) * (y0 - py) - (y2 - py) * (x0 - px)) / area
        w2 = 1 - w0 - w1
        inside = (w0 >= 0) & (w1 >= 0) & (w2 >= 0)
        depth = torch.where(inside, w0 * z[:, 0] + w1 * z[:, 1] + w2 * z[:, 2], float("inf"))
        nearest, ids = depth.min(dim=2)
        return torch.where(nearest.isfinite(), ids, -1)

    def run(function: Callable) -> Any:
        return torch.cat([function(y) for y in centers.split(rows)])

    run.some_rows = some_rows  # type: ignore[attr-defined]
    return run


def peers(
    verts: np.ndarray, faces: np.ndarray, size: int, k: int, blur: float
) -> Iterator[tuple[str, Callable]]:
    """(name, work) of each other implementation that this machine has and that can do this case."""
    try:
        import torch
    except ImportError:
        return
    if not torch.cuda.is_available():
        return
    v, f = torch.from_numpy(verts).cuda(), torch.from_numpy(faces).cuda()
    if k == 1 and blur == 0 and len(faces) * size * size <= NAIVE_PAIRS:
        naive = naive_nearest(torch, v, f, size)
        some_rows = naive.some_rows  # type: ignore[attr-defined]
        yield "torch naive", lambda: naive(some_rows)
        compiled = torch.compile(some_rows)
        yield "torch naive compiled", lambda: naive(compiled)
    try:
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes as pytorch3d_rasterize
        from pytorch3d.structures import Meshes

        meshes = Meshes([v], [f])
        yield "pytorch3d", lambda: pytorch3d_rasterize(meshes, size, blur_radius=blur, faces_per_pixel=k)
    except ImportError:
        pass
    try:
        import nvdiffrast.torch as nvdiffrast

        if k == 1 and blur == 0:
            context = nvdiffrast.RasterizeCudaContext()
            # Clip space with w = 1 and depth mapped into [-1, 1].
            depth = v[:, 2:] / 2 - 1
            clip = torch.cat([v[:, :2], depth, torch.ones_like(depth)], dim=1)[None]
            triangles = f.int()
            yield "nvdiffrast", lambda: nvdiffrast.rasterize(context, clip, triangles, (size, size))
    except ImportError:
        pass


def door_overhead_us(cupy: Any) -> float:
    """Microseconds on the host from the launch door to a started kernel."""
    from r3d_cli.backend.cuda import CudaDevice

    kernels = CudaDevice.at(0).kernels("scan", "float32")
    values, totals = cupy.zeros(8, np.int64), cupy.zeros(1, np.int64)
    times = []
    for _ in range(50):
        cupy.cuda.runtime.deviceSynchronize()
        start = time.perf_counter()
        for _ in range(100):
            kernels.launch("scan_chunks", 1, values, 8, totals)
        times.append((time.perf_counter() - start) * 1e4)
    return statistics.median(times)


def measure_case(cupy: Any, case: tuple[int, int, int, float], bandwidth: float) -> Iterator[dict[str, Any]]:
    level, size, k, blur = case
    verts, faces = ico_sphere(level)
    first = np.array([0, len(faces)])
    options = {"faces_per_pixel": k, "blur_radius": blur}
    arrays = [cupy.asarray(array) for array in (verts, faces, first)]
    described = {"faces": len(faces), "size": size, "K": k, "blur": blur}

    fragments = rasterize_meshes(*arrays, (size, size), **options)
    expected = rasterize_meshes(verts, faces, first, (size, size), **options)
    differing = float(np.mean(cupy.asnumpy(fragments.pix_to_face) != expected.pix_to_face))
    if differing > 1e-3:
        yield {**described, "name": "r3d", "error": f"{differing:.2%} of the ids differ from the CPU's"}
        return
    moved = sum(array.nbytes for array in (*arrays, *fragments))
    ms = median_ms(cupy, lambda: rasterize_meshes(*arrays, (size, size), **options))
    yield {
        **described,
        "name": "r3d",
        "ms": ms,
        "share": moved / (ms * 1e-3) / bandwidth,
        "differing": differing,
    }
    for name, work in peers(verts, faces, size, k, blur):
        try:
            yield {**described, "name": name, "ms": median_ms(cupy, work)}
        except Exception as error:  # a peer that fails is a row, not the end
            yield {**described, "name": name, "error": " ".join(str(error).split())[:200]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=Path("measurements.json"), help="file for the results")
    target = parser.parse_args().json
    cupy = require_cuda()
    bandwidth = copy_bandwidth(cupy)
    properties = cupy.cuda.runtime.getDeviceProperties(0)
    result: dict[str, Any] = {
        "gpu": properties["name"].decode(),
        "copy_bandwidth_GB_per_s": bandwidth / 1e9,
        "door_to_launch_us": door_overhead_us(cupy),
        "rows": [],
    }
    failed = False
    for case in CASES:
        for row in measure_case(cupy, case, bandwidth):
            print(json.dumps(row), flush=True)
            failed |= row["name"] == "r3d" and "error" in row
            result["rows"].append(row)
            target.write_text(json.dumps(result, indent=2))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
