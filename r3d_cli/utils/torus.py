"""A torus of revolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from r3d_cli.structures import Meshes


def torus(r: float, R: float, sides: int, rings: int, device: torch.device | str | None = None) -> Meshes:
    """A torus around the z axis, centred at the origin.

    Vertex ``i * sides + j`` stands at the angle 2 pi i / rings around the axis and 2 pi j / sides around the
    tube. Faces are anticlockwise from outside. The order of vertices and faces is PyTorch3D's.

    Args:
        r: Radius of the tube.
        R: Distance from the torus' centre to the tube's.
        sides: Vertices around the tube, at least 3.
        rings: Circles around the axis, at least 3.
        device: Where the mesh goes, the CPU by default.

    Returns:
        A batch of one mesh of ``sides * rings`` vertices (float32) and twice as many faces.

    Raises:
        ValueError: A radius is not above 0, or there are fewer than 3 sides or rings.

    Example:
        >>> mesh = torus(r=0.3, R=0.7, sides=12, rings=10)
        >>> mesh.verts_packed().shape, mesh.faces_packed().shape
        (torch.Size([120, 3]), torch.Size([240, 3]))
    """
    from r3d_cli.structures import Meshes

    for name, radius in (("r", r), ("R", R)):
        if not isinstance(radius, int | float | np.number) or not radius > 0:
            raise ValueError(f"torus: {name} must be above 0, got {radius}")
    for name, count in (("sides", sides), ("rings", rings)):
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 3:
            raise ValueError(f"torus: {name} must be an integer of at least 3, got {count!r}")

    around_axis = (2 * np.pi / rings * np.arange(rings))[:, None]
    around_tube = (2 * np.pi / sides * np.arange(sides))[None, :]
    from_axis = R + r * np.cos(around_tube)
    verts = np.stack(
        np.broadcast_arrays(
            from_axis * np.cos(around_axis), from_axis * np.sin(around_axis), r * np.sin(around_tube)
        ),
        axis=2,
    )  # (rings, sides, 3)

    # Each vertex closes the square of itself and its predecessors around the tube and around the axis.
    here = np.arange(rings * sides).reshape(rings, sides)
    before = np.roll(here, 1, axis=0)
    corners = np.roll(before, 1, axis=1), np.roll(here, 1, axis=1), here, before
    first, second, third, fourth = corners
    faces = np.stack([first, second, third, third, fourth, first], axis=2)  # (rings, sides, 6)

    place = torch.device("cpu" if device is None else device)
    return Meshes(
        verts=[torch.tensor(verts.reshape(-1, 3), dtype=torch.float32, device=place)],
        faces=[torch.tensor(faces.reshape(-1, 3), dtype=torch.int64, device=place)],
    )
