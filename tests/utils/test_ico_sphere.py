"""The icosahedral sphere: counts, shape, orientation, and PyTorch3D's order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from r3d_cli.utils import ico_sphere


@pytest.mark.parametrize("level", [0, 1, 2, 4])
def test_a_closed_sphere(level: int) -> None:
    sphere = ico_sphere(level)
    verts, faces = sphere.verts_packed(), sphere.faces_packed()
    assert (verts.dtype, faces.dtype) == (torch.float32, torch.int64)
    assert (len(verts), len(faces)) == (10 * 4**level + 2, 20 * 4**level)
    torch.testing.assert_close(verts.norm(dim=1), torch.ones(len(verts)))
    # Each edge is walked once in each direction: closed, and all faces turn the same way.
    walks = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert torch.equal(walks.unique(dim=0), walks.flip(1).unique(dim=0))
    assert len(walks.unique(dim=0)) == len(walks)
    a, b, c = verts[faces].unbind(1)
    outward = (torch.linalg.cross(b - a, c - a) * (a + b + c)).sum(1)
    assert (outward > 0).all()


def test_edges_of_the_icosahedron_are_equal() -> None:
    verts, faces = ico_sphere().get_mesh_verts_faces(0)
    lengths = (verts[faces] - verts[faces.roll(1, dims=1)]).norm(dim=2)
    torch.testing.assert_close(lengths, torch.full_like(lengths, 1.0514622242))


def test_volume_tends_to_the_balls() -> None:
    def volume(level: int) -> float:
        a, b, c = ico_sphere(level).verts_packed()[ico_sphere(level).faces_packed()].double().unbind(1)
        return float((torch.linalg.cross(a, b) * c).sum() / 6)

    misses = [4 / 3 * np.pi - volume(level) for level in range(5)]
    ratios = np.array(misses[:-1]) / misses[1:]
    assert (np.array(misses) > 0).all()
    assert (ratios[1:] > 3.5).all()  # second order


def test_order_is_pytorch3ds(shared_data: Path) -> None:
    recorded = np.load(shared_data / "pytorch3d_cases" / "mesh_losses.npz")
    verts, faces = ico_sphere(2).get_mesh_verts_faces(0)
    np.testing.assert_array_equal(faces, recorded["faces_0"])
    # Its icosahedron has four digits; ours all.
    np.testing.assert_allclose(verts, recorded["verts_0"], atol=1e-4)
    finer = np.load(shared_data / "pytorch3d_cases" / "subdivide.npz")["faces_0"]
    np.testing.assert_array_equal(ico_sphere(3).faces_packed(), finer)


@pytest.mark.parametrize("level", [-1, 11, 1.5, "2", True])
def test_bad_level(level: object) -> None:
    with pytest.raises(ValueError, match="ico_sphere: level must be an integer from 0 to 10, got"):
        ico_sphere(level)  # type: ignore[arg-type]


def test_meshes_are_the_callers_own() -> None:
    ico_sphere(1).verts_packed().zero_()
    assert ico_sphere(1).verts_packed().norm() > 1
