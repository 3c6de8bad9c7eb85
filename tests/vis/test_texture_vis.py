"""Texture maps with discs at their coordinates."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from r3d_cli.extras import pip_install
from r3d_cli.renderer import TexturesUV
from r3d_cli.vis import texturesuv_image_matplotlib, texturesuv_image_PIL

#: Two maps of different size, and coordinates of a corner below, the middle, and one that no face uses.
UVS = torch.tensor([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]])
FACES = torch.tensor([[0, 1, 1]])
TEXTURE = TexturesUV(
    [torch.zeros(5, 5, 3), torch.full((21, 41, 3), 0.2)], [FACES, FACES], [UVS, UVS], align_corners=True
)


def test_pil() -> None:
    image = texturesuv_image_PIL(TEXTURE, texture_index=1, radius=2)
    assert image.size == (41, 21)
    pixels = np.asarray(image)
    for x, y in ((0, 20), (20, 10), (40, 0)):
        assert pixels[y, x].tolist() == [255, 0, 0]
    assert pixels[10, 20 + 4].tolist() == [51, 51, 51]
    red = (pixels == [255, 0, 0]).all(-1).sum()
    assert 12 <= red <= 60
    assert texturesuv_image_PIL(TEXTURE, color="blue", radius=0.5).getpixel((2, 2)) == (0, 0, 255)


def test_pil_thins_what_it_draws() -> None:
    uvs = torch.cartesian_prod(torch.linspace(0, 1, 40), torch.linspace(0, 1, 25))
    texture = TexturesUV([torch.zeros(400, 400, 3)], [FACES], [uvs])

    def discs(subsample: int | None) -> int:
        image = texturesuv_image_PIL(texture, subsample=subsample)
        return int((np.asarray(image) == [255, 0, 0]).all(-1).sum())

    assert 1000 <= discs(None) == discs(1000)
    assert 0 < discs(50) < discs(None) / 10


def test_matplotlib() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    texturesuv_image_matplotlib(TEXTURE, texture_index=1, radius=3, color="green")
    (image,) = axes.get_images()
    np.testing.assert_allclose(image.get_array(), 0.2)
    assert [tuple(patch.center) for patch in axes.patches] == [(0, 20), (20, 10), (40, 0)]
    assert {patch.radius for patch in axes.patches} == {3}
    axes.clear()
    texturesuv_image_matplotlib(TEXTURE, subsample=1, origin="lower")
    assert len(axes.patches) == 1
    assert axes.get_images()[0].origin == "lower"
    pyplot.close(figure)


def test_matplotlib_missing_is_a_line_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="needs the package matplotlib, of r3d's extra vis") as caught:
        texturesuv_image_matplotlib(TEXTURE)
    assert str(caught.value).endswith(pip_install(extra="vis"))
