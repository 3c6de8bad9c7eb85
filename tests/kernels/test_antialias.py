"""The CUDA kernels of antialias, emulated, against the CPU schedule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from shapes import make_meshes, opposites

from r3d_cli.backend.antialias import (
    antialias_bwd_color,
    antialias_bwd_edges,
    antialias_bwd_verts,
    antialias_fwd,
)
from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.rasterize_meshes import rasterize_meshes


@pytest.mark.parametrize(("channels", "slots"), [(1, 1), (4, 3), (0, 1)])
@pytest.mark.parametrize("z_near", [-math.inf, 1.0])
@pytest.mark.parametrize("real", ["float32", "float64"])
def test_equals_the_cpu(real: str, z_near: float, channels: int, slots: int, emulation: Emulation) -> None:
    verts, faces, first = make_meshes(30, 0, 25, size=0.8, dtype=np.dtype(real).type)
    faces[1::3] = faces[::3][: len(faces[1::3]), [2, 1, 0]]  # every second face lies on another one's back
    near = None if math.isinf(z_near) else z_near
    fragments = rasterize_meshes(verts, faces, first, (21, 18), faces_per_pixel=slots, z_near=near)
    rng = np.random.default_rng(1)
    color, grad = rng.random((2, 3, 21, 18, channels)).astype(real)
    given = color, fragments.pix_to_face, fragments.zbuf, verts, faces, opposites(faces)
    want, got = antialias_fwd(*given, z_near=z_near), antialias_fwd(*given, z_near=z_near, device=emulation)
    assert (want.crossings >= 0).sum() > 50
    for x, y in zip(got, want, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    got_color = antialias_bwd_color(grad, want.shares, device=emulation)
    np.testing.assert_allclose(got_color, antialias_bwd_color(grad, want.shares), rtol=1e-5, atol=1e-6)
    tables = color, grad, want.crossings, want.shares, verts, faces
    want_verts = antialias_bwd_verts(*tables)
    got_verts = antialias_bwd_verts(*tables, device=emulation)
    np.testing.assert_allclose(got_verts, want_verts, rtol=1e-4, atol=1e-4)
    ends, grad_ends = antialias_bwd_edges(*tables, device=emulation)
    summed = np.zeros_like(verts)
    np.add.at(summed, ends.ravel(), grad_ends.reshape(-1, 3))
    np.testing.assert_allclose(summed, want_verts, rtol=1e-4, atol=1e-4)


def test_what_names_nothing_stays_as_it_is(emulation: Emulation) -> None:
    """A GPU would have to be waited for: faces past the end, vertices past the end, corners past the end."""
    verts, faces, first = make_meshes(6, size=1.0)
    fragments = rasterize_meshes(verts, faces, first, (16, 16))
    table = opposites(faces)
    color = np.random.default_rng(0).random((1, 16, 16, 2)).astype(np.float32)
    for change in ("pix_to_face", "faces", "opposites"):
        ids, bad_faces, bad_table = fragments.pix_to_face.copy(), faces.copy(), table.copy()
        if change == "pix_to_face":
            ids[ids >= 0] = 6
        elif change == "faces":
            bad_faces[:] = len(verts)
        else:
            bad_table[:] = 3 * len(faces)
        given = color, ids, fragments.zbuf, verts, bad_faces, bad_table
        got = antialias_fwd(*given, device=emulation)
        assert (got.crossings == -1).all()
        np.testing.assert_array_equal(got.image, color)
