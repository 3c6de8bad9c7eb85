"""Topology of meshes: closed forms, and the counts of trimesh."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import r3d_cli.scene.topology
from r3d_cli.scene.topology import component_of, merge_vertices, topology

CUBE = np.array(
    [
        [0, 2, 1],
        [1, 2, 3],
        [4, 5, 6],
        [5, 7, 6],
        [0, 1, 4],
        [1, 5, 4],
        [2, 6, 3],
        [3, 6, 7],
        [0, 4, 2],
        [2, 4, 6],
        [1, 3, 5],
        [3, 7, 5],
    ]
)


def torus(rows: int, columns: int) -> np.ndarray:
    """Faces of a grid that closes on itself both ways."""
    i, j = np.mgrid[:rows, :columns]
    a, b = i * columns + j, (i + 1) % rows * columns + j
    c, d = i * columns + (j + 1) % columns, (i + 1) % rows * columns + (j + 1) % columns
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([c, b, d], -1).reshape(-1, 3)])


def test_examples() -> None:
    results = doctest.testmod(r3d_cli.scene.topology)
    assert results.attempted
    assert not results.failed


def test_a_cube() -> None:
    found = topology(CUBE, 8)
    assert (found.vertices, found.edges, found.euler_characteristic, found.genus) == (8, 18, 2, 0)
    assert found.watertight
    assert (found.boundary_edges, found.nonmanifold_edges, found.nonmanifold_vertices) == (0, 0, 0)


def test_a_torus_has_one_handle() -> None:
    found = topology(torus(5, 7), 35)
    assert (found.euler_characteristic, found.genus, found.watertight) == (0, 1, True)


def test_two_cubes_apart() -> None:
    found = topology(np.concatenate([CUBE, CUBE + 8]), 16)
    assert (found.components, found.euler_characteristic, found.genus) == (2, 4, 0)


def test_two_cubes_that_share_a_vertex() -> None:
    """One component by its vertices; the genus is that of the two shells."""
    second = np.where(CUBE == 0, 7, CUBE + 8)
    found = topology(np.concatenate([CUBE, second]), 16)
    assert (found.components, found.nonmanifold_vertices, found.euler_characteristic) == (1, 1, 3)
    assert (found.watertight, found.genus) == (True, 0)


def test_two_cubes_that_share_an_edge() -> None:
    second = np.where(CUBE == 0, 6, np.where(CUBE == 1, 7, CUBE + 8))
    found = topology(np.concatenate([CUBE, second]), 16)
    assert (found.nonmanifold_edges, found.nonmanifold_vertices, found.components) == (1, 2, 1)
    assert (found.watertight, found.genus) == (False, None)


def test_a_torus_pinched_to_a_vertex() -> None:
    """A sphere whose poles are one vertex looks like a torus to Euler; pulled apart it is a sphere."""
    faces = np.where(CUBE == 7, 0, CUBE)
    found = topology(faces, 8)
    assert found.euler_characteristic == 1
    assert (found.nonmanifold_vertices, found.watertight, found.genus) == (1, True, 0)


def test_an_open_grid() -> None:
    i, j = np.mgrid[:3, :4]
    a = i * 5 + j
    faces = np.concatenate(
        [np.stack([a, a + 1, a + 5], -1).reshape(-1, 3), np.stack([a + 1, a + 6, a + 5], -1).reshape(-1, 3)]
    )
    found = topology(faces, 20)
    assert (found.boundary_edges, found.euler_characteristic, found.components) == (14, 1, 1)
    assert (found.watertight, found.genus, found.misoriented_edges) == (False, None, 0)


def test_a_moebius_strip_has_a_seam() -> None:
    """Its faces cannot all be turned the same way."""
    upper, lower = np.arange(6), np.arange(6) + 6
    faces = [[upper[i], lower[i], upper[i + 1]] for i in range(5)]
    faces += [[upper[i + 1], lower[i], lower[i + 1]] for i in range(5)]
    faces += [[upper[5], lower[5], lower[0]], [lower[0], lower[5], upper[0]]]
    found = topology(np.array(faces), 12)
    assert (found.euler_characteristic, found.boundary_edges, found.nonmanifold_edges) == (0, 12, 0)
    assert found.misoriented_edges == 1
    assert not found.watertight


def test_a_face_turned_round() -> None:
    faces = CUBE.copy()
    faces[0] = faces[0, ::-1]
    found = topology(faces, 8)
    assert (found.misoriented_edges, found.watertight, found.boundary_edges) == (3, False, 0)


def test_collapsed_faces_hold_nothing_together() -> None:
    faces = np.concatenate([CUBE, CUBE + 8, [[0, 0, 8], [3, 3, 3], [1, 9, 1]]])
    assert topology(faces, 17) == topology(faces[:24], 16)


def test_no_faces() -> None:
    found = topology(np.zeros((0, 3), np.int64), 5)
    assert (found.vertices, found.components, found.watertight, found.genus) == (0, 0, False, None)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_faces_and_vertices_does_not_matter(seed: int) -> None:
    random = np.random.default_rng(seed)
    faces = np.concatenate([torus(4, 5), CUBE[:7] + 20])
    names = random.permutation(40)
    assert topology(names[random.permutation(faces)], 40) == topology(faces, 28)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=60))
def test_components_are_scipys(count: int, pairs: list[tuple[int, int]]) -> None:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    joined = np.array([pair for pair in pairs if max(pair) < count], np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(joined)), joined.T), (count, count))
    number, labels = connected_components(graph, directed=False)
    found = component_of(joined, count)
    assert len(np.unique(found)) == number
    for label in range(number):
        assert (found[labels == label] == np.flatnonzero(labels == label)[0]).all()


def test_a_long_chain_is_one_component() -> None:
    names = np.random.default_rng(0).permutation(20_000)
    assert not component_of(np.stack([names[:-1], names[1:]], axis=1), 20_000).any()


def test_merging_forgives_rounding_but_keeps_detail_far_from_the_origin() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [2.7e-16, 0, -2.7e-16], [1, 0, 1e-5]])
    for offset in (0.0, 5.6e6):
        assert merge_vertices(corners + offset).tolist() == [0, 1, 2, 0, 4]


def test_merging_leaves_positions_that_are_not_finite_alone() -> None:
    nan, infinity = np.nan, np.inf
    verts = np.array([[nan, 0, 0], [nan, 0, 0], [infinity, 0, 0], [infinity, 0, 0], [1, 1, 1], [1, 1, 1]])
    assert merge_vertices(verts).tolist() == [0, 1, 2, 3, 4, 4]
    assert merge_vertices(verts[:4]).tolist() == [0, 1, 2, 3]
    assert merge_vertices(np.zeros((3, 3))).tolist() == [0, 0, 0]
    assert merge_vertices(np.zeros((0, 3))).tolist() == []
