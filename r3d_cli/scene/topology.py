"""How the faces of a mesh hang together: edges, holes, shells, genus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.cpu import native
from r3d_cli.backend.mesh_edges import mesh_edges
from r3d_cli.scene.bounds import bounds, finite_rows

#: Positions are told apart to the mesh's size over 2 to this: what float32 holds of them, more or less.
MERGE_BITS = 22


@dataclass(frozen=True)
class Topology:
    """Counts over the faces whose three corners are different vertices.

    Example:
        >>> faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
        >>> shell = topology(faces, 4)
        >>> shell.watertight, shell.euler_characteristic, shell.genus
        (True, 2, 0)
        >>> topology(faces[1:], 4).boundary_edges
        3
    """

    vertices: int  # that a face uses
    edges: int
    boundary_edges: int  # of one face
    nonmanifold_edges: int  # of more than two faces
    misoriented_edges: int  # of two faces that run along it in the same direction: one is inside out
    nonmanifold_vertices: int  # where faces touch that no chain of edges around the vertex joins
    components: int  # joined by vertices
    euler_characteristic: int  # vertices - edges + faces
    watertight: bool  # every edge joins two faces, which run along it in opposite directions
    genus: int | None  # handles, of all components together; None unless watertight


def topology(
    faces: NDArray[np.int64],  # (F, 3)
    num_verts: int,
) -> Topology:
    """The topology of triangles, from their vertex ids alone.

    Faces that name a vertex twice have collapsed and hold nothing together: they are left out. Where a
    watertight mesh touches itself in a vertex, the genus is that of the surface pulled apart there.
    """
    without = collapsed(faces)
    faces = np.ascontiguousarray(faces[~without] if without.any() else faces)
    edges, faces_to_edges = mesh_edges(faces, num_verts)
    users, ascending = np.zeros((2, len(edges)), np.uint8)
    native().edge_uses(faces, faces_to_edges, users, ascending)
    shared = users == 2
    misoriented = int(np.count_nonzero(shared & (ascending != 1)))
    watertight = bool(len(faces) and shared.all() and not misoriented)

    used = np.zeros(num_verts, dtype=bool)
    used[faces.ravel()] = True
    vertices = int(np.count_nonzero(used))
    components = _count(component_of(edges, num_verts), used)
    euler = vertices - len(edges) + len(faces)
    fan_of_corner = _fans(faces, faces_to_edges, shared)
    fans_of_vertex = np.zeros(num_verts, np.uint8)
    fans = native().count_fans(faces, fan_of_corner, fans_of_vertex)
    genus = None
    if watertight:
        shells = components
        if fans > vertices:
            first_corners = np.flatnonzero(fan_of_corner == np.arange(len(fan_of_corner)))
            a, b, c = fan_of_corner.reshape(-1, 3).T
            joined = np.stack([np.concatenate([a, b]), np.concatenate([b, c])], axis=1)
            shells = _count(component_of(joined, len(fan_of_corner)), first_corners)
        genus = shells - (euler + fans - vertices) // 2
    return Topology(
        vertices=vertices,
        edges=len(edges),
        boundary_edges=int(np.count_nonzero(users == 1)),
        nonmanifold_edges=int(np.count_nonzero(users > 2)),
        misoriented_edges=misoriented,
        nonmanifold_vertices=int(np.count_nonzero(fans_of_vertex > 1)),
        components=components,
        euler_characteristic=euler,
        watertight=watertight,
        genus=genus,
    )


def collapsed(
    faces: NDArray[np.int64],  # (F, 3)
) -> NDArray[np.bool_]:  # (F,)
    """Which faces name a vertex twice."""
    a, b, c = faces.T
    return (a == b) | (b == c) | (c == a)


def merge_vertices(
    verts: NDArray[np.floating],  # (V, 3)
) -> NDArray[np.int64]:  # (V,)
    """For each vertex, the first one at its position.

    Formats without shared vertices repeat positions, and exporters do so with rounding errors (an STL file's
    0 and 2.7e-16): positions that round to the same millionths of the mesh's size are one, MERGE_BITS. Those
    that are not finite are none's.

    Example:
        >>> merge_vertices(np.array([[1.0, 0, 0], [2, 0, 0], [1, 1e-16, 0]])).tolist()
        [0, 1, 0]
    """
    finite = finite_rows(verts)
    merged = np.arange(len(verts))
    if not finite.any():
        return merged
    points = verts[finite].astype(np.float64)
    low, high = bounds(points)
    size = (high - low).max()
    with np.errstate(all="ignore"):  # the size may be 0, infinite or next to nothing
        cells = np.rint((points - low) / size * 2.0**MERGE_BITS) if np.isfinite(size) and size else points
    order = np.lexsort(cells.T)  # stable: equal vertices stay in their order
    ordered = cells[order]
    new = np.ones(len(ordered), dtype=bool)
    x, y, z = (ordered[1:] != ordered[:-1]).T
    new[1:] = x | y | z
    ids = np.flatnonzero(finite)[order]
    merged[ids] = ids[new][np.cumsum(new) - 1]
    return merged


def component_of(
    pairs: NDArray[np.int64],  # (P, 2)
    count: int,
) -> NDArray[np.int64]:  # (count,)
    """The least member of the connected component of each of ``count`` nodes that ``pairs`` joins.

    Example:
        >>> component_of(np.array([[4, 3], [3, 1]]), 5).tolist()
        [0, 1, 2, 1, 1]
    """
    roots = np.empty(count, np.int64)
    native().components(np.ascontiguousarray(pairs, np.int64).reshape(-1, 2), roots)
    return roots


def _count(roots: NDArray[np.int64], nodes: NDArray[Any]) -> int:
    """How many components there are among ``nodes``, to which each component's least member belongs."""
    return int(np.count_nonzero((roots == np.arange(len(roots)))[nodes]))


def _fans(
    faces: NDArray[np.int64],  # (F, 3)
    faces_to_edges: NDArray[np.int64],  # (F, 3)
    shared: NDArray[np.bool_],  # (E,) edges of two faces
) -> NDArray[np.int64]:  # (3F,)
    """The first corner of the fan of each corner: the faces around its vertex that edges of two join."""
    fans = np.empty(3 * len(faces), np.int64)
    native().corner_fans(faces, faces_to_edges, np.ascontiguousarray(shared).view(np.uint8), fans)
    return fans
