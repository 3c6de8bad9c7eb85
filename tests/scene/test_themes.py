"""Themes: what they replace, and that their pictures neither clip nor drown."""

from __future__ import annotations

import numpy as np
import pytest

from r3d_cli.scene.draw import draw
from r3d_cli.scene.framing import frame
from r3d_cli.scene.model import Material, RawMesh
from r3d_cli.scene.themes import THEMES
from r3d_cli.utils.ico_sphere import ico_sphere


@pytest.fixture(scope="module")
def ball() -> RawMesh:
    mesh = ico_sphere(3)
    return RawMesh(mesh.verts_packed().numpy(), mesh.faces_packed().numpy())


@pytest.mark.parametrize("name", THEMES)
def test_a_theme_draws_its_background_and_keeps_light_and_dark_apart(name, ball):
    theme = THEMES[name]
    picture = draw(
        theme.dress(ball),
        frame(ball),
        size=(120, 120),
        shading=theme.shading,
        background=theme.background,
        lights=theme.lights,
        passes=("rgb", "mask"),
    )
    assert np.abs(picture.image[0, 0] - 255 * np.array(theme.background)).max() <= 0.51
    seen = picture.image[picture.passes["mask"]].mean(axis=1)
    assert seen.max() < 254
    assert seen.min() > 20
    assert seen.max() > 1.3 * seen.min()


def test_clay_is_warm_and_matte_whatever_the_mesh_is_made_of(ball):
    mesh = RawMesh(ball.verts, ball.faces, colors=np.zeros((len(ball.verts), 4), np.float32))
    mesh.materials = [Material(base_color=(0.0, 0.0, 1.0, 0.1), alpha_mode="blend")]
    mesh.faces_material = np.zeros(len(mesh.faces), np.int32)
    theme = THEMES["clay"]
    dressed = theme.dress(mesh)
    assert mesh.materials[0].base_color == (0.0, 0.0, 1.0, 0.1)
    picture = draw(dressed, frame(mesh), size=(60, 60), lights=theme.lights, passes=("rgb", "mask"))
    red, green, blue = picture.image[picture.passes["mask"]].astype(int).T
    assert (red > green).all()
    assert (green > blue).all()


def test_blueprint_has_lines_lighter_than_its_faces(ball):
    theme = THEMES["blueprint"]
    look = {"size": (200, 200), "lights": theme.lights, "background": theme.background, "supersampling": 1}
    plain = draw(theme.dress(ball), frame(ball), **look).image.astype(int)
    lined = draw(theme.dress(ball), frame(ball), wireframe=theme.wireframe, **look).image
    on_line = (lined != plain).any(axis=2)
    assert 0.02 < on_line.mean() < 0.3
    assert (lined[on_line].sum(axis=1) > plain[on_line].sum(axis=1) + 60).all()
