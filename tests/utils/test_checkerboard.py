"""The checkerboard: its squares, colours and errors."""

from __future__ import annotations

import pytest
import torch

from r3d_cli.utils import checkerboard


@pytest.mark.parametrize("radius", [1, 3])
def test_squares_alternate(radius: int) -> None:
    board = checkerboard(radius, (1, 0, 0), torch.tensor([0.0, 0.5, 1.0]))
    verts, faces = board.get_mesh_verts_faces(0)
    assert len(faces) == 2 * (2 * radius) ** 2
    assert verts[:, :2].min() == -radius
    assert verts[:, :2].max() == radius
    assert (verts[:, 2] == 0).all()
    corners = verts[faces]
    a, b, c = corners.unbind(1)
    normals = torch.linalg.cross(b - a, c - a)
    assert torch.equal(normals, torch.tensor([0.0, 0, 1]).expand(len(faces), 3))  # twice half a unit square
    lower_left = corners[..., :2].amin(1).long()
    odd = (lower_left.sum(1) % 2).bool()
    colors = board.textures.atlas_packed()
    assert colors.shape == (len(faces), 1, 1, 3)
    expected = torch.where(odd[:, None], torch.tensor([0.0, 0.5, 1]), torch.tensor([1.0, 0, 0]))
    assert torch.equal(colors[:, 0, 0], expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"radius": 0}, "radius must be an integer above 0, got 0"),
        ({"radius": 1.5}, "radius must be an integer above 0, got 1.5"),
        ({"color2": (1, 1)}, r"color2 must have shape \(3,\), got \(2,\)"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"checkerboard: {message}"):
        checkerboard(**arguments)
