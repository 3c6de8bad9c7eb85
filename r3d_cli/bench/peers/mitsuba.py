"""Mitsuba 3 with its LLVM back-end: first hits through Dr.Jit and Embree. Building the scene is not timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.bench.rays import directions, first_hits
from r3d_cli.bench.suite import Prepared

if TYPE_CHECKING:
    from r3d_cli.bench.cases.rasterize_meshes import Inputs

NAME = "Mitsuba"
REQUIRES, INSTALL = "mitsuba", "pip install mitsuba (and LLVM's library: apt install libllvm15)"
DEVICES = ("cpu",)


def rasterize_meshes(inputs: Inputs) -> Prepared:
    rays = directions(inputs).reshape(-1, 3)
    try:
        import drjit
        import mitsuba

        mitsuba.set_variant("llvm_ad_rgb")
        mesh = mitsuba.Mesh("mesh", len(inputs.view), len(inputs.faces))
    except RuntimeError as error:  # Dr.Jit finds no LLVM
        raise ImportError(str(error)) from error
    parameters = mitsuba.traverse(mesh)
    parameters["vertex_positions"] = inputs.view.ravel()
    parameters["faces"] = inputs.faces.astype(np.uint32).ravel()
    parameters.update()
    scene = mitsuba.load_dict({"type": "scene", "mesh": mesh})
    ray = mitsuba.Ray3f(mitsuba.Point3f(0.0), mitsuba.Vector3f(np.ascontiguousarray(rays.T)))

    def call() -> Any:
        hits = scene.ray_intersect_preliminary(ray, coherent=True)
        drjit.eval(hits)
        drjit.sync_thread()
        return hits

    def result(hits: Any) -> Any:
        depth = np.array(hits.t)
        ids = np.where(np.isfinite(depth), np.array(hits.prim_index).astype(np.int64), -1)
        return first_hits(ids, depth, inputs)

    return Prepared(call, result)
