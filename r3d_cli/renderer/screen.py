"""Derivatives along the picture, as texture filtering needs them: how far a pixel to the right, and one down,
is on the surface. They come from the faces on screen, not from differences of neighbouring pixels, which may
show other faces."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from r3d_cli.ops.covered_slots import CoveredSlots
from r3d_cli.ops.rasterize_meshes import Fragments


@dataclass(frozen=True)
class Screen:
    """The faces that were rasterized.

    Attributes:
        verts: (V, 3) packed vertices: NDC x (left) and y (up), and view depth z.
        faces: (F, 3) packed faces.
        perspective_correct: Whether barycentric coordinates are those of view space, or of the screen.
        is_perspective: The same for faces that reach nearer than ``near``; None: no difference.
        near: The view depth at which faces were cut.
    """

    verts: Tensor
    faces: Tensor
    perspective_correct: bool
    is_perspective: bool | None = None
    near: float = -math.inf

    def barycentric_derivatives(self, slots: CoveredSlots) -> Tensor:  # (P, 3, 2)
        """Derivatives of the barycentric coordinates of covered slots by a pixel to the right, and by one
        down; see `barycentric_derivatives`."""
        corners = self.verts.index_select(0, self.faces.index_select(0, slots.faces).flatten())
        corners = corners.unflatten(0, (-1, 3))
        height, width = slots.shape[1:3]
        in_view: bool | Tensor = self.perspective_correct
        if self.is_perspective not in (None, in_view):
            cut = (corners[..., 2] < self.near).any(1)
            in_view = cut if self.is_perspective else ~cut
        by_ndc = barycentric_derivatives(corners, slots.bary, in_view)
        return by_ndc * (-2 / min(height, width))  # NDC x is to the left, y up


class ScreenFragments(Fragments):
    """`Fragments` that know the faces they were rasterized from: what `MeshRasterizer` returns.

    Attributes:
        screen: The `Screen`. Tuples made of these fields anew, as by ``_replace``, have none.

    Example:
        >>> from r3d_cli.ops.rasterize_meshes import rasterize_meshes
        >>> verts = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [0, 1, 1]])
        >>> faces = torch.tensor([[0, 1, 2]])
        >>> plain = rasterize_meshes(verts, faces, torch.tensor([0, 1]), (4, 4))
        >>> fragments = ScreenFragments.of(plain, Screen(verts, faces, perspective_correct=False))
        >>> fragments.screen.perspective_correct, len(fragments)
        (False, 4)
    """

    screen: Screen | None = None

    @classmethod
    def of(cls, fragments: Fragments, screen: Screen) -> ScreenFragments:
        """Fragments with the screen they are of."""
        known = cls(*fragments)
        known.screen = screen
        return known

    def detach(self) -> Fragments:
        """The same without gradients."""
        plain = super().detach()
        if self.screen is None:
            return plain
        return ScreenFragments.of(plain, replace(self.screen, verts=self.screen.verts.detach()))


def screen_of(where: str, fragments: Any) -> Screen:
    """The `Screen` of fragments.

    Raises:
        ValueError: They have none.
    """
    screen = getattr(fragments, "screen", None)
    if screen is None:
        raise ValueError(
            f"{where}: fragments must know their screen for mip maps, as those of MeshRasterizer do; others "
            "are given one by ScreenFragments.of(fragments, Screen(verts_ndc, faces, perspective_correct))"
        )
    return screen


def barycentric_derivatives(
    corners: Tensor,  # (P, 3, 3)
    bary: Tensor,  # (P, 3)
    perspective_correct: bool | Tensor,  # (P,)
) -> Tensor:  # (P, 3, 2)
    """Derivatives of barycentric coordinates by NDC x and y.

    With w_i the depths (1 where coordinates are those of the screen), b_i = e_i / sum_j e_j, where e_i,
    affine in x and y, is w_j w_k times the edge function of the side opposite to corner i (Olano and Greer
    1997, "Triangle Scan Conversion using 2D Homogeneous Coordinates"). As sum_i e_i w_i is constant,
    w_0 w_1 w_2 times twice the area, the coordinates themselves tell sum_j e_j, and no pixel is needed.

    Args:
        corners: NDC x and y, and view depth, of the corners of each point's face.
        bary: The points. Where a blur clamped them to the face, the derivatives are those at the clamped
            point.
        perspective_correct: Whether ``bary`` are coordinates of view space, or of the screen; (P,) bool if
            that depends on the point.

    Returns:
        (P, 3, 2); zeros where a face has no area. Differentiable.

    Example:
        >>> corner = torch.tensor([[[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]])
        >>> barycentric_derivatives(corner, torch.tensor([[0.2, 0.3, 0.5]]), True)[0, :2]
        tensor([[-1., -1.],
                [ 1.,  0.]])
    """
    places = corners[..., :2]
    w = corners[..., 2]
    if isinstance(perspective_correct, Tensor):
        w = torch.where(perspective_correct[:, None], w, 1)
    elif not perspective_correct:
        w = torch.ones_like(w)
    sides = places.roll(-2, 1) - places.roll(-1, 1)  # (P, 3, 2) opposite to each corner
    others = w.roll(-1, 1) * w.roll(-2, 1)
    turned = torch.stack([-sides[..., 1], sides[..., 0]], -1)
    slopes = others[..., None] * turned  # (P, 3, 2) of e_i
    u, v = places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]
    constant = w.prod(1) * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    depth = (bary * w).sum(1)
    flat = constant == 0
    factor = torch.where(flat, 0, depth / torch.where(flat, 1, constant))
    return factor[:, None, None] * (slopes - bary[..., None] * slopes.sum(1, keepdim=True))
