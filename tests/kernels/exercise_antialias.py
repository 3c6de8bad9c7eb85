"""A run of the kernels of antialiasing, forward and backward."""

from __future__ import annotations

import numpy as np
from machines import Machine
from shapes import assert_all_close, fans, opposites

from r3d_cli.backend.antialias import (
    antialias_bwd_color,
    antialias_bwd_edges,
    antialias_bwd_verts,
    antialias_fwd,
)
from r3d_cli.backend.rasterize_meshes import rasterize_meshes


def exercise(on: Machine) -> None:
    """Silhouettes of open fans, seen from both sides, over several blocks; edges of three faces."""
    rng = np.random.default_rng(0)
    faces = fans(5, 7, 9)
    verts = rng.uniform((-1, -1, 0.5), (1, 1, 3), (int(faces.max()) + 1, 3))
    faces = np.concatenate([faces, faces[:3, [1, 0, 2]] + [0, 0, 6]])
    fragments = rasterize_meshes(verts, faces, np.array([0, 12, len(faces)]), (17, 23))
    color, grad = rng.random((2, 2, 17, 23, 3))
    mesh = verts, faces
    given = color, fragments.pix_to_face, fragments.zbuf, *mesh, opposites(faces)
    want, got = antialias_fwd(*given), on(antialias_fwd, *given)
    assert (want.crossings >= 0).sum() > 100
    assert_all_close(got, want)
    tables = color, grad, want.crossings, want.shares
    assert_all_close(
        (
            on(antialias_bwd_color, grad, want.shares),
            on(antialias_bwd_verts, *tables, *mesh),
        ),
        (antialias_bwd_color(grad, want.shares), antialias_bwd_verts(*tables, *mesh)),
    )
    ends, grad_ends = on(antialias_bwd_edges, *tables, *mesh)
    summed = np.zeros_like(verts)
    np.add.at(summed, ends.ravel(), grad_ends.reshape(-1, 3))
    assert_all_close([summed], [antialias_bwd_verts(*tables, *mesh)])
