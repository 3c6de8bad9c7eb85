"""The camera that nobody chose."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from r3d_cli.scene import framing
from r3d_cli.scene.camera import look_at, roll_by
from r3d_cli.scene.framing import MARGIN, Subject, bounding_sphere, frame, resolve_up
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
    wild = np.array([[1e6, 0, 0], [np.nan, 0, 0], [0, np.inf, 0], [0, 0, 1e300]])  # infinite in float32
    faces = np.array([[0, 1, 2], [0, 1, 4], [1, 2, 5], [0, 1, 6]])
    alone = bounding_sphere(triangle, np.array([[0, 1, 2]]))
    among = bounding_sphere(np.concatenate([triangle, wild]), faces)
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
        ({"roll": math.inf}, "roll must be a finite number, got inf"),
        ({"target": (0.0, math.nan, 0.0)}, "target must be three finite numbers"),
        ({"target": (0.0, 1e300, 0.0)}, r"target must be three finite numbers of up to 3.4e\+38"),
        ({"target": (0.0, 1.0)}, "target must be three finite numbers"),
        ({"fit": "box"}, "fit must be one of sphere, bounds, got 'box'"),
        ({"size": (0, 4)}, "size must be a height and a width of at least 1 pixel"),
        ({"margin": 1.0}, "margin must lie in 0..1"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
    with pytest.raises(ValueError, match=message):
        frame(mesh, **arguments)


def random_mesh(seed, vertices=30):
    rng = np.random.default_rng(seed)
    verts = rng.normal(size=(vertices, 3)) * rng.uniform(0.05, 1, 3) * 10 ** rng.uniform(-6, 6)
    verts += np.abs(verts).max() * rng.normal(size=3)
    return RawMesh(verts, np.arange(vertices).reshape(-1, 3))


def borders(camera, verts, size):
    """What is left of the picture at the left, right, bottom and top, in halves of the shorter side."""
    ndc = camera.project(verts)
    assert ndc[:, 2].min() > camera.z_near
    half = np.array([size[1], size[0]]) / min(size)
    return np.concatenate([half - ndc[:, :2].max(0), half + ndc[:, :2].min(0)])[[0, 2, 1, 3]]


views = {
    "seed": st.integers(0, 2**32),
    "azimuth": st.floats(-720, 720),
    "elevation": st.floats(-90, 90),
    "roll": st.floats(-360, 360),
    "fov": st.floats(5, 120),
    "orthographic": st.booleans(),
    "size": st.sampled_from([(100, 100), (100, 160), (400, 100)]),
    "margin": st.floats(0, 0.5),
}


@given(**views)
@settings(max_examples=200, deadline=None)
def test_the_bounds_fit_tightly_and_in_the_middle(seed, **view):
    mesh = random_mesh(seed)
    camera = frame(mesh, fit="bounds", **view)
    left, right, bottom, top = borders(camera, mesh.verts, view["size"])
    # A long mesh, seen end on with a wide lens, is as near as the camera may go and need not fill it.
    distance = (mesh.verts @ camera.R + camera.T)[:, 2].min()
    nearest = distance < 0.0101 * bounding_sphere(mesh.verts, mesh.faces)[1]
    slack = min(left, right, bottom, top) - view["margin"]
    assert slack >= -1e-7
    assert nearest or slack <= 1e-7
    assert left == pytest.approx(right, abs=1e-7)
    assert bottom == pytest.approx(top, abs=1e-7)


@given(**views)
@settings(max_examples=100, deadline=None)
def test_a_target_stays_in_the_middle_of_bounds_and_sphere(seed, **view):
    mesh = random_mesh(seed)
    target = mesh.verts[0] + 0.3 * (mesh.verts[1] - mesh.verts[0])
    for fit in ("bounds", "sphere"):
        camera = frame(mesh, fit=fit, target=target, **view)
        np.testing.assert_allclose(camera.project(target[None])[0, :2], 0, atol=1e-7)
        free = borders(camera, mesh.verts, view["size"]).min()
        assert free >= (view["margin"] if fit == "bounds" else 0) - 1e-7
        if fit == "bounds" and view["orthographic"]:
            assert free == pytest.approx(view["margin"], abs=1e-7)


@pytest.mark.parametrize("orthographic", [False, True])
def test_bounds_come_closer_than_the_sphere(orthographic):
    flat = RawMesh(
        np.array([[-9.0, -1, 0], [9, -1, 0], [9, 1, 0], [-9, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]])
    )
    arguments = {"orthographic": orthographic, "azimuth": 0.0, "elevation": 0.0, "fov": 90.0}
    wide = frame(flat, fit="bounds", size=(100, 900), margin=0.0, **arguments)
    np.testing.assert_allclose(borders(wide, flat.verts, (100, 900)), 0.0, atol=1e-12)
    sphere = frame(flat, size=(100, 900), **arguments)
    if orthographic:
        assert wide.half_extent == pytest.approx(1.0)
        assert sphere.half_extent == pytest.approx((1 + MARGIN) * math.sqrt(82))
    else:
        np.testing.assert_allclose(wide.center, [0, 0, 1.0], atol=1e-12)
        assert sphere.center[2] == pytest.approx((1 + MARGIN) * math.sqrt(82) / math.sin(math.pi / 4))


def test_a_target_before_the_mesh_is_looked_at_from_its_front():
    mesh = random_mesh(7)
    center, radius = bounding_sphere(mesh.verts, mesh.faces)
    target = center + 4 * radius * np.array([0.0, 0.0, 1.0])
    camera = frame(mesh, azimuth=0, elevation=0, target=target, fit="bounds", fov=90.0)
    assert (target @ camera.R + camera.T)[2] > 0
    assert borders(camera, mesh.verts, (1, 1)).min() > MARGIN


def test_what_is_a_point_or_seen_end_on_is_framed():
    point = RawMesh(np.full((3, 3), 5.0), np.array([[0, 1, 2]]))
    line = RawMesh(np.array([[0.0, 0, -1], [0, 0, 0], [0, 0, 1]]), np.array([[0, 1, 2]]))
    for mesh in (point, line):
        for orthographic in (False, True):
            camera = frame(mesh, fit="bounds", azimuth=0, elevation=0, orthographic=orthographic)
            ndc = camera.project(mesh.verts)
            assert np.abs(ndc[:, :2]).max() < 1e-6
            assert ndc[:, 2].min() > camera.z_near > 0


def test_the_pose_is_that_of_the_angles_and_the_roll():
    mesh = random_mesh(4)
    for fit in ("sphere", "bounds"):
        camera = frame(mesh, azimuth=50.0, elevation=-10.0, roll=25.0, fit=fit)
        R, _ = roll_by(*look_at(1.0, -10.0, 50.0), roll=25.0)
        np.testing.assert_allclose(camera.R, R, atol=1e-12)


def test_a_distance_is_from_the_target():
    mesh = random_mesh(5)
    camera = frame(mesh, target=(1.0, 2.0, 3.0), distance=7.0, fit="bounds")
    assert np.linalg.norm(camera.center - [1.0, 2.0, 3.0]) == pytest.approx(7.0)
    assert frame(mesh, distance=7.0, orthographic=True, fit="bounds").half_extent == pytest.approx(
        frame(mesh, orthographic=True, fit="bounds").half_extent
    )


def test_a_subject_is_framed_as_its_mesh():
    mesh = random_mesh(6)
    mesh.up = "z"
    for fit in ("sphere", "bounds"):
        one, other = frame(mesh, fit=fit), frame(Subject.of(mesh), fit=fit)
        np.testing.assert_array_equal(one.R, other.R)
        np.testing.assert_array_equal(one.T, other.T)


def test_the_examples():
    assert doctest.testmod(framing).failed == 0
