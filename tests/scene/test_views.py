"""Directions of several views."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from r3d_cli.scene import views
from r3d_cli.scene.camera import Camera, look_at
from r3d_cli.scene.views import Views, fibonacci, orbit, parse_views


def directions(angles):
    return np.array([Camera(*look_at(1.0, elevation, azimuth)).center for azimuth, elevation in angles])


def test_an_orbit_turns_evenly_from_its_azimuth():
    angles = orbit(12, 300.0, -10.0)
    assert angles[0] == (300.0, -10.0)
    np.testing.assert_allclose(np.diff(angles, axis=0), [[30.0, 0.0]] * 11, atol=1e-9)
    around = directions(angles)
    np.testing.assert_allclose(around.mean(0), [0, around[0, 1], 0], atol=1e-12)


@pytest.mark.parametrize("count", [8, 50, 1000])
def test_fibonacci_is_even(count):
    points = directions(fibonacci(count))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0)
    # Directions that are spread evenly have the mean 0 and a covariance of a third.
    assert np.abs(points.mean(0)).max() < 1 / count
    np.testing.assert_allclose(points.T @ points / count, np.eye(3) / 3, atol=2 / count)
    distances = np.linalg.norm(points[:, None] - points, axis=2) + 9 * np.eye(count)
    nearest = distances.min(1)
    # Of equal discs in a hexagonal pattern, neighbours would be this far apart.
    ideal = np.sqrt(8 * np.pi / np.sqrt(3) / count)
    assert 0.75 * ideal < nearest.min()
    assert nearest.max() < 1.1 * ideal


def test_one_direction_is_from_the_side():
    assert fibonacci(1) == [(0.0, 0.0)]
    assert orbit(1, 7.0, 3.0) == [(7.0, 3.0)]


def test_parse():
    assert parse_views("36") == Views("orbit", 36)
    assert parse_views(" Fibonacci:9 ") == Views("fibonacci", 9)
    assert parse_views("2").directions(10.0, 5.0) == orbit(2, 10.0, 5.0)
    assert parse_views("fibonacci:9").directions(10.0, 5.0) == fibonacci(9)


@pytest.mark.parametrize("text", ["", "0", "-3", "1.5", "fibonacci", "fibonacci:", "spiral:4", "100001", "٣"])
def test_what_is_no_number_of_views_is_quoted(text):
    with pytest.raises(
        ValueError, match="views must be N or fibonacci:N with N of 1 to 100,000, got"
    ) as error:
        parse_views(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("count", [0, -1, 100_001])
def test_counts_out_of_range(count):
    for make in (orbit, fibonacci):
        with pytest.raises(ValueError, match=f"the number of views must be 1 to 100,000, got {count}"):
            make(count)


def test_the_examples():
    assert doctest.testmod(views).failed == 0
