"""How much work kernels do, and who does it: what no result shows, and what mutants of the headers change."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from shapes import covering_verts

from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.rasterize_meshes import RasterSettings, rasterize_meshes
from r3d_cli.backend.soft_silhouette import soft_silhouette_bwd, soft_silhouette_fwd
from r3d_cli.backend.sources import kernel_source

pytestmark = pytest.mark.slow

SIDE = 128
ONE_FACE = np.array([[0, 1, 2]]), np.array([0, 1])
COUNTERS = 'extern "C" __attribute__((visibility("default"))) int r3d_test_work[256] = {};\n'
#: Mutants of the headers that change no result.
KEEPS_ALL = (
    "if (!p.plain) return false;\n  const double margin = reach(settings), pixel",
    "return false;\n  const double margin = reach(settings), pixel",
)
NEVER_LARGE = "constexpr int kWarpPixels = 4096;", "constexpr int kWarpPixels = 1 << 30;"


def work_of(
    stem: str, counted: str, run: Callable[[Emulation], object], mutant: tuple[str, str] | None = None
) -> dict[str, np.ndarray]:  # (256,) each
    """Launch -> how often each thread of a block comes to the line ``counted`` of the kernels of ``stem``."""
    text = kernel_source(stem)
    for old, new in ((counted, f"++r3d_test_work[threadIdx.x]; {counted}"), *([mutant] if mutant else [])):
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {stem}"
        text = text.replace(old, new)
    device = Emulation(texts={stem: COUNTERS + text})
    kernels = device.kernels(stem, "float32")
    counters = (ctypes.c_int * 256).in_dll(kernels._program._library, "r3d_test_work")  # type: ignore[attr-defined]
    launch, work = kernels.launch, {}

    def count(name: str, *arguments: object, **options: object) -> None:
        ctypes.memset(counters, 0, ctypes.sizeof(counters))
        launch(name, *arguments, **options)  # type: ignore[arg-type]
        work[name] = np.array(counters)

    kernels.launch = count  # type: ignore[method-assign]
    run(device)
    return work


def sliver() -> np.ndarray:
    """From corner to corner of the picture: its box is everything, itself next to nothing."""
    return np.array([[-0.99, -0.98, 1], [0.99, 0.98, 1], [-0.98, -0.99, 1]], np.float32)


def silhouettes(verts: np.ndarray, backward: bool) -> Callable[[Emulation], object]:
    def run(device: Emulation) -> None:
        settings = RasterSettings(1e-6)
        forward = soft_silhouette_fwd(verts, *ONE_FACE, (SIDE, SIDE), 0.1, settings=settings, device=device)
        if backward:
            grad = np.ones_like(forward.uncovered)
            soft_silhouette_bwd(verts, *ONE_FACE, forward, grad, 0.1, settings=settings, device=device)

    return run


@pytest.mark.parametrize(("mutant", "spared"), [(None, True), (KEEPS_ALL, False)])
def test_tiles_off_a_slanted_face_are_spared(mutant: tuple[str, str] | None, spared: bool) -> None:
    run = silhouettes(sliver(), backward=False)
    work = work_of("soft_silhouette", "visit(face);", run, mutant)["soft_silhouette_fwd"].sum()
    assert work > 0
    assert (work < SIDE**2 / 3) == spared


@pytest.mark.parametrize(("mutant", "shared"), [(None, True), (NEVER_LARGE, False)])
def test_a_block_shares_a_large_face(mutant: tuple[str, str] | None, shared: bool) -> None:
    run = silhouettes(covering_verts(1).astype(np.float32), backward=True)
    work = work_of("soft_silhouette", "add(mesh, p, at, &sum);", run, mutant)["soft_silhouette_bwd"]
    assert work.sum() == SIDE**2
    assert (work > 0).all() == shared


@pytest.mark.parametrize(("mutant", "put_aside"), [(None, True), (NEVER_LARGE, False)])
def test_the_zbuffer_puts_large_faces_aside(mutant: tuple[str, str] | None, put_aside: bool) -> None:
    verts = covering_verts(1).astype(np.float32)
    counted = "if (depth_at(px, py, p, settings, &z))\n    atomicMin"

    def run(device: Emulation) -> None:
        rasterize_meshes(verts, *ONE_FACE, (SIDE, SIDE), device=device)

    work = work_of("rasterize_meshes", counted, run, mutant)
    names = "rasterize_meshes_zbuffer", "rasterize_meshes_zbuffer_large"
    first, large = (int(work[name].sum()) for name in names)
    assert first + large == SIDE**2
    assert (first == 0) == put_aside
