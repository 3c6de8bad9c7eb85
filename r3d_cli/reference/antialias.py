"""The slow, obvious ``antialias``: every pair of neighbouring pixels by itself, in Python, face by face.

The kernels are held against this file, so it shares nothing with them but the definition:

* A **pair** is a pixel and the one to its right, or the one below, whose nearest faces differ.
* Its **silhouette** is where the surface of one of both, followed along the line from its pixel centre to the
  other one's, ends, or turns back in the picture. The nearer surface is followed first; the other one where
  the nearer goes on past the other centre. Surfaces that lead to the face at the other centre have none.
* The edge there **counts** where it lies rather across that line than along it, and crosses it at t (0 at the
  first centre, 1 at the second). The first pixel then takes 1/2 - t of the second one's colour, or, above
  1/2, the second takes t - 1/2 of the first one's. A pixel from which several edges would take more than all
  of it shares itself out in their proportion.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import NamedTuple

import torch
from torch import Tensor

from r3d_cli.constants import DEFINES

#: Of a pixel: how far outside the two centres a crossing may lie, by rounding.
SLACK = float(DEFINES["R3D_CROSSING_SLACK"].rstrip("f"))
WILD = float(DEFINES["R3D_WILD_COORDINATE"].rstrip("f"))
WALK_LIMIT = int(DEFINES["R3D_WALK_LIMIT"])

Point = tuple[float, float]  # along the way from one pixel centre to the other, and beside it


class Pair(NamedTuple):
    """A pair of pixels that a silhouette crosses."""

    image: int
    axis: int  # 0: the second pixel is to the right of the first; 1: below
    row: int  # of the first pixel
    column: int
    edge: tuple[int, int]  # vertices


def antialias(
    color: Tensor,  # (N, H, W, C)
    pix_to_face: Tensor,  # (N, H, W, K) int64
    zbuf: Tensor,  # (N, H, W, K)
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3) int64
    *,
    z_near: float = -math.inf,
) -> Tensor:  # (N, H, W, C)
    """See ``ops.antialias``; under autograd."""
    pairs = find_pairs(pix_to_face, zbuf, verts, faces, z_near)
    if not pairs:
        return color.clone()
    _, height, width, _ = color.shape
    image, axis, row, column = torch.tensor([pair[:4] for pair in pairs]).unbind(1)
    t = crossings(verts, torch.tensor([pair.edge for pair in pairs]), axis, row, column, height, width)
    first = (image * height + row) * width + column
    second = first + torch.where(axis == 0, 1, width)
    taker, giver = torch.where(t < 0.5, first, second), torch.where(t < 0.5, second, first)
    weight = (t - 0.5).abs()
    pixels = color.flatten(0, 2)
    total = weight.new_zeros(len(pixels)).index_add(0, taker, weight)
    weight = weight / total.clamp(min=1)[taker]
    taken = weight[:, None] * (pixels[giver] - pixels[taker])
    return pixels.index_add(0, taker, taken).reshape(color.shape)


def crossings(
    verts: Tensor,  # (V, 3)
    edges: Tensor,  # (P, 2) vertices
    axis: Tensor,  # (P,) like row and column
    row: Tensor,
    column: Tensor,
    height: int,
    width: int,
) -> Tensor:  # (P,)
    """Where each edge crosses its pair, t; gradients pass as if rounding never left [0, 1]."""
    x, y = (
        center.to(verts.dtype)[i] for center, i in zip(_centers(height, width), (column, row), strict=True)
    )
    a, b = (torch.stack([verts[end, 0] - x, verts[end, 1] - y], 1) for end in edges.unbind(1))
    along, beside = axis[:, None], 1 - axis[:, None]
    (a_along, b_along), (a_beside, b_beside) = (
        [end.gather(1, which)[:, 0] for end in (a, b)] for which in (along, beside)
    )
    s = a_beside / (a_beside - b_beside)
    t = -(a_along + s * (b_along - a_along)) * (min(height, width) / 2)  # NDC runs against rows and columns
    return t + (t.clamp(0, 1) - t).detach()


def find_pairs(
    pix_to_face: Tensor, zbuf: Tensor, verts: Tensor, faces: Tensor, z_near: float = -math.inf
) -> list[Pair]:
    """The pairs that a silhouette crosses, image by image, axis by axis, row by row."""
    count, height, width, _ = pix_to_face.shape
    ids, depths = pix_to_face[..., 0].tolist(), zbuf[..., 0].tolist()
    surface = _Surface(verts, faces, z_near)
    xs, ys = (center.to(verts.dtype).tolist() for center in _centers(height, width))
    found = []
    for n, axis, row, column in torch.cartesian_prod(*map(torch.arange, (count, 2, height, width))).tolist():
        here, there = (row, column), (row + axis, column + 1 - axis)
        if there[0] == height or there[1] == width:
            continue
        pixels = [(ids[n][r][c], depths[n][r][c], (xs[c], ys[r])) for r, c in (here, there)]
        if pixels[0][0] == pixels[1][0]:
            continue
        # Nearest first; what shows nothing is never followed.
        followed = sorted((pixel for pixel in pixels if pixel[0] >= 0), key=lambda pixel: pixel[1])
        for start in followed:
            end = pixels[1] if start is pixels[0] else pixels[0]
            edge = surface.silhouette(start[0], start[2], end[0], end[2], axis)
            if edge == "past":
                continue
            if isinstance(edge, tuple) and surface.lies_across(edge, axis):
                found.append(Pair(n, axis, row, column, edge))
            break
    return found


def _centers(height: int, width: int) -> tuple[Tensor, Tensor]:  # (W,), (H,) float64
    """NDC x of columns and y of rows."""

    def axis(side: int, other: int) -> Tensor:
        span = 2 * max(side / other, 1)
        return span / 2 - (torch.arange(side, dtype=torch.float64) + 0.5) * span / side

    return axis(width, height), axis(height, width)


class _Surface:
    """Faces, and which of them share an edge."""

    def __init__(self, verts: Tensor, faces: Tensor, z_near: float) -> None:
        self.verts, self.faces, self.z_near = verts.tolist(), faces.tolist(), z_near
        self.faces_of = defaultdict(list)
        for face, ids in enumerate(self.faces):
            for edge in _edges(ids):
                self.faces_of[frozenset(edge)].append(face)

    def silhouette(
        self, face: int, start: Point, target: int, end: Point, axis: int
    ) -> tuple[int, int] | str | None:
        """The edge at which the surface ends on the way from a pixel centre, where it shows ``face``, to
        another, which shows ``target``; "past" where it goes on there, None where it leads to the target or
        cannot be followed."""
        length = math.dist(start, end)
        sign = math.copysign(1, end[axis] - start[axis])

        def seen(vertex: int) -> Point:
            point = self.verts[vertex]
            return sign * (point[axis] - start[axis]), point[1 - axis] - start[1 - axis]

        entered: frozenset[int] | None = None
        for _ in range(WALK_LIMIT):
            if not self._can_follow(face):
                return None
            exits = []
            for a, b in _edges(self.faces[face]):
                if frozenset((a, b)) != entered and (seen(a)[1] >= 0) != (seen(b)[1] >= 0):
                    exits.append((_meets_axis(seen(a), seen(b)), (a, b)))
            if not exits:
                return None
            along, edge = max(exits)
            if along < -SLACK * length:
                return None
            if along > (1 + SLACK) * length:
                return "past"
            a, b = edge
            side = _side(*map(seen, (a, b, self._third(face, edge))))
            beyond = [
                other
                for other in self.faces_of[frozenset(edge)]
                if other != face and side * _side(*map(seen, (a, b, self._third(other, edge)))) < 0
            ]
            if not beyond:
                return edge
            face, entered = beyond[0], frozenset(edge)
            if face == target:
                return None
        return None

    def lies_across(self, edge: tuple[int, int], axis: int) -> bool:
        a, b = (self.verts[vertex] for vertex in edge)
        along, beside = abs(b[axis] - a[axis]), abs(b[1 - axis] - a[1 - axis])
        return beside > 0 and (along < beside or (along == beside and axis == 0))

    def _third(self, face: int, edge: tuple[int, int]) -> int:
        """The vertex opposite to the edge; one of the edge's own where a face names it twice."""
        ids = list(self.faces[face])
        for vertex in edge:
            ids.remove(vertex)
        return ids[0]

    def _can_follow(self, face: int) -> bool:
        points = [self.verts[vertex] for vertex in self.faces[face]]
        return all(abs(x) < WILD and abs(y) < WILD and z >= self.z_near for x, y, z in points)


def _edges(ids: list[int]) -> list[tuple[int, int]]:
    a, b, c = ids
    return [(b, c), (c, a), (a, b)]


def _meets_axis(a: Point, b: Point) -> float:
    return a[0] + a[1] / (a[1] - b[1]) * (b[0] - a[0])


def _side(a: Point, b: Point, p: Point) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
