"""Kernels that start, and copies to the host, of each op: a wait that nobody asked for is caught here.

The launches of an op depend on its input; these are small ones, as the exercises have them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from phong_scenes import phong_scene
from shapes import by_vertex, make_meshes

from r3d_cli.backend import arrays as backend_arrays
from r3d_cli.backend.antialias import (
    antialias_bwd_color,
    antialias_bwd_edges,
    antialias_bwd_verts,
    antialias_fwd,
)
from r3d_cli.backend.counts import COUNTS
from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.mesh_edges import mesh_edges
from r3d_cli.backend.rasterize_meshes import RasterSettings, rasterize_meshes, rasterize_meshes_bwd
from r3d_cli.backend.soft_silhouette import soft_silhouette_bwd, soft_silhouette_fwd
from r3d_cli.backend.vertex_corners import vertex_corners

MESHES = make_meshes(30, 20)
SIZE = (20, 24)
SETTINGS = RasterSettings(1e-3, True)
Count = tuple[int, int]  # kernels started, copies to the host


def counted(call: Callable[[], Any]) -> Count:
    before = COUNTS.launches, COUNTS.copies
    call()
    return COUNTS.launches - before[0], COUNTS.copies - before[1]


def ops(device: Emulation) -> dict[str, tuple[Callable[[], Any], Count]]:
    on = {"device": device}
    seen = rasterize_meshes(*MESHES, SIZE, faces_per_pixel=2)
    fragments = seen.pix_to_face, *seen[1:]
    soft = soft_silhouette_fwd(*MESHES, SIZE, 1e-2, settings=SETTINGS)
    color = np.random.default_rng(0).random((2, *SIZE, 3)).astype(np.float32)
    opposites = np.arange(150, dtype=np.int32).reshape(-1, 3)
    smooth = antialias_fwd(color, seen.pix_to_face, seen.zbuf, *MESHES[:2], opposites)
    tables = smooth.crossings, smooth.shares, *MESHES[:2]
    phong = phong_scene(*MESHES, image_size=SIZE, settings=SETTINGS)
    corners = by_vertex(MESHES)
    return {
        "rasterize, a z-buffer": (lambda: rasterize_meshes(*MESHES, SIZE, **on), (3, 1)),
        # Boxes; count, two sums, scan, bands, fill; fine.
        "rasterize": (lambda: rasterize_meshes(*MESHES, SIZE, faces_per_pixel=2, **on), (8, 1)),
        "rasterize, many bands": (
            lambda: rasterize_meshes(*MESHES, SIZE, faces_per_pixel=2, workspace_budget=0, **on),
            (22, 1),
        ),
        "rasterize, backward": (lambda: rasterize_meshes_bwd(*MESHES, *fragments, **on), (1, 0)),
        "rasterize, backward in order": (
            lambda: rasterize_meshes_bwd(*MESHES, *fragments, corners=corners, **on),
            (2, 0),
        ),
        "soft silhouette": (
            lambda: soft_silhouette_fwd(*MESHES, SIZE, 1e-2, settings=SETTINGS, **on),
            (8, 1),
        ),
        "soft silhouette, in order": (
            lambda: soft_silhouette_fwd(*MESHES, SIZE, 1e-2, settings=SETTINGS, in_order=True, **on),
            (9, 1),
        ),
        "soft silhouette, backward": (
            lambda: soft_silhouette_bwd(*MESHES, soft, soft.uncovered, 1e-2, settings=SETTINGS, **on),
            (1, 0),
        ),
        "soft phong and its backward": (lambda: phong.run(device), (12, 1)),
        "antialias": (
            lambda: antialias_fwd(color, seen.pix_to_face, seen.zbuf, *MESHES[:2], opposites, **on),
            (2, 0),
        ),
        "antialias, of colours": (lambda: antialias_bwd_color(color, smooth.shares, **on), (1, 0)),
        "antialias, of vertices": (lambda: antialias_bwd_verts(color, color, *tables, **on), (1, 0)),
        "antialias, of edges": (lambda: antialias_bwd_edges(color, color, *tables, **on), (1, 0)),
        "vertex corners": (lambda: vertex_corners(MESHES[1], 150, **on), (5, 1)),
        "mesh edges": (lambda: mesh_edges(MESHES[1], 150, **on), (9, 1)),
    }


def test_launches_and_copies() -> None:
    table = ops(Emulation())
    assert {name: counted(call) for name, (call, _) in table.items()} == {
        name: count for name, (_, count) in table.items()
    }


class OnADevice(np.ndarray):
    """An array that the host cannot read, as a GPU's would be read only by waiting for it."""

    def __getitem__(self, key: Any) -> Any:
        got = super().__getitem__(key)
        assert isinstance(got, np.ndarray), "reads device memory"
        return got

    def _refuses(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("reads device memory without Arrays.numpy")

    item = tolist = tobytes = min = max = any = all = sum = _refuses
    __int__ = __float__ = __bool__ = __index__ = __iter__ = __array_ufunc__ = _refuses


def test_nothing_reads_a_device_but_the_copies_that_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the launchers allocate refuses to be read in any other way."""

    class Guarded(backend_arrays.NumpyArrays):
        def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
            return super().empty(shape, dtype).view(OnADevice)

        def full(self, shape: tuple[int, ...], value: int, dtype: str) -> Any:
            return super().full(shape, value, dtype).view(OnADevice)

        def numpy(self, array: Any) -> Any:
            return super().numpy(array).view(np.ndarray)

    table = ops(Emulation())
    monkeypatch.setattr(backend_arrays, "NumpyArrays", Guarded)
    for name, (call, count) in table.items():
        assert counted(call) == count, name


def test_a_copy_more_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutations: any launcher that reads what its first kernel wrote."""
    from r3d_cli.backend.launch import Kernels

    launch = Kernels.launch

    def waits(self: Kernels, *arguments: Any, **options: Any) -> None:
        launch(self, *arguments, **options)
        backend_arrays.NumpyArrays().numpy(np.zeros(1))

    table = ops(Emulation())
    monkeypatch.setattr(Kernels, "launch", waits)
    for name, (call, count) in table.items():
        assert counted(call) != count, name
    guarded = np.zeros(3).view(OnADevice)
    for read in (
        lambda: guarded[0],
        lambda: guarded.tolist(),
        lambda: int(guarded.sum()),
        lambda: guarded + 1,
    ):
        with pytest.raises(AssertionError, match="reads device memory"):
            read()
