"""The ends of the range: nothing, a camera in the mesh, a million faces, bounded memory, bad arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from r3d_cli.backend.rasterize_meshes import rasterize_meshes

TRIANGLE = np.array([[-3, -3, 2], [3, -3, 2], [0, 3, 2]], np.float32)
FACE = np.array([[0, 1, 2]])
ONE = np.array([0, 1])


@pytest.mark.parametrize("K", [1, 3, 50])
@pytest.mark.usefixtures("isa")
def test_nothing_to_see(K: int) -> None:
    no_verts, no_faces = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)
    empty_batch = rasterize_meshes(no_verts, no_faces, np.array([0]), (4, 5), faces_per_pixel=K)
    assert [field.shape for field in empty_batch] == [
        (0, 4, 5, K),
        (0, 4, 5, K),
        (0, 4, 5, K, 3),
        (0, 4, 5, K),
    ]
    for verts in (no_verts, TRIANGLE):
        empty_meshes = rasterize_meshes(verts, no_faces, np.array([0, 0, 0]), (4, 5), faces_per_pixel=K)
        assert empty_meshes.pix_to_face.shape == (2, 4, 5, K)
        assert all((field == -1).all() for field in empty_meshes)


@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.usefixtures("isa")
def test_one_pixel(K: int) -> None:
    fragments = rasterize_meshes(TRIANGLE, FACE, ONE, (1, 1), faces_per_pixel=K)
    assert fragments.pix_to_face[0, 0, 0].tolist() == [0] + [-1] * (K - 1)
    assert fragments.zbuf[0, 0, 0, 0] == 2
    np.testing.assert_allclose(fragments.bary_coords[0, 0, 0, 0], [0.25, 0.25, 0.5])
    # The nearest edge runs from (3, -3) to (0, 3): its line is 2x + y = 3.
    np.testing.assert_allclose(fragments.dists[0, 0, 0, 0], -9 / 5, rtol=1e-6)


@pytest.mark.usefixtures("isa")
def test_zero_area_faces_are_left_out_and_thin_ones_are_not() -> None:
    point, line = [[0.1, 0.1, 1]] * 3, [[-1, 0.1, 1], [0, 0.1, 1], [1, 0.1, 1]]
    thin = [[-1, 0.1, 1], [1, 0.1, 1], [0, 0.1 + 1e-6, 1]]
    verts = np.array([*point, *line, *thin], np.float32)
    faces = np.arange(9).reshape(3, 3)
    fragments = rasterize_meshes(verts, faces, np.array([0, 3]), (9, 9), faces_per_pixel=3, blur_radius=0.02)
    assert set(np.unique(fragments.pix_to_face)) == {-1, 2}
    assert all(np.isfinite(field).all() for field in fragments)


def box(subdivisions: int) -> tuple[np.ndarray, np.ndarray]:
    """The cube [-1, 1]^3; each of its sides is a grid of quads, cut along one diagonal. (V, 3), (F, 3)"""
    n = subdivisions + 1
    u, v = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing="ij")
    index = np.arange(n * n).reshape(n, n)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    side = np.concatenate((np.stack((a, b, c), -1).reshape(-1, 3), np.stack((a, c, d), -1).reshape(-1, 3)))
    verts, faces = [], []
    for axis in range(3):
        for end in (-1.0, 1.0):
            verts.append(np.insert(np.stack((u.ravel(), v.ravel()), 1), axis, end, axis=1))
            faces.append(side + n * n * len(faces))
    return np.concatenate(verts), np.concatenate(faces)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("isa")
def test_camera_inside_a_box_sees_what_a_finely_divided_box_shows(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pictures, sides = [], []
    for subdivisions in (1, 24):
        world, faces = box(subdivisions)
        view = world @ rotation + [0.2, -0.1, 0.3]
        ndc = np.column_stack((view[:, :2] / view[:, 2:], view[:, 2])).astype(dtype)
        assert (ndc[:, 2] < 0).any(), "some of the box must be behind the camera"
        picture = rasterize_meshes(
            ndc, faces, np.array([0, len(faces)]), (60, 80), perspective_correct=True, z_near=0.01
        )
        pictures.append(picture)
        sides.append(np.where(picture.pix_to_face < 0, -1, picture.pix_to_face // (len(faces) // 6)))
    assert (sides[0] >= 0).all(), "there is no way out of the box"
    np.testing.assert_array_equal(sides[0], sides[1])
    np.testing.assert_allclose(
        pictures[0].zbuf, pictures[1].zbuf, rtol=2e-5 if dtype == np.float32 else 1e-12
    )


@pytest.mark.usefixtures("isa")
def test_a_million_faces_in_one_tile() -> None:
    rng = np.random.default_rng(0)
    F, side, K = 1_000_000, 16, 8
    # Around the image, so that all faces cover it; the planes cross each other.
    angle = rng.uniform(0, 2 * np.pi, (F, 1)) + 2 * np.pi / 3 * np.arange(3) + rng.uniform(-0.3, 0.3, (F, 3))
    corners = np.stack((10 * np.cos(angle), 10 * np.sin(angle), rng.uniform(1, 2, (F, 3))), -1).astype(
        np.float32
    )
    fragments = rasterize_meshes(
        corners.reshape(-1, 3),
        np.arange(3 * F).reshape(F, 3),
        np.array([0, F]),
        (side, side),
        faces_per_pixel=K,
        want_bary_coords=False,
        want_dists=False,
    )
    # z over a face is linear on the screen: z = p . (x, y, 1)
    corners = corners.astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    plane = -normal / normal[:, 2:]
    plane[:, 2] = corners[:, 0, 2] - (plane[:, :2] * corners[:, 0, :2]).sum(1)
    ids, zbuf = fragments.pix_to_face[0], fragments.zbuf[0]
    center = 1 - (2 * np.arange(side) + 1) / side
    points = np.stack(np.broadcast_arrays(center, center[:, None], 1.0), -1)[
        :, :, None
    ]  # (H, W, 1, 3): x, y, 1
    np.testing.assert_allclose(zbuf, (plane[ids] * points).sum(-1), rtol=2e-6)
    assert (np.diff(np.sort(ids, -1), axis=-1) > 0).all(), "a face twice at one pixel"
    for row, column in np.ndindex(4, 4):
        row, column = 5 * row, 5 * column
        depth = plane @ points[row, column, 0]
        nearest = np.sort(np.partition(depth, K)[:K])
        np.testing.assert_allclose(zbuf[row, column], nearest, rtol=2e-6)


MEASURE_MEMORY = """
import resource, sys
import numpy as np
from r3d_cli.backend.rasterize_meshes import rasterize_meshes

F, side, budget = (int(argument) for argument in sys.argv[1:])
one = np.array([[-3, -3], [3, -3], [0, 5]], np.float32)
verts = np.empty((F, 3, 3), np.float32)
verts[..., :2] = one
verts[..., 2] = np.linspace(1, 2, F, dtype=np.float32)[:, None]
verts, faces = verts.reshape(-1, 3), np.arange(3 * F).reshape(F, 3)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
rasterize_meshes(verts[:3], faces[:1], np.array([0, 1]), (64, 64))
before = peak()
wanted = dict(want_bary_coords=False, want_dists=False, workspace_budget=budget)
fragments = rasterize_meshes(verts, faces, np.array([0, F]), (side, side), **wanted)
assert (fragments.pix_to_face == 0).all()
print(peak() - before - fragments.pix_to_face.nbytes - fragments.zbuf.nbytes)
"""


@pytest.mark.parametrize(
    ("faces", "side", "budget"),
    [
        (200_000, 1024, 32 << 20),
        pytest.param(
            1_000_000,
            4096,
            256 << 20,
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(
                    "R3D_TEST_FULL" not in os.environ, reason="minutes; R3D_TEST_FULL=1 runs it"
                ),
            ],
        ),
    ],
)
def test_memory_stays_within_the_budget(faces: int, side: int, budget: int) -> None:
    """Every face covers the whole image: lists of all tiles at once would take far more than the budget."""
    everything = faces * (side // 64) ** 2 * 4
    slack = (48 << 20) + 32 * faces  # counters, and the bounds of each face
    assert everything > 2 * (budget + slack), "the premise: this would not fit"
    command = [sys.executable, "-c", MEASURE_MEMORY, *map(str, (faces, side, budget))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= budget + slack


@pytest.mark.parametrize("bad", [3, -1, 2**40])
@pytest.mark.parametrize("settings", [{}, {"faces_per_pixel": 4, "blur_radius": 0.01}])
@pytest.mark.usefixtures("isa")
def test_face_past_the_vertices_is_named(bad: int, settings: dict[str, Any]) -> None:
    faces = np.tile(FACE, (40, 1))
    faces[17, 1] = faces[31, 2] = bad
    with pytest.raises(IndexError, match=rf"face 17 names a vertex outside \[0, 3\): \[0, {bad}, 2\]"):
        rasterize_meshes(TRIANGLE, faces, np.array([0, 40]), (8, 8), **settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verts", TRIANGLE.astype(np.float16)),
        ("verts", TRIANGLE.astype(np.int64)),
        ("verts", TRIANGLE[:, :2]),
        ("verts", TRIANGLE[0]),
        ("verts", np.asfortranarray(TRIANGLE)),
        ("verts", TRIANGLE[::-1]),
        ("faces", FACE.astype(np.int32)),
        ("faces", FACE[0]),
        ("faces", np.repeat(FACE, 4, 0)[::2]),
        ("mesh_first_face", ONE.astype(np.int32)),
        ("mesh_first_face", ONE[None]),
        ("mesh_first_face", ONE[:0]),
        ("mesh_first_face", np.array([0, 2])),
        ("mesh_first_face", np.array([1, 1])),
        ("mesh_first_face", np.array([0, 1, 0, 1])),
        ("mesh_first_face", np.array([0, -1, 1])),
        ("image_size", (0, 4)),
        ("image_size", (4, 10**6)),
        ("faces_per_pixel", 0),
        ("blur_radius", -1.0),
        ("blur_radius", float("nan")),
        ("z_near", float("nan")),
        ("z_far", float("nan")),
    ],
)
def test_wrong_argument_is_named(name: str, value: Any) -> None:
    arguments = {"verts": TRIANGLE, "faces": FACE, "mesh_first_face": ONE, "image_size": (4, 4), name: value}
    with pytest.raises(ValueError, match=rf"^rasterize_meshes: {name} ") as error:
        rasterize_meshes(**arguments)
    assert "\n" not in str(error.value)
