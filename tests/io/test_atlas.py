"""Atlases of files: where their texels lie, and maps made of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli.io.atlas import atlas_to_map, bake_atlas, texel_weights
from r3d_cli.renderer import TexturesAtlas, TexturesUV
from r3d_cli.scene.color import linear_to_srgb, srgb_to_linear
from r3d_cli.scene.model import Material, RawMesh, Texture


def at_centroids(num_faces: int, weights: Tensor) -> SimpleNamespace:
    """Fragments whose pixels are the texels (R, R) of faces."""
    faces = torch.arange(num_faces)[:, None, None, None].expand(-1, *weights.shape[:2], 1)
    bary = weights[None, :, :, None].expand(num_faces, -1, -1, -1, -1)
    size = weights.shape[0]
    return SimpleNamespace(
        pix_to_face=faces.reshape(1, num_faces * size, size, 1),
        bary_coords=bary.reshape(1, num_faces * size, size, 1, 3),
    )


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_texels_lie_where_textures_atlas_samples_them(size: int) -> None:
    atlas = torch.rand(2, size, size, 3)
    weights = texel_weights(size)
    assert (weights > 0).all()
    sampled = TexturesAtlas([atlas]).sample_textures(at_centroids(2, weights))
    assert torch.equal(sampled.reshape(atlas.shape), atlas)


@pytest.mark.parametrize(("num_faces", "size"), [(1, 1), (2, 3), (7, 4), (5, 1)])
def test_a_map_has_the_atlas_values_at_its_centroids(num_faces: int, size: int) -> None:
    atlas = torch.rand(num_faces, size, size, 4)
    image, uvs = atlas_to_map(atlas)
    faces_uvs = torch.arange(3 * num_faces).reshape(-1, 3)
    fragments = at_centroids(num_faces, texel_weights(size))
    sampled = TexturesUV([image], [faces_uvs], [uvs]).sample_textures(fragments)
    torch.testing.assert_close(sampled.reshape(atlas.shape), atlas, rtol=0, atol=1e-4)


def test_a_map_of_no_faces() -> None:
    image, uvs = atlas_to_map(torch.zeros(0, 2, 2, 3))
    assert image.shape == (10, 10, 3)
    assert uvs.shape == (0, 2)


def test_a_map_that_no_picture_holds_is_refused() -> None:
    atlas = torch.zeros(1, 1, 1, 1).expand(10_000, 100, 100, 1)
    with pytest.raises(
        ValueError, match="needs a picture of 40200 pixels a side, more than 32768; sample it"
    ):
        atlas_to_map(atlas)


def test_factors_multiply_maps_in_linear_light() -> None:
    image = np.full((2, 2, 3), 128, np.uint8)
    material = Material("", (0.5, 1.0, 0.25, 1.0), Texture(image))
    verts, faces = np.eye(3, dtype=np.float32), np.array([[0, 1, 2]])
    uvs = np.zeros((3, 2), np.float32)
    raw = RawMesh(verts, faces, uvs=uvs, materials=[material], faces_material=np.zeros(1, np.int32))
    expected = linear_to_srgb(srgb_to_linear(128 / 255) * np.array([0.5, 1.0, 0.25]))
    np.testing.assert_allclose(bake_atlas(raw, 1, None)[0, 0, 0], expected, atol=1e-6)
    material.base_color_texture = None
    np.testing.assert_allclose(
        bake_atlas(raw, 1, None)[0, 0, 0], linear_to_srgb(np.array([0.5, 1, 0.25])), atol=1e-6
    )
