"""Meshes: its views, what follows from them, and what it does not take."""

from __future__ import annotations

import numpy as np
import torch

from r3d_cli.structures import Meshes


def test_recorded_topology_and_normals(shared_data):
    case = np.load(shared_data / "pytorch3d_cases" / "mesh_losses.npz")
    verts = [torch.from_numpy(case[f"verts_{i}"]) for i in range(2)]
    faces = [torch.from_numpy(case[f"faces_{i}"]) for i in range(2)]
    meshes = Meshes(verts, faces)
    np.testing.assert_array_equal(meshes.edges_packed(), case["edges_packed"])
    np.testing.assert_array_equal(meshes.faces_packed_to_edges_packed(), case["faces_packed_to_edges_packed"])
    np.testing.assert_allclose(meshes.faces_areas_packed(), case["areas"], rtol=1e-5)
    np.testing.assert_allclose(meshes.faces_normals_packed(), case["face_normals"], atol=1e-5)
    np.testing.assert_allclose(meshes.verts_normals_packed(), case["verts_normals"], atol=1e-5)
