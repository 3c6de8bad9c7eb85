"""Pictures against closed forms, and properties that every picture has."""

from __future__ import annotations

import math

import numpy as np
import pytest

from r3d_cli.scene.camera import Camera, look_at
from r3d_cli.scene.draw import draw
from r3d_cli.scene.model import Material, RawMesh

WHITE = Material(base_color=(1.0, 1.0, 1.0, 1.0), specular=(0.0, 0.0, 0.0))
#: One light of Lambert's kind at the camera.
HEADLIGHT = np.array([[0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0]], dtype=float)
AMBIENT = np.array([[0, 0, 0, 1, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0, 0, 0]], dtype=float)


def quad(half: float = 1.0, z: float = 0.0, **fields) -> RawMesh:
    """The square [-half, half]^2 at depth z, seen from +z."""
    verts = np.array([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]], np.float32)
    return RawMesh(verts, np.array([[0, 1, 2], [0, 2, 3]]), **fields)


def sphere(rows: int = 200, **fields) -> RawMesh:
    """The unit sphere, with its own normals."""
    theta, phi = np.meshgrid(np.linspace(0, math.pi, rows + 1), np.linspace(0, 2 * math.pi, 2 * rows + 1))
    verts = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1)
    ids = np.arange(theta.size).reshape(theta.shape)
    a, b, c, d = (x.ravel() for x in (ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    verts = verts.reshape(-1, 3).astype(np.float32)
    return RawMesh(verts, faces, normals=verts, **fields)


def front(distance: float, **fields) -> Camera:
    return Camera(*look_at(distance, 0.0, 0.0), **fields)


def test_a_sphere_has_the_silhouette_of_its_tangent_cone():
    distance, fov, side = 3.0, 40.0, 400
    picture = draw(sphere(), front(distance, fov=fov), size=(side, side), supersampling=1)
    radius = math.tan(math.asin(1 / distance)) / math.tan(math.radians(fov / 2)) * side / 2
    covered = (picture.image != 255).any(axis=2)
    assert math.sqrt(covered.sum() / math.pi) == pytest.approx(radius, abs=0.1)
    assert picture.coverage == pytest.approx(math.pi * radius**2 / side**2, rel=2e-3)
    rows, columns = np.nonzero(covered)
    assert rows.min() + rows.max() == columns.min() + columns.max() == side - 1


def test_an_orthographic_sphere_has_its_own_radius():
    camera = front(3.0, half_extent=2.0)
    covered = (draw(sphere(), camera, size=(300, 500)).image != 255).any(axis=2)
    rows, columns = np.nonzero(covered)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (150, 150)


def test_half_the_light_is_code_188():
    picture = draw(quad(materials=[WHITE]), front(1.0), size=(16, 16), lights=AMBIENT)
    assert (picture.image == 188).all()


def test_a_sphere_at_the_lights_origin_shades_as_lamberts_cosine():
    side, extent = 256, 1.25
    light = HEADLIGHT.copy()
    light[0, :4] = [0, 0, -1, 0]
    picture = draw(
        sphere(400, materials=[WHITE]),
        front(3.0, half_extent=extent),
        size=(side, side),
        lights=light,
        supersampling=1,
    )
    center = (np.arange(side) + 0.5) / side * 2 * extent - extent
    square = 1 - center[:, None] ** 2 - center[None, :] ** 2
    inside = square > 0.01
    linear = np.sqrt(square[inside])
    code = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(picture.image[inside] - code[:, None]).max() <= 1.0
