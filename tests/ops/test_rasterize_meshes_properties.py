"""What must not change a picture: order, batches, mirrors, threads, instruction sets, memory, bad faces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from r3d_cli import _native
from r3d_cli.backend.rasterize_meshes import Fragments, rasterize_meshes

#: The schedule's ways: z-buffer, sorted lists, heap; with and without blur, perspective and planes.
WAYS: dict[str, dict[str, Any]] = {
    "zbuffer": {},
    "zbuffer-perspective-planes": {"perspective_correct": True, "z_near": 0.6, "z_far": 2.5},
    "list": {"faces_per_pixel": 4, "perspective_correct": True, "cull_backfaces": True},
    "list-blur": {"faces_per_pixel": 8, "blur_radius": 1e-3, "clip_barycentric_coords": True, "z_near": 0.6},
    "heap-blur": {"faces_per_pixel": 50, "blur_radius": 1e-2},
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return WAYS[request.param]


class Soup:
    """Two meshes (and an empty one between them) of small and large faces that fill several tiles."""

    def __init__(
        self, image_size: tuple[int, int] = (97, 150), dtype: Any = np.float32, seed: int = 0
    ) -> None:
        rng = np.random.default_rng(seed)
        counts = [150, 0, 90]
        F = sum(counts)
        center = np.concatenate((rng.uniform(-1.5, 1.5, (F, 1, 2)), rng.uniform(0.5, 3, (F, 1, 1))), 2)
        size = 10 ** rng.uniform(-2, 0.3, (F, 1, 1))
        triangles = center + size * rng.normal(0, (1, 1, 0.3), (F, 3, 3))
        triangles[..., 2] = np.maximum(triangles[..., 2], 0.2)
        self.verts = triangles.reshape(-1, 3).astype(dtype)
        self.faces = np.arange(3 * F).reshape(F, 3)
        self.first = np.cumsum([0] + counts)
        self.image_size = image_size

    def rasterize(self, **settings: Any) -> Fragments:
        return rasterize_meshes(self.verts, self.faces, self.first, self.image_size, **settings)


def assert_same(a: Fragments, b: Fragments) -> None:
    for name, one, other in zip(Fragments._fields, a, b, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
    assert (a.pix_to_face >= 0).any(), "an empty picture proves nothing"


@pytest.mark.usefixtures("restore_native")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_change_nothing(way: dict[str, Any], dtype: Any) -> None:
    soup = Soup(dtype=dtype)
    pictures = []
    for threads in (1, 2, 3, 7):
        _native.set_num_threads(threads)
        pictures.append(soup.rasterize(**way))
    for picture in pictures[1:]:
        assert_same(pictures[0], picture)


@pytest.mark.usefixtures("restore_native")
@pytest.mark.parametrize("isa", [isa for isa in _native.isas() if isa != "baseline"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_instruction_sets_agree_bitwise(way: dict[str, Any], isa: str, dtype: Any) -> None:
    soup = Soup(dtype=dtype)
    _native.set_isa("baseline")
    expected = soup.rasterize(**way)
    _native.set_isa(isa)
    assert_same(expected, soup.rasterize(**way))


@pytest.mark.parametrize("budget", [1, 1000])
@pytest.mark.usefixtures("isa")
def test_workspace_budget_changes_nothing(way: dict[str, Any], budget: int) -> None:
    soup = Soup()
    assert_same(soup.rasterize(**way), soup.rasterize(**way, workspace_budget=budget))


@pytest.mark.usefixtures("isa")
def test_permuted_faces_are_only_renamed(way: dict[str, Any]) -> None:
    soup, shuffled = Soup(), Soup()
    rng = np.random.default_rng(1)
    old_id = np.concatenate(
        [rng.permutation(np.arange(a, b)) for a, b in zip(soup.first, soup.first[1:], strict=False)]
    )
    shuffled.faces = soup.faces[old_id]
    expected, found = soup.rasterize(**way), shuffled.rasterize(**way)
    renamed = np.where(found.pix_to_face < 0, -1, old_id[found.pix_to_face])
    assert_same(expected, found._replace(pix_to_face=renamed))


@pytest.mark.usefixtures("isa")
def test_rotated_corners_keep_coverage_and_depth(way: dict[str, Any]) -> None:
    soup, turned = Soup(), Soup()
    turned.faces = np.roll(soup.faces, 1, axis=1)
    # Depths that are extrapolated to the pixels around a sliver turn on the last bit: clip them.
    way = {**way, "clip_barycentric_coords": "blur_radius" in way}
    expected, found = soup.rasterize(**way), turned.rasterize(**way)
    np.testing.assert_array_equal(expected.pix_to_face, found.pix_to_face)
    np.testing.assert_allclose(expected.zbuf, found.zbuf, rtol=1e-5)


@pytest.mark.usefixtures("isa")
def test_split_batch_changes_nothing(way: dict[str, Any]) -> None:
    soup = Soup()
    whole = soup.rasterize(**way)
    for n, (start, end) in enumerate(zip(soup.first, soup.first[1:], strict=False)):
        part = Soup()
        part.faces, part.first = soup.faces[start:end], np.array([0, end - start])
        alone = part.rasterize(**way)
        renamed = np.where(alone.pix_to_face < 0, -1, alone.pix_to_face + start)
        for one, other in zip(whole, alone._replace(pix_to_face=renamed), strict=True):
            np.testing.assert_array_equal(one[n : n + 1], other)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("symmetry", ["mirror-x", "mirror-y", "transpose"])
def test_symmetries_of_the_picture(way: dict[str, Any], symmetry: str) -> None:
    # Sides that are powers of two have pixel centres that are exactly symmetric.
    soup, other = Soup((64, 128)), Soup((64, 128))
    axis = {"mirror-x": 2, "mirror-y": 1, "transpose": None}[symmetry]
    if axis is None:
        other.image_size = (128, 64)
        other.verts = np.ascontiguousarray(soup.verts[:, [1, 0, 2]])
    else:
        other.verts = soup.verts * np.where(np.arange(3) == 2 - axis, -1, 1).astype(np.float32)
    if way.get("cull_backfaces"):
        other.faces = np.ascontiguousarray(soup.faces[:, [0, 2, 1]])
    expected, found = soup.rasterize(**way), other.rasterize(**way)
    back = [np.swapaxes(field, 1, 2) if axis is None else np.flip(field, axis) for field in found]
    np.testing.assert_array_equal(expected.pix_to_face, back[0])
    np.testing.assert_allclose(expected.zbuf, back[1], rtol=1e-5)
    np.testing.assert_allclose(expected.dists, back[3], rtol=1e-4, atol=1e-7)


@pytest.mark.usefixtures("isa")
def test_one_face_per_pixel_is_the_first_of_several() -> None:
    for perspective in (False, True):
        hard = Soup().rasterize(perspective_correct=perspective)
        several = Soup().rasterize(perspective_correct=perspective, faces_per_pixel=4)
        assert_same(hard, Fragments(*(field[:, :, :, :1] for field in several)))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("K", [1, 2, 8, 33, 50])
def test_fewer_slots_are_a_prefix(K: int) -> None:
    every = Soup().rasterize(blur_radius=1e-3, faces_per_pixel=200)
    assert (every.pix_to_face[..., -1] < 0).all(), "200 slots must hold all faces"
    assert_same(
        Fragments(*(f[:, :, :, :K] for f in every)), Soup().rasterize(blur_radius=1e-3, faces_per_pixel=K)
    )


@pytest.mark.usefixtures("isa")
def test_duplicated_faces_come_lowest_id_first(way: dict[str, Any]) -> None:
    soup, doubled = Soup(), Soup()
    first, last = soup.first[2:]
    for part in (soup, doubled):
        part.first = np.array([0, last - first])
    soup.faces = soup.faces[first:last]
    doubled.faces = np.concatenate((soup.faces, soup.faces))
    doubled.first = doubled.first * 2
    K, F = way.get("faces_per_pixel", 1), last - first
    expected = soup.rasterize(**way)
    found = doubled.rasterize(**{**way, "faces_per_pixel": 2 * K})
    # Each face is followed by its copy, unless another face has the very same depth.
    np.testing.assert_array_equal(found.pix_to_face[..., 0::2], expected.pix_to_face)
    np.testing.assert_array_equal(
        found.pix_to_face[..., 1::2], np.where(expected.pix_to_face < 0, -1, expected.pix_to_face + F)
    )


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_faces_that_are_not_finite_disturb_no_other(way: dict[str, Any], value: float) -> None:
    soup, broken = Soup(), Soup()
    rng = np.random.default_rng(2)
    bad = rng.uniform(0.1, 1, (len(soup.faces), 3, 3)).astype(np.float32)
    bad.reshape(-1, 9)[np.arange(len(bad)), rng.integers(0, 9, len(bad))] = value
    broken.verts = np.concatenate((bad.reshape(-1, 3), soup.verts))
    bad_faces = np.arange(3 * len(bad)).reshape(-1, 3)
    broken.faces = np.stack((bad_faces, soup.faces + 3 * len(bad)), 1).reshape(-1, 3)  # alternately
    broken.first = soup.first * 2
    expected, found = soup.rasterize(**way), broken.rasterize(**way)
    assert_same(
        expected, found._replace(pix_to_face=np.where(found.pix_to_face < 0, -1, found.pix_to_face // 2))
    )


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("size", [1e5, 1e9, 1e18, 1e37])
def test_huge_faces_behind_change_only_what_they_cover(size: float) -> None:
    soup, more = Soup(), Soup()
    rng = np.random.default_rng(3)
    wall = (size * rng.normal(0, 1, (30, 3))).astype(np.float32)
    wall[:, 2] = rng.uniform(50, 60, 30)
    more.verts = np.concatenate((soup.verts, wall))
    walls = len(soup.verts) + np.arange(30).reshape(-1, 3)
    more.faces, more.first = np.concatenate((soup.faces, walls)), soup.first + np.array([0, 0, 0, 10])
    expected, found = soup.rasterize(), more.rasterize()
    covered = expected.pix_to_face[..., 0] >= 0
    for name, one, other in zip(Fragments._fields, expected, found, strict=True):
        np.testing.assert_array_equal(one[covered], other[covered], err_msg=name)
    behind = found.zbuf[2][found.pix_to_face[2] >= soup.first[-1]]
    assert behind.size > 0
    assert ((behind > 49.99) & (behind < 60.01)).all()
