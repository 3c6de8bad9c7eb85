"""Materials and textures as tables."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r3d_cli.scene.color import linear_to_srgb, srgb_to_linear
from r3d_cli.scene.model import Material, RawMesh, Texture
from r3d_cli.scene.surface import DEFAULT_MATERIAL, mip_levels, pack_surface


@given(height=st.integers(1, 40), width=st.integers(1, 40), channels=st.sampled_from([3, 4]))
def test_mip_levels_average_light_down_to_one_texel(height, width, channels):
    image = np.random.default_rng(height * 41 + width).integers(0, 256, (height, width, channels), np.uint8)
    levels = mip_levels(image)
    np.testing.assert_array_equal(levels[0][..., :channels], image)
    assert channels == 4 or (levels[0][..., 3] == 255).all()
    assert levels[-1].shape == (1, 1, 4)
    for fine, coarse in itertools.pairwise(levels):
        rows, columns = max(fine.shape[0] // 2, 1), max(fine.shape[1] // 2, 1)
        assert coarse.shape == (rows, columns, 4)
        light = np.concatenate([srgb_to_linear(fine[..., :3] / 255), fine[..., 3:] / 255], axis=2)
        if len(fine) > 1:
            light = (light[0 : 2 * rows : 2] + light[1 : 2 * rows : 2]) / 2
        if fine.shape[1] > 1:
            light = (light[:, 0 : 2 * columns : 2] + light[:, 1 : 2 * columns : 2]) / 2
        expected = np.concatenate([linear_to_srgb(light[..., :3]), light[..., 3:]], axis=2) * 255
        # A level is made from the unrounded one above it.
        assert np.abs(coarse[..., 3] - expected[..., 3]).max() <= 1.01
        decoded = srgb_to_linear(coarse[..., :3] / 255.0)
        assert np.abs(decoded - light[..., :3]).max() <= 0.01


def triangle(**fields) -> RawMesh:
    return RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]), **fields)


def pack(mesh: RawMesh):
    return pack_surface(mesh, mesh.verts.astype(np.float32), np.eye(3))


def test_faces_without_a_material_get_the_default():
    bare = pack(triangle())
    np.testing.assert_allclose(bare.materials[0, :4], DEFAULT_MATERIAL.base_color)
    mesh = triangle(
        materials=[Material(base_color=(0.1, 0.2, 0.3, 1.0))], faces_material=np.array([-1], np.int32)
    )
    surface = pack(mesh)
    np.testing.assert_allclose(surface.materials[surface.faces_material[0], :4], DEFAULT_MATERIAL.base_color)


def test_vertex_colours_without_a_material_are_not_darkened():
    surface = pack(triangle(colors=np.ones((3, 4), np.float32)))
    np.testing.assert_array_equal(surface.materials[0, :4], 1)


def test_an_image_of_several_textures_is_stored_once():
    image = np.zeros((8, 4, 3), np.uint8)
    once = Texture(image)
    materials = [
        Material(base_color_texture=t) for t in (once, once, Texture(image, ("clamp", "mirror")), None)
    ]
    surface = pack(triangle(materials=materials, faces_material=np.zeros(1, np.int32)))
    assert surface.material_codes[:4, 0].tolist() == [0, 0, 1, -1]
    assert surface.textures.tolist() == [[0, 4, 8, 4, 0, 0, 0], [0, 4, 8, 4, 1, 2, 0]]
    assert len(surface.texels) == 32 + 8 + 2 + 1


@pytest.mark.parametrize("mode", ["opaque", "mask", "blend"])
def test_a_material_is_a_row(mode):
    material = Material(
        base_color=(0.1, 0.2, 0.3, 0.4),
        emissive=(0.5, 0.6, 0.7),
        specular=(0.8, 0.9, 1.0),
        shininess=12.0,
        alpha_mode=mode,
        alpha_cutoff=0.25,
        unlit=True,
    )
    surface = pack(triangle(materials=[material]))
    row = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 12.0, 0.25]
    np.testing.assert_allclose(surface.materials, [row], rtol=1e-6)
    assert surface.material_codes.tolist() == [[-1, -1, ["opaque", "mask", "blend"].index(mode), 1]]
