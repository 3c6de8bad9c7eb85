"""The camera that nobody chose."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from r3d_cli.scene.framing import bounding_sphere, frame, resolve_up
from r3d_cli.scene.model import RawMesh

coordinates = st.floats(-1e6, 1e6, width=32)


@given(
    verts=arrays.arrays(np.float32, (9, 3), elements=coordinates),
    azimuth=st.floats(-720, 720),
    elevation=st.floats(-90, 90),
    fov=st.floats(5, 120),
    orthographic=st.booleans(),
    up=st.sampled_from(["y", "z"]),
)
@settings(max_examples=200, deadline=None)
def test_every_vertex_lies_in_the_picture(verts, azimuth, elevation, fov, orthographic, up):
    mesh = RawMesh(verts, np.arange(9).reshape(3, 3))
    camera = frame(mesh, azimuth=azimuth, elevation=elevation, fov=fov, orthographic=orthographic, up=up)
    ndc = camera.project(verts.astype(np.float64))
    assert np.abs(ndc[:, :2]).max() <= 1.0
    assert ndc[:, 2].min() > camera.z_near


def test_the_sphere_fills_the_picture():
    rng = np.random.default_rng(0)
    verts = rng.normal(size=(3000, 3))
    verts /= np.linalg.norm(verts, axis=1, keepdims=True)
    mesh = RawMesh(verts, np.arange(3000).reshape(1000, 3))
    for orthographic in (False, True):
        ndc = frame(mesh, orthographic=orthographic).project(verts)
        assert 0.9 < np.hypot(ndc[:, 0], ndc[:, 1]).max() < 0.98


@pytest.mark.parametrize(
    ("verts", "radius"),
    [
        ([[0, 0, 0], [2, 0, 0], [1, 0.1, 0]], 1.0),
        ([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], math.sqrt(3)),
        ([[0, 0, 0], [4, 0, 0], [0, 3, 0]], 2.5),
        ([[5, 5, 5]] * 3, 0.0),
    ],
)
def test_the_bounding_sphere_is_nearly_the_smallest(verts, radius):
    verts = np.array(verts, np.float32)
    faces = np.array([[0, 1, 2], [0, 1, len(verts) - 1]])
    center, found = bounding_sphere(verts, faces)
    assert radius <= found + 1e-6
    assert found <= 1.06 * radius + 1e-6
    assert np.linalg.norm(verts - center, axis=1).max() <= found + 1e-6


def test_vertices_in_no_face_and_not_finite_ones_do_not_count():
    triangle = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    wild = np.array([[1e6, 0, 0], [np.nan, 0, 0], [0, np.inf, 0]], np.float32)
    alone = bounding_sphere(triangle, np.array([[0, 1, 2]]))
    among = bounding_sphere(np.concatenate([triangle, wild]), np.array([[0, 1, 2], [0, 1, 4], [1, 2, 5]]))
    np.testing.assert_array_equal(alone[0], among[0])
    assert alone[1] == among[1]


def test_nothing_finite_to_look_at():
    mesh = RawMesh(np.full((3, 3), np.nan, np.float32), np.array([[0, 1, 2]]))
    with pytest.raises(ValueError, match="no face with finite vertices"):
        frame(mesh)


def test_up_is_asked_for_or_declared_or_y():
    mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
    assert resolve_up(mesh) == "y"
    mesh.up = "z"
    assert resolve_up(mesh) == "z"
    assert resolve_up(mesh, "y") == "y"
    with pytest.raises(ValueError, match="up must be auto or one of y, z, got 'w'"):
        resolve_up(mesh, "w")


@pytest.mark.parametrize("side", [1, -1])
def test_the_picture_does_not_turn_over_at_the_pole(side):
    mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
    at, near = (frame(mesh, elevation=side * elevation) for elevation in (90.0, 89.9))
    np.testing.assert_allclose(at.R, near.R, atol=0.003)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fov": 180.0}, "fov must lie between 0 and 180 degrees, got 180.0"),
        ({"distance": 0.0}, "distance must be a positive number, got 0.0"),
        ({"azimuth": math.nan}, "azimuth and elevation must be finite numbers"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
    with pytest.raises(ValueError, match=message):
        frame(mesh, **arguments)
