"""The slow, obvious ``rasterize_meshes``: each pixel against each face, in double precision, under autograd.

The kernels are held against this file, so it shares nothing with them but the conventions:

* **Coverage** is a point in a convex polygon whose edges are half open. A pixel centre on an edge counts as
  moved by an infinitesimal step to the right, and by a still smaller one down (simulation of simplicity,
  Edelsbrunner and Mücke 1990): hence exactly one face of a triangulation covers it. A vertex is seen from the
  pixel centre in the precision of ``verts``, and for these coordinates the signs are exact.
* **Depth and barycentric coordinates** are those of the whole triangle, extended to its plane; outside of a
  face that was cut, those at the nearest point of what is left of it.
* **Distances** are those to the boundary of the visible polygon: the face cut at the near and the far plane.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.constants import DEFINES

#: Pixel-face pairs evaluated at once: bounds the memory, not the result.
PAIRS_AT_ONCE = 1 << 19

MIN_DEPTH, NEAREST_CUT, TINY = (
    float(DEFINES[f"R3D_{name}"].rstrip("f")) for name in ("MIN_DEPTH", "NEAREST_CUT", "TINY")
)


class Samples(NamedTuple):
    """What pixel centres see of faces; the leading shape is that of the pairs."""

    inside: Tensor  # (...) bool: the half-open polygon covers the pixel centre
    hit: Tensor  # (...) bool: inside, or nearer than the blur radius; and in front of the camera
    z: Tensor  # (...) view depth
    bary: Tensor  # (..., 3)
    distance2: Tensor  # (...) squared distance to the polygon's boundary, never negative


def rasterize_meshes(
    verts: Tensor,  # (V, 3) float32 or float64
    faces: Tensor,  # (F, 3) int64
    mesh_first_face: Tensor,  # (N + 1,) int64
    image_size: tuple[int, int],
    *,
    blur_radius: float = 0.0,
    faces_per_pixel: int = 1,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_near: float | None = None,
    z_far: float | None = None,
    is_perspective: bool | None = None,
    after_zbuf: Tensor | None = None,  # (N, H, W)
    after_face: Tensor | None = None,  # (N, H, W) int64
) -> Fragments:
    """Find the nearest ``faces_per_pixel`` faces at every pixel centre, by (depth, face id).

    Args:
        verts: packed vertices: NDC x (to the left) and y (up), and the view depth z.
        faces: packed faces; a face's corners are ids into ``verts``.
        mesh_first_face: mesh n owns the faces ``mesh_first_face[n]`` up to ``mesh_first_face[n + 1]``.
        image_size: height and width, pixels; the shorter side spans [-1, 1].
        blur_radius: a face also counts where its *squared* NDC distance is below this.
        faces_per_pixel: slots a pixel, K.
        perspective_correct: interpolate linearly in view space rather than on the screen.
        clip_barycentric_coords: outside a face, negative coordinates become 0 and the others sum to 1.
        cull_backfaces: leave out the faces whose normal, by the right-hand rule, points away from the camera.
        z_near: faces are cut at this depth, exactly; None leaves them whole.
        z_far: the same, for what lies behind it.
        is_perspective: x and y were divided by the depth: faces are always cut in front of the camera, and
            what is cut is interpolated in view space; None: as ``perspective_correct``.
        after_zbuf: at each pixel only the faces count whose (depth, id) is greater than this depth and
            the id in ``after_face``; None: all.
        after_face: the id that goes with that depth.

    Returns:
        Fragments whose ``zbuf``, ``bary_coords`` and ``dists`` have the dtype of ``verts`` and carry its
        gradients; empty slots hold -1. Faces of zero area, behind the camera or not finite are never hit.

    Example:
        >>> verts = torch.tensor([[-3.0, -3.0, 2.0], [3.0, -3.0, 2.0], [0.0, 3.0, 2.0]])
        >>> first = torch.tensor([0, 1])
        >>> rasterize_meshes(verts, torch.tensor([[0, 1, 2]]), first, (2, 2)).zbuf.flatten()
        tensor([2., 2., 2., 2.])
    """
    height, width = image_size
    shape = (len(mesh_first_face) - 1, height * width, faces_per_pixel)
    scene = Scene(
        verts[faces],
        blur_radius,
        perspective_correct,
        clip_barycentric_coords,
        cull_backfaces,
        z_near,
        z_far,
        perspective_correct if is_perspective is None else is_perspective,
    )
    points = pixel_centers(image_size, verts.dtype)

    ids = torch.full(shape, -1, dtype=torch.int64)
    with torch.no_grad():
        for n, (first, last) in enumerate(itertools.pairwise(mesh_first_face.tolist())):
            mesh_faces = torch.arange(first, last)
            step = max(1, PAIRS_AT_ONCE // max(1, len(mesh_faces)))
            for pixel in range(0, height * width if len(mesh_faces) else 0, step):
                samples = scene.sample(points[pixel : pixel + step, None], mesh_faces[None])
                if after_zbuf is not None and after_face is not None:
                    z, face = (of[n].reshape(-1, 1)[pixel : pixel + step] for of in (after_zbuf, after_face))
                    samples = samples._replace(hit=samples.hit & _after(samples.z, mesh_faces, z, face))
                found = _nearest(samples, verts.dtype, faces_per_pixel)  # (P, <= K)
                ids[n, pixel : pixel + step, : found.shape[1]] = torch.where(found < 0, -1, found + first)

    mesh, pixel_id, slot = torch.nonzero(ids >= 0, as_tuple=True)
    samples = scene.sample(points[pixel_id], ids[mesh, pixel_id, slot])
    signed = torch.where(samples.inside, -samples.distance2, samples.distance2)

    def scatter(values: Tensor) -> Tensor:  # (M, ...) -> (N, H, W, K, ...)
        empty = verts.new_full((*shape, *values.shape[1:]), -1)
        filled = empty.index_put((mesh, pixel_id, slot), values.to(verts.dtype))
        return filled.reshape(shape[0], height, width, faces_per_pixel, *values.shape[1:])

    pix_to_face = ids.reshape(shape[0], height, width, faces_per_pixel)
    return Fragments(pix_to_face, scatter(samples.z), scatter(samples.bary), scatter(signed))


def pixel_centers(image_size: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """NDC of all pixel centres, row by row from the top-left one; rounded as PyTorch3D rounds them."""

    def axis(side: int, other: int) -> Tensor:  # (side,) from the left, or from the top: NDC descends
        span = torch.tensor(2 * max(side / other, 1), dtype=dtype)
        index = torch.arange(side, dtype=dtype)
        return (-span / 2 + (span * index + span / 2) / side).flip(0)

    height, width = image_size
    y, x = torch.meshgrid(axis(height, width), axis(width, height), indexing="ij")
    return torch.stack((x, y), -1).reshape(-1, 2)  # (H * W, 2)


class Scene:
    """All faces of a call, and how they are to be seen."""

    def __init__(
        self,
        triangles: Tensor,  # (F, 3, 3)
        blur_radius: float,
        perspective: bool,
        clip: bool,
        cull: bool,
        z_near: float | None,
        z_far: float | None,
        is_perspective: bool,
    ) -> None:
        self.dtype = triangles.dtype
        self.blur_radius, self.clip = blur_radius, clip
        finite = triangles.isfinite().flatten(1).all(1)
        # Faces that are not finite are never hit; as zeros they leave no NaN in the gradients either.
        self.triangles = torch.where(finite[:, None, None], triangles, 0).double()
        near, far = -math.inf if z_near is None else z_near, math.inf if z_far is None else z_far
        near = max(near, TINY) if is_perspective else near
        self.polygons = cut_at_depths(self.triangles, near, far, is_perspective)
        depths = self.triangles.detach()[:, :, 2]
        self.cut = ((depths < near) | (depths > far)).any(1)  # (F,)
        self.perspective = torch.where(self.cut, is_perspective, perspective)  # (F,)
        area2 = signed_area2(self.polygons.detach())
        in_front = self.triangles[:, :, 2].amax(1) >= MIN_DEPTH
        self.visible = finite & in_front & (area2 < 0 if cull else area2 != 0)  # (F,)

    def sample(self, points: Tensor, face_ids: Tensor) -> Samples:
        """``points`` (..., 2) and ``face_ids`` (...) broadcast to the pairs that are evaluated."""
        triangles, polygons = self.triangles[face_ids], self.polygons[face_ids]
        inside = covers(polygons.detach().to(self.dtype) - points[..., None, :])
        points = points.double()
        offset, distance2 = to_boundary(polygons - points[..., None, :])
        moved = self.cut[face_ids] & ~inside
        places = points + torch.where(moved[..., None], offset, 0)
        epsilon = torch.finfo(self.dtype).eps
        bary = barycentric(places, triangles, self.perspective[face_ids], epsilon)
        if self.clip:
            bary = bary.clamp(min=0)
            bary = bary / bary.sum(-1, keepdim=True)
        z = (bary * triangles[..., 2]).sum(-1)  # NaN, no hit, where clipping leaves no coordinate
        hit = self.visible[face_ids] & (inside | (distance2 < self.blur_radius)) & (z >= 0)
        return Samples(inside, hit, z, bary, distance2)


def _after(depth: Tensor, ids: Tensor, after_z: Tensor, after_id: Tensor) -> Tensor:
    """Does (depth, id) come after (after_z, after_id)? Depths as the outputs round them."""
    depth = depth.to(after_z.dtype)
    return (depth > after_z) | ((depth == after_z) & (ids > after_id))


def _nearest(samples: Samples, dtype: torch.dtype, K: int) -> Tensor:
    """Ids of the K nearest hits along the last axis, by (depth, id), -1 where there are fewer."""
    depth = samples.z.to(dtype).clamp(max=torch.finfo(dtype).max)
    if dtype == torch.float64:  # depths that tie but for the rounding of this file
        mantissa, exponent = torch.frexp(depth)
        depth = torch.ldexp((mantissa * 2**40).round(), exponent - 40)
    depth = torch.where(samples.hit, depth, math.inf)
    depth, ids = depth.sort(dim=-1, stable=True)
    return torch.where(depth < math.inf, ids, -1)[..., :K]


def cut_at_depths(triangles: Tensor, z_near: float, z_far: float, perspective: bool) -> Tensor:
    """The part of each triangle between two depths: a convex polygon, (F, C, 2).

    Each edge is cut to the slab (Liang and Barsky 1984); the boundary of the polygon is what is left of the
    three edges, joined by straight lines along the planes. A corner may repeat; a polygon of which nothing is
    left has all its corners at one place.
    """
    if z_near == -math.inf and z_far == math.inf:
        return triangles[..., :2]
    a, b = triangles, triangles.roll(-1, 1)  # (F, 3, 3): the edges' ends
    # From the nearer end to the farther one, so that the faces on both sides of an edge find the same corner.
    swapped = (a[..., 2] > b[..., 2])[..., None]
    near_end, far_end = torch.where(swapped, b, a), torch.where(swapped, a, b)
    enter = _point_at_depth(
        near_end, far_end, _near_cuts(near_end, far_end, z_near, perspective), perspective
    )
    leave = _point_at_depth(near_end, far_end, torch.full_like(far_end[..., 2:], z_far), perspective)
    enter = torch.where(near_end[..., 2:] >= z_near, near_end[..., :2], enter)
    leave = torch.where(far_end[..., 2:] <= z_far, far_end[..., :2], leave)
    start, end = torch.where(swapped, leave, enter), torch.where(swapped, enter, leave)
    kept = (near_end[..., 2] <= z_far) & (far_end[..., 2] >= z_near)  # (F, 3)

    corners = torch.stack((start, end), 2).flatten(1, 2)  # (F, 6, 2)
    kept = kept.repeat_interleave(2, 1)
    # A corner that is cut away moves onto the last one before it that is kept, around the polygon.
    last = torch.where(kept, torch.arange(6), -1).cummax(1).values
    last = torch.where(last < 0, last[:, -1:], last).clamp(min=0)
    return corners.gather(1, last[..., None].expand(-1, -1, 2))


def _near_cuts(a: Tensor, b: Tensor, z_near: float, perspective: bool) -> Tensor:
    """The depths (..., 1) at which edges from the nearer end a to b (..., 3) are cut: a perspective camera
    keeps a distance that is a share of the edge's extent, to a power of two."""
    cuts = torch.full_like(a[..., 2:], z_near)
    if not perspective:
        return cuts
    with torch.no_grad():
        ends = torch.stack((a, b))
        sizes = (ends[..., 2].abs() * ends[..., :2].abs().amax(-1).clamp(min=1)).amax(0)
        smallest = NEAREST_CUT * torch.ldexp(torch.full_like(sizes, 0.5), torch.frexp(sizes).exponent)
    return cuts.maximum(smallest[..., None]).minimum(b[..., 2:])


def _point_at_depth(a: Tensor, b: Tensor, z: Tensor, perspective: bool) -> Tensor:
    """Where the lines ab (..., 3) meet depths (..., 1), NDC (..., 2); any finite point where they do not."""
    meets = (a[..., 2:] < z) & (z <= b[..., 2:]) & z.isfinite()
    z = torch.where(meets, z, 1)
    t = torch.where(meets, (z - a[..., 2:]) / torch.where(meets, b[..., 2:] - a[..., 2:], 1), 0)
    if not perspective:
        return a[..., :2] + t * (b - a)[..., :2]
    # Straight in view space, where x and y are the NDC coordinates times the depth.
    view_a, view_b = a[..., :2] * a[..., 2:], b[..., :2] * b[..., 2:]
    return torch.where(meets, (view_a + t * (view_b - view_a)) / z, a[..., :2])


def signed_area2(polygons: Tensor) -> Tensor:
    """Twice the signed area, (..., C, 2) -> (...)."""
    fan = polygons[..., 1:, :] - polygons[..., :1, :]
    a, b = fan[..., :-1, :], fan[..., 1:, :]
    return (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(-1)


def covers(corners: Tensor) -> Tensor:
    """Is the origin, moved by an infinitesimal step right and down, in the polygon? (..., C, 2) -> (...)

    For an edge from a to b the origin lies on the side given by the sign of a × b. Where that is zero, the
    step to the right (x falls) decides by the sign of b_y - a_y, and where that is zero too, the step down (y
    falls) by the sign of a_x - b_x. The origin is in a convex polygon when it lies on one side of all edges;
    edges of length zero do not count.
    """
    a, b = corners, corners.roll(-1, -2)
    right, down = b[..., 1] - a[..., 1], a[..., 0] - b[..., 0]
    side = _sign_of_difference(a[..., 0], b[..., 1], a[..., 1], b[..., 0])
    side = torch.where(side != 0, side, torch.where(right != 0, right.sign(), down.sign()))
    return (side > 0).any(-1) != (side < 0).any(-1)


def _sign_of_difference(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """The sign of ab - cd, exact short of underflow."""
    if a.dtype == torch.float32:  # products of floats are exact in double
        return (a.double() * b.double() - c.double() * d.double()).sign().to(a.dtype)
    (left, left_error), (right, right_error) = _two_product(a, b), _two_product(c, d)
    return torch.where(left != right, left - right, left_error - right_error).sign()


def _two_product(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """ab as a rounded product and its exact error (Veltkamp and Dekker 1971)."""

    def split(x: Tensor) -> tuple[Tensor, Tensor]:
        scaled = x * (2**27 + 1)
        high = scaled - (scaled - x)
        return high, x - high

    product = a * b
    (a_high, a_low), (b_high, b_low) = split(a), split(b)
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, error


def barycentric(points: Tensor, triangles: Tensor, perspective: Tensor, epsilon: float) -> Tensor:
    """Barycentric coordinates (..., 3) of ``points`` (..., 2) on the planes of ``triangles`` (..., 3, 3).

    On the screen they are the areas of the triangles that the point spans with the edges, over their sum. A
    view ray meets the plane at depth z where sum_i beta_i z_i (x_i, y_i, 1) = z (x, y, 1), so that beta_i is
    proportional to alpha_i / z_i, alpha being the coordinates on the screen: this holds for vertices behind
    the camera too. On the vanishing line of the plane, which only pixels outside the face can reach, the sum
    is zero; past it, it counts as ``epsilon`` of the sum of magnitudes: far away, yet finite.
    """
    weights = edge_functions(points, triangles)
    weights = weights * signed_area2(triangles.detach()[..., :2])[..., None].sign()
    z = torch.where(perspective[..., None], triangles[..., 2], 1)
    smallest = torch.finfo(torch.float32).tiny
    weights = weights / torch.where(z.abs() < smallest, smallest, z)
    floor = epsilon * weights.abs().sum(-1, keepdim=True) + torch.finfo(weights.dtype).tiny
    return weights / weights.sum(-1, keepdim=True).maximum(floor)


def edge_functions(points: Tensor, triangles: Tensor) -> Tensor:
    """Twice the signed areas that points (..., 2) span with the edges opposite the corners: (..., 3)."""
    corners = triangles[..., :2] - points[..., None, :]
    a, b = corners.roll(-1, -2), corners.roll(-2, -2)
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def to_boundary(corners: Tensor) -> tuple[Tensor, Tensor]:
    """The point of a polygon's boundary (..., C, 2) that is nearest to the origin (..., 2), and its squared
    distance (...)."""
    a, edge = corners, corners.roll(-1, -2) - corners
    length2 = (edge * edge).sum(-1)
    t = -(a * edge).sum(-1) / torch.where(length2 > 0, length2, 1)
    nearest = a + t.clamp(0, 1)[..., None] * edge  # (..., C, 2)
    distances2 = (nearest * nearest).sum(-1)
    distance2, which = distances2.min(-1)
    point = nearest.gather(-2, which[..., None, None].expand(*which.shape, 1, 2))
    return point.squeeze(-2), distance2
