"""The torus against its closed forms and PyTorch3D's order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from r3d_cli.utils import torus


def test_points_lie_on_the_surface() -> None:
    mesh = torus(r=0.25, R=2.0, sides=7, rings=5)
    verts = mesh.verts_packed()
    assert verts.dtype == torch.float32
    assert (len(verts), len(mesh.faces_packed())) == (35, 70)
    from_tube = torch.stack([verts[:, :2].norm(dim=1) - 2.0, verts[:, 2]], dim=1).norm(dim=1)
    torch.testing.assert_close(from_tube, torch.full((35,), 0.25))


def test_closed_and_outward() -> None:
    verts, faces = torus(0.5, 1.5, 40, 60).get_mesh_verts_faces(0)
    walks = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert torch.equal(walks.unique(dim=0), walks.flip(1).unique(dim=0))
    edges = len(walks) // 2
    assert len(verts) - edges + len(faces) == 0  # genus 1
    a, b, c = verts[faces].double().unbind(1)
    volume = float((torch.linalg.cross(a, b) * c).sum() / 6)
    assert volume == pytest.approx(2 * np.pi**2 * 1.5 * 0.5**2, rel=1e-2)


def test_order_is_pytorch3ds(shared_data: Path) -> None:
    recorded = np.load(shared_data / "pytorch3d_cases" / "mesh_losses.npz")
    verts, faces = torus(r=0.3, R=0.7, sides=12, rings=10).get_mesh_verts_faces(0)
    np.testing.assert_array_equal(faces, recorded["faces_1"])
    np.testing.assert_allclose(verts, recorded["verts_1"], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"r": 0}, "r must be above 0, got 0"),
        ({"R": float("nan")}, "R must be above 0, got nan"),
        ({"sides": 2}, "sides must be an integer of at least 3, got 2"),
        ({"rings": 4.0}, "rings must be an integer of at least 3, got 4.0"),
    ],
)
def test_bad_arguments(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"torus: {message}"):
        torus(**({"r": 0.1, "R": 1.0, "sides": 3, "rings": 3} | changes))
