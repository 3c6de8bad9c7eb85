"""The picture of scans against the first hits of a ray tracer that shares nothing with this rasterizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from r3d_cli.backend.rasterize_meshes import rasterize_meshes
from r3d_cli.scene.camera import Camera, look_at
from r3d_cli.scene.readers import read_mesh

MESHES = ("stanford-bunny.obj", "nefertiti.obj", "spot/spot.obj", "teapot.obj")


def view_space(verts: np.ndarray, camera: Camera) -> np.ndarray:  # (V, 3) -> (V, 3) float32
    """Centred on the mean of the vertices and scaled to unit radius, as the camera sees them."""
    centred = verts.astype(np.float64) - verts.mean(0, dtype=np.float64)
    return camera.to_view((centred / np.linalg.norm(centred, axis=1).max()).astype(np.float32))


def first_hits(view: np.ndarray, faces: np.ndarray, side: int, focal: float) -> tuple[np.ndarray, np.ndarray]:
    """Face ids (H, W), -1 for none, and view depths (H, W), along the rays through pixel centres."""
    mesh_construction = pytest.importorskip("embreex.mesh_construction")
    rtcore_scene = pytest.importorskip("embreex.rtcore_scene")
    scene = rtcore_scene.EmbreeScene(robust=True)
    mesh_construction.TriangleMesh(scene, view.astype(np.float32), faces.astype(np.int32))
    center = (1 - (2 * np.arange(side) + 1) / side) / focal
    # A unit of the rays' parameter is a unit of depth.
    rays = np.stack(np.broadcast_arrays(center, center[:, None], 1.0), -1).reshape(-1, 3).astype(np.float32)
    hits = scene.run(np.zeros_like(rays), rays, output=True)
    return hits["primID"].reshape(side, side), hits["tfar"].reshape(side, side)


@pytest.mark.parametrize("side", [512, 2048])
@pytest.mark.parametrize("name", MESHES)
def test_equals_first_hits(shared_data: Path, name: str, side: int) -> None:
    mesh = read_mesh(shared_data / name)
    R, T = look_at(2.7, 10, 20)
    camera = Camera(R, T, fov=60.0)
    view = view_space(mesh.verts, camera)
    fragments = rasterize_meshes(
        camera.to_ndc(view),
        mesh.faces,
        np.array([0, len(mesh.faces)]),
        (side, side),
        perspective_correct=True,
    )
    ours, depth = fragments.pix_to_face[0, ..., 0], fragments.zbuf[0, ..., 0]
    theirs, their_depth = first_hits(view, mesh.faces, side, camera.focal)
    both, either = (ours >= 0) & (theirs >= 0), (ours >= 0) | (theirs >= 0)
    same, iou = (ours == theirs)[both].mean(), both.sum() / either.sum()
    error = np.abs(depth / their_depth - 1)[both]
    print(f"{name} {side}: ids {same:.5%}, IoU {iou:.6f}, depth {np.percentile(error, 99.9):.2e}")
    assert either.mean() > 0.05, "the mesh fills some of the picture"
    assert iou >= 0.9999
    assert np.percentile(error, 99.9) <= 1e-5
    assert same >= 0.9995
