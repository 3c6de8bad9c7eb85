"""Time and memory of the rasterizer and of ``r3d render`` beside their peers, measured in the same run.

    python examples/benchmarks/rasterize_figures.py bunny.obj nefertiti.obj --json figures.json

Peers are measured where they are installed: Embree through Open3D (``pip install open3d``), else through
embreex; f3d under a virtual display (``apt install f3d xvfb``). What is compared runs alternately, A B A B,
and the median is shown with the quartiles; building Embree's acceleration structure is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from r3d_cli.backend.rasterize_meshes import rasterize_meshes
from r3d_cli.scene.camera import Camera, look_at
from r3d_cli.scene.readers import read_mesh

PARTS = ("raster", "large", "render", "help")
LARGE_FACES = 10_000_000
LARGE_SIDE = 1024

Row = dict[str, object]


def load(path: str) -> tuple[np.ndarray, np.ndarray, Camera]:
    """View-space vertices (V, 3) float32, faces (F, 3), camera: the mesh is centred and has unit radius."""
    mesh = read_mesh(path)
    verts = mesh.verts.astype(np.float64) - mesh.verts.mean(0, dtype=np.float64)
    verts /= np.linalg.norm(verts, axis=1).max()
    camera = Camera(*look_at(2.7, 10, 20), fov=60.0)
    return camera.to_view(verts.astype(np.float32)), mesh.faces, camera


def alternate(runs: dict[str, Callable[[], object]], repeats: int, warmup: int = 3) -> dict[str, list[float]]:
    """Seconds of each run, called in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(-warmup, repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if repeat >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def row(what: str, who: str, seconds: list[float], **more: object) -> Row:
    low, median, high = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else seconds * 3
    return {"what": what, "who": who, "ms": 1e3 * median, "quartiles_ms": [1e3 * low, 1e3 * high], **more}


def embree(view: np.ndarray, faces: np.ndarray, side: int, focal: float) -> tuple[str, Callable[[], object]]:
    """A function that finds the first hits of all pixels on all CPUs, and its name."""
    center = (1 - (2 * np.arange(side) + 1) / side) / focal
    direction = (
        np.stack(np.broadcast_arrays(center, center[:, None], 1.0), -1).reshape(-1, 3).astype(np.float32)
    )
    try:
        import open3d
    except (ImportError, OSError):
        return "Embree (embreex)", _embreex(view, faces, direction)
    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(open3d.core.Tensor(view), open3d.core.Tensor(faces.astype(np.uint32)))
    rays = open3d.core.Tensor(np.concatenate((np.zeros_like(direction), direction), 1))
    return "Embree (Open3D)", lambda: scene.cast_rays(rays)


def _embreex(view: np.ndarray, faces: np.ndarray, direction: np.ndarray) -> Callable[[], object]:
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    scene = EmbreeScene()
    TriangleMesh(scene, view, faces.astype(np.int32))
    blocks = np.array_split(direction, 4 * len(os.sched_getaffinity(0)))
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))

    def cast(block: np.ndarray) -> object:
        return scene.run(np.zeros_like(block), block, output=True)

    return lambda: list(pool.map(cast, blocks))


def raster(paths: list[str], repeats: int, sides: list[int]) -> Iterator[Row]:
    """K = 1, from NDC vertices to all four outputs, against Embree's first hits."""
    for path in paths:
        view, faces, camera = load(path)
        ndc, first = camera.to_ndc(view), np.array([0, len(faces)])
        for side in sides:
            peer, cast = embree(view, faces, side, camera.focal)
            ours = partial(rasterize_meshes, ndc, faces, first, (side, side), perspective_correct=True)
            covered = float((ours().pix_to_face >= 0).mean())
            seconds = alternate({"r3d": ours, peer: cast}, repeats)
            what = f"{Path(path).name} {side}²"
            ratio = statistics.median(seconds[peer]) / statistics.median(seconds["r3d"])
            yield row(what, "r3d", seconds["r3d"], ratio=ratio, covered=covered, faces=len(faces))
            yield row(what, peer, seconds[peer])


def subdivide(verts: np.ndarray, faces: np.ndarray, pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """Each face cut into ``pieces``² faces; vertices are shared within a face only."""
    i, j = (
        index.ravel() for index in np.meshgrid(np.arange(pieces + 1), np.arange(pieces + 1), indexing="ij")
    )
    inside = i + j <= pieces
    i, j = i[inside], j[inside]
    weights = (np.stack((pieces - i - j, i, j), 1) / pieces).astype(np.float32)  # (points, 3)
    at = np.full((pieces + 2, pieces + 2), -1)
    at[i, j] = np.arange(len(i))
    up = i + j < pieces
    down = i + j < pieces - 1
    cut = np.concatenate(
        (
            np.stack((at[i, j], at[i + 1, j], at[i, j + 1]), 1)[up],
            np.stack((at[i + 1, j], at[i + 1, j + 1], at[i, j + 1]), 1)[down],
        )
    )
    fine_faces = np.empty((len(faces), len(cut), 3), np.int64)
    np.add(cut, len(i) * np.arange(len(faces))[:, None, None], out=fine_faces)
    return np.matmul(weights, verts[faces]).reshape(-1, 3), fine_faces.reshape(-1, 3)


def large_here(path: str, repeats: int) -> Iterator[Row]:
    view, faces, camera = load(path)
    fine, fine_faces = subdivide(view, faces, max(1, round((LARGE_FACES / len(faces)) ** 0.5)))
    ndc, first = camera.to_ndc(fine), np.array([0, len(fine_faces)])
    del view, fine
    before = peak_mib()
    size = (LARGE_SIDE, LARGE_SIDE)
    run = partial(rasterize_meshes, ndc, fine_faces, first, size, perspective_correct=True)
    seconds = alternate({"r3d": run}, max(3, repeats // 4), warmup=1)["r3d"]
    what = f"{Path(path).name} cut into {len(fine_faces):,} faces, {LARGE_SIDE}²"
    yield row(what, "r3d", seconds, peak_mib=peak_mib(), peak_mib_before=before)


def large(paths: list[str], repeats: int) -> Iterator[Row]:
    """Ten million faces, in a process of its own for the sake of its peak memory."""
    for path in paths:
        command = [
            sys.executable,
            __file__,
            path,
            "--parts",
            "large-here",
            "--repeats",
            str(repeats),
            "--json",
            "-",
        ]
        yield from json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_mib() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


#: Starts a process and waits for it. A process counts the peak memory of whoever started it as its own: this
#: one is small.
STARTER = """
import os, sys, time
start = time.perf_counter()
null = os.open(os.devnull, os.O_WRONLY)
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - start, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def process(command: list[str]) -> tuple[float, float]:
    """Seconds and peak resident MiB of a whole process."""
    starter = [sys.executable, "-I", "-S", "-c", STARTER, *command]
    done = subprocess.run(starter, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode}): {done.stderr.strip()[-300:]}")
    seconds, mib = map(float, done.stdout.split())
    return seconds, mib


def processes(what: str, commands: dict[str, list[str]], repeats: int) -> Iterator[Row]:
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for repeat in range(-1, repeats):
        for name, command in commands.items():
            figures = process(command)
            if repeat >= 0:
                taken[name].append(figures)
    for name, figures in taken.items():
        yield row(what, name, [s for s, _ in figures], peak_mib=max(mib for _, mib in figures))


@contextmanager
def virtual_display() -> Iterator[None]:
    """A running Xvfb, so that its start is not part of what is measured."""
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1024x1024x24"]
    server = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        os.environ["DISPLAY"] = f":{answer.readline().strip()}"
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def r3d_command() -> list[str]:
    script = Path(sys.executable).parent / "r3d"
    return [str(script)] if script.exists() else [sys.executable, "-m", "r3d_cli"]


def render(paths: list[str], repeats: int) -> Iterator[Row]:
    """The whole process, from a mesh file to a PNG of 512² pixels."""
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            commands = {"r3d": [*r3d_command(), "render", path, "-o", f"{folder}/r3d.png", "--size", "512"]}
            what = f"{Path(path).name} to a PNG of 512²"
            if shutil.which("f3d") and shutil.which("Xvfb"):
                commands["f3d"] = ["f3d", path, f"--output={folder}/f3d.png", "--resolution=512,512"]
                with virtual_display():
                    yield from processes(what, commands, repeats)
            else:
                yield from processes(what, commands, repeats)


def show(entry: Row) -> None:
    low, high = entry["quartiles_ms"]  # type: ignore[misc]
    figures = f"{entry['ms']:10.2f} ms  [{low:.2f}, {high:.2f}]"
    notes = [f"{entry['peak_mib']:.0f} MiB"] if "peak_mib" in entry else []
    notes += [f"{entry['ratio']:.2f}x as fast as its peer"] if "ratio" in entry else []
    print(f"{entry['what']:<52} {entry['who']:<18}{figures:<40}", *notes, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("meshes", nargs="+", help="mesh files")
    parser.add_argument("--parts", nargs="+", choices=(*PARTS, "large-here"), default=PARTS)
    parser.add_argument("--sides", nargs="+", type=int, default=[512, 1024], help="image sides, pixels")
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--json", metavar="FILE", help="write the figures there; - for standard output")
    options = parser.parse_args()
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "raster": lambda: raster(options.meshes, options.repeats, options.sides),
        "large": lambda: large(options.meshes[:1], options.repeats),
        "large-here": lambda: large_here(options.meshes[0], options.repeats),
        "render": lambda: render(options.meshes, options.repeats),
        "help": lambda: processes("r3d --help", {"r3d": [*r3d_command(), "--help"]}, options.repeats),
    }
    rows: list[Row] = []
    for part in options.parts:
        for entry in parts[part]():
            rows.append(entry)
            if options.json != "-":
                show(entry)
    if options.json == "-":
        json.dump(rows, sys.stdout, indent=1)
    elif options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
