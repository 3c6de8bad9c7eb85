"""Every interior pixel of a triangulation is hit exactly once, however its edges meet the pixel centres."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial import Delaunay

from r3d_cli.backend.rasterize_meshes import rasterize_meshes
from r3d_cli.reference import rasterize_meshes as reference

pytestmark = pytest.mark.usefixtures("isa")

#: 64 x 48 has pixel centres that floats hold exactly; 33 x 51 and 7 x 33 round them.
SIZES = ((48, 64), (33, 51), (7, 33))
DTYPES = (np.float32, np.float64)


def pixel_centers(image_size: tuple[int, int], dtype: Any) -> np.ndarray:  # (H * W, 2)
    import torch

    return reference.pixel_centers(image_size, torch.from_numpy(np.zeros(0, dtype)).dtype).numpy()


def owners(xy: np.ndarray, faces: np.ndarray, image_size: tuple[int, int], dtype: Any) -> np.ndarray:
    """The one face at each pixel, (H, W), once it is known to be the only one and that K = 1 finds it too."""
    verts = np.column_stack((xy, np.ones(len(xy)))).astype(dtype)
    faces = np.ascontiguousarray(faces, np.int64)
    first = np.array([0, len(faces)])
    ids = rasterize_meshes(verts, faces, first, image_size, faces_per_pixel=8).pix_to_face[0]
    count = (ids >= 0).sum(-1)
    wrong = np.argwhere(count != 1)
    assert not len(wrong), (
        f"{len(wrong)} pixels are not hit once; pixel {wrong[0]}: {count[tuple(wrong[0])]} times"
    )
    np.testing.assert_array_equal(
        ids[..., 0], rasterize_meshes(verts, faces, first, image_size).pix_to_face[0, ..., 0]
    )
    return ids[..., 0]


def assert_watertight(
    xy: np.ndarray, faces: np.ndarray, image_size: tuple[int, int], dtype: Any, seed: int
) -> None:
    """Hit once, by the same face whatever the order of the faces, the order and sense of their corners."""
    expected = owners(xy, faces, image_size, dtype)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(faces))
    shuffled = np.stack([rng.permutation(face) for face in faces[order]])
    np.testing.assert_array_equal(order[owners(xy, shuffled, image_size, dtype)], expected)


def fan(center: np.ndarray, rim: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles around a centre; of rim points in nearly one direction one is kept, lest rounding fold."""
    angle = np.arctan2(*(rim - center).T)
    order = np.argsort(angle)
    rim = rim[order[np.diff(angle[order], append=angle[order[0]] + 2 * np.pi) > 1e-3]]
    here = 1 + np.arange(len(rim))
    return np.vstack((center, rim)), np.column_stack((np.zeros_like(here), here, np.roll(here, -1)))


@pytest.mark.parametrize("image_size", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pixels_away", [10, 8e4, 1e7])
@pytest.mark.parametrize("seed", range(3))
def test_fans_with_far_rims(image_size: tuple[int, int], dtype: Any, pixels_away: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    centers = pixel_centers(image_size, dtype).astype(np.float64)
    radius = (min(image_size) + pixels_away) * 2 / min(image_size) * (1 + max(image_size) / min(image_size))
    angle = np.sort(np.linspace(0, 2 * np.pi, 24, endpoint=False) + rng.uniform(0, 0.2, 24))
    somewhere = rng.uniform(-0.9, 0.9, 2)
    at_pixel = centers[rng.integers(len(centers))]
    for center in (somewhere, at_pixel):
        rim = center + radius * np.column_stack((np.cos(angle), np.sin(angle)))
        assert_watertight(*fan(center, rim), image_size, dtype, seed)
        # Edges from the centre through, or within rounding of, other pixel centres.
        through = centers[rng.choice(len(centers), 24, replace=False)] - center
        through = through[np.hypot(*through.T) > 0]
        aimed = center + radius * through / np.hypot(*through.T)[:, None]
        axes = center + radius * np.array(
            [[1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [-1, 1], [1, -1], [-1, -1]]
        )
        assert_watertight(*fan(center, np.vstack((aimed, axes))), image_size, dtype, seed)


@pytest.mark.parametrize("image_size", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("points", ["anywhere", "at-pixel-centers", "at-half-pixels"])
@pytest.mark.parametrize("seed", range(2))
def test_delaunay_triangulations(image_size: tuple[int, int], dtype: Any, points: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    extent = np.array([image_size[1], image_size[0]]) / min(image_size)  # NDC of the image's sides
    centers = pixel_centers(image_size, dtype).astype(np.float64)
    if points == "anywhere":
        inner = rng.uniform(-1.1, 1.1, (150, 2)) * extent
    else:
        inner = centers[rng.choice(len(centers), 120, replace=False)]
        if points == "at-half-pixels":
            inner = inner + rng.choice([0, 1 / min(image_size)], inner.shape)
    corners = 1.5 * extent * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    # Rounded first, so that the triangulation is one of the very points that are rasterized.
    xy = np.vstack((inner, corners)).astype(dtype).astype(np.float64)
    faces = Delaunay(xy).simplices.astype(np.int64)
    a, b, c = xy[faces[:, 0]], xy[faces[:, 1]], xy[faces[:, 2]]
    area = 0.5 * np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum()
    assert area == pytest.approx(9 * extent.prod(), rel=1e-6), "the premise: a triangulation of the rectangle"
    assert_watertight(xy, faces, image_size, dtype, seed)


@pytest.mark.parametrize("image_size", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_grid_through_all_pixel_centers(image_size: tuple[int, int], dtype: Any) -> None:
    """Every pixel centre is a vertex: edges run along rows, columns and diagonals of centres."""
    height, width = image_size
    grid = pixel_centers(image_size, dtype).reshape(height, width, 2)
    xs, ys = grid[0, :, 0].astype(np.float64), grid[:, 0, 1].astype(np.float64)
    xs = np.concatenate(([xs[0] + 1], xs, [xs[-1] - 1]))
    ys = np.concatenate(([ys[0] + 1], ys, [ys[-1] - 1]))
    xy = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    index = np.arange(len(xy)).reshape(height + 2, width + 2)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    flip = np.random.default_rng(0).integers(0, 2, a.shape).astype(bool)
    one = np.where(flip[..., None], np.stack((a, b, c), -1), np.stack((a, b, d), -1))
    two = np.where(flip[..., None], np.stack((a, c, d), -1), np.stack((b, c, d), -1))
    assert_watertight(xy, np.concatenate((one, two)).reshape(-1, 3), image_size, dtype, 0)


def test_top_left_rule() -> None:
    """A square whose corners are pixel centres owns those on its top and left edges, and not the others."""
    # An 8 x 8 image: centres at odd eighths. The corners lie on the centres of columns and rows 2 and 5.
    left, right = 1 - 5 / 8, 1 - 11 / 8  # NDC x runs to the left
    top, bottom = 1 - 5 / 8, 1 - 11 / 8
    verts = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]], np.float32)
    faces, first = np.array([[0, 1, 2], [0, 2, 3]]), np.array([0, 2])
    hit = rasterize_meshes(verts, faces, first, (8, 8)).pix_to_face[0, ..., 0] >= 0
    expected = np.zeros((8, 8), bool)
    expected[2:5, 2:5] = True
    np.testing.assert_array_equal(hit, expected)


@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(3))
def test_triangulated_plane_across_near_and_far(perspective: bool, dtype: Any, seed: int) -> None:
    """A plane that runs from behind the camera past the far plane: hit once in between, never beyond."""
    rng = np.random.default_rng(seed)
    image_size, z_near, z_far = (48, 64), 0.5, 4.0
    # View space: a plane that is tilted about the x axis, triangulated in its own coordinates (u, depth).
    points = np.vstack((rng.uniform(-1, 1, (80, 2)), [[-1, -1], [1, -1], [1, 1], [-1, 1]])) * [60, 20]
    faces = Delaunay(points).simplices.astype(np.int64)
    depth = points[:, 1] + 0.3
    if perspective:
        # The plane y = slope * z - 1: what the ray through NDC y = v meets at depth 1 / (slope - v).
        slope = 0.1
        verts = np.column_stack((points[:, 0] / depth, (slope * depth - 1) / depth, depth))
        at_pixel = 1 / (slope - pixel_centers(image_size, np.float64)[:, 1])
    else:
        verts = np.column_stack((points[:, 0], depth / 3 - 1, depth))
        at_pixel = 3 * (pixel_centers(image_size, np.float64)[:, 1] + 1)
    ids = rasterize_meshes(
        verts.astype(dtype),
        faces,
        np.array([0, len(faces)]),
        image_size,
        faces_per_pixel=4,
        perspective_correct=perspective,
        z_near=z_near,
        z_far=z_far,
    )
    count = (ids.pix_to_face[0] >= 0).sum(-1).ravel()
    between = (at_pixel > z_near * 1.001) & (at_pixel < z_far * 0.999)
    beyond = (at_pixel < z_near * 0.999) | (at_pixel > z_far * 1.001)
    assert between.sum() > 300
    assert beyond.sum() > 300
    assert (count[between] == 1).all()
    assert (count[beyond] == 0).all()
    assert (count <= 1).all()
    np.testing.assert_allclose(ids.zbuf[0, ..., 0].ravel()[between], at_pixel[between], rtol=1e-4)
