"""Embree 4 through embreex: first hits, one thread. Building its search structure is not timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.bench.rays import directions, first_hits
from r3d_cli.bench.suite import Prepared

if TYPE_CHECKING:
    from r3d_cli.bench.cases.rasterize_meshes import Inputs

NAME = "Embree"
REQUIRES, INSTALL = "embreex", "pip install embreex"
DEVICES = ("cpu",)


def rasterize_meshes(inputs: Inputs) -> Prepared:
    rays = directions(inputs).reshape(-1, 3)
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    scene, origins = EmbreeScene(), np.zeros_like(rays)
    TriangleMesh(scene, inputs.view, inputs.faces.astype(np.int32))

    def call() -> dict[str, Any]:
        return scene.run(origins, rays, output=1)

    call()  # the first builds the search structure
    return Prepared(call, lambda hits: first_hits(hits["primID"], hits["tfar"], inputs))
