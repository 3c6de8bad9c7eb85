"""A run of the kernels of mesh_edges."""

from __future__ import annotations

import numpy as np
from machines import Machine
from shapes import fans

from r3d_cli.backend.mesh_edges import mesh_edges


def exercise(on: Machine) -> None:
    """Over vertices of many faces and of few."""
    faces = fans(3, 80, 300)
    count = int(faces.max()) + 3
    for got, want in zip(on(mesh_edges, faces, count), mesh_edges(faces, count), strict=True):
        np.testing.assert_array_equal(got, want)
