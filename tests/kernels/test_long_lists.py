"""A tile over which thousands of faces lie: blocks share it, and find what one would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from phong_scenes import assert_same_shading, phong_scene
from shapes import assert_same, by_vertex, make_meshes

from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.launch import Kernels
from r3d_cli.backend.rasterize_meshes import RasterSettings, rasterize_meshes
from r3d_cli.backend.soft_silhouette import soft_silhouette_fwd
from r3d_cli.constants import LONG_LIST

#: More than one tile: the others have short lists, or none, and part of the last lies past the picture.
IMAGE = (34, 20)


@pytest.fixture(scope="module")
def crowd() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A far-away mesh of 4,500 faces within the first tile, and forty anywhere."""
    far = make_meshes(4500, size=0.3, dtype=np.float64)[0] * (0.35, 0.35, 1) + (0.2, 0.9, 0)
    verts = np.concatenate([far, make_meshes(40, size=0.4, seed=4)[0]])
    faces = np.arange(len(verts)).reshape(-1, 3)
    return verts, faces, np.array([0, len(faces)])


@contextmanager
def grids(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[list[Any]]:
    """The grids with which kernels of that name are launched."""
    seen: list[Any] = []
    launch = Kernels.launch

    def record(self: Kernels, kernel: str, grid: Any, *arguments: Any, **options: Any) -> None:
        if kernel.startswith(name):
            seen.append(grid)
        launch(self, kernel, grid, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Kernels, "launch", record)
        yield seen


@pytest.mark.parametrize("faces_per_pixel", [3, 40])
def test_rasterize(
    faces_per_pixel: int, crowd: Any, emulation: Emulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(crowd[1]) > LONG_LIST
    options = {"faces_per_pixel": faces_per_pixel, "blur_radius": 1e-4}
    want = rasterize_meshes(*crowd, IMAGE, **options)
    assert (want.pix_to_face[..., -1] >= 0).any()
    with grids(monkeypatch, "rasterize_meshes_fine") as seen:
        got = rasterize_meshes(*crowd, IMAGE, device=emulation, **options)
    assert seen == [(6, 16)]
    assert_same(got, want)
    after = {"after_zbuf": want.zbuf[..., 1].copy(), "after_face": want.pix_to_face[..., 1].copy()}
    after["after_zbuf"][want.pix_to_face[..., 1] < 0] = np.inf
    want = rasterize_meshes(*crowd, IMAGE, **options, **after)
    assert_same(rasterize_meshes(*crowd, IMAGE, device=emulation, **options, **after), want)


@pytest.mark.parametrize("faces_per_pixel", [None, 12])
def test_soft_silhouette(
    faces_per_pixel: int | None, crowd: Any, emulation: Emulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = IMAGE, 1e-3, faces_per_pixel
    settings = RasterSettings(1e-4, perspective_correct=True)
    want = soft_silhouette_fwd(*crowd, *how, settings=settings)
    with grids(monkeypatch, "soft_silhouette_fwd") as seen:
        got = soft_silhouette_fwd(*crowd, *how, settings=settings, in_order=True, device=emulation)
    assert seen == [(6, 16)]
    np.testing.assert_allclose(got.uncovered, want.uncovered, rtol=1e-9, atol=1e-12)
    if faces_per_pixel:
        limited = got.limit_face < 2**31 - 1  # the CPU names the last face also where just K are seen
        assert limited.any()
        np.testing.assert_array_equal(got.limit_face[limited], want.limit_face[limited])


@pytest.mark.parametrize("faces_per_pixel", [None, 5])
def test_soft_phong(faces_per_pixel: int | None, crowd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = RasterSettings(1e-4, perspective_correct=True)
    scene = phong_scene(*crowd, image_size=IMAGE, faces_per_pixel=faces_per_pixel, settings=settings)
    want = scene.run()
    with grids(monkeypatch, "soft_phong_fwd") as seen:
        got = scene.run(Emulation("random"), by_vertex(crowd))
    assert seen == [(6, 16)]
    assert_same_shading(got, want, 1e-8)


def test_short_lists_take_a_block_a_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    with grids(monkeypatch, "rasterize_meshes_fine") as seen:
        rasterize_meshes(*make_meshes(50), IMAGE, faces_per_pixel=2, device=Emulation())
    assert seen == [(6, 1)]
