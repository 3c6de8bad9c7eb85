"""Open3D: first hits by Embree (RaycastingScene, all threads), and its file readers.

Building the search structure is not timed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.bench.rays import directions, first_hits
from r3d_cli.bench.suite import Prepared

if TYPE_CHECKING:
    from r3d_cli.bench.cases.io import Inputs as Files
    from r3d_cli.bench.cases.io import Soup
    from r3d_cli.bench.cases.rasterize_meshes import Inputs

NAME = "Open3D"
REQUIRES, INSTALL = "open3d", "pip install open3d-cpu"
DEVICES = ("cpu",)


def rasterize_meshes(inputs: Inputs) -> Prepared:
    rays = directions(inputs)
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    tensor = open3d.core.Tensor.from_numpy
    scene.add_triangles(tensor(inputs.view), tensor(inputs.faces.astype(np.uint32)))
    with_origins = tensor(np.concatenate([np.zeros_like(rays), rays], axis=-1))
    scene.cast_rays(with_origins)  # the first builds the search structure
    return Prepared(
        lambda: scene.cast_rays(with_origins),
        lambda hits: first_hits(hits["primitive_ids"].numpy(), hits["t_hit"].numpy(), inputs),
    )


def io(inputs: Files) -> Prepared:
    import open3d

    def result(mesh: Any) -> Soup:
        return np.asarray(mesh.vertices), np.asarray(mesh.triangles)

    return Prepared(lambda: open3d.io.read_triangle_mesh(inputs.path), result)
