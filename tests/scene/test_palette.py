"""The palette of several pictures."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

import r3d_cli.scene.palette
from r3d_cli.scene.palette import CLEAR, COLORS, Palette, pack


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 20, 30, 3), np.uint8)


def test_examples() -> None:
    results = doctest.testmod(r3d_cli.scene.palette)
    assert results.attempted
    assert not results.failed


def test_every_pixel_gets_the_nearest_colour() -> None:
    """Of frames that the palette was chosen from, and of others."""
    frames = noise(4)
    palette = Palette([pack(frame) for frame in frames[:2]], transparency=False)
    assert palette.colors.shape == (COLORS, 3)
    for frame in frames:
        error = ((frame[..., None, :].astype(int) - palette.colors) ** 2).sum(axis=-1)
        ids = palette.ids(pack(frame))
        chosen = np.take_along_axis(error, ids[..., None].astype(int), -1)[..., 0]
        np.testing.assert_array_equal(chosen, error.min(axis=-1))


def test_a_palette_is_better_than_pillows() -> None:
    """Shades of a few hues, as pictures have them."""
    from PIL import Image

    shade = np.linspace(0.05, 1, 200)[:, None, None]
    hues = np.random.default_rng(1).uniform(20, 255, (12, 3))
    frame = np.rint(shade * hues).astype(np.uint8)
    palette = Palette([pack(frame)], transparency=False)
    ours = ((palette.colors[palette.ids(pack(frame))] - frame) ** 2).mean()
    pillow = Image.fromarray(frame).quantize(COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    theirs = ((np.asarray(pillow.convert("RGB")).astype(float) - frame) ** 2).mean()
    assert ours < 0.9 * theirs


@pytest.mark.parametrize("transparency", [False, True])
def test_as_many_colours_as_fit_stay_themselves(transparency: bool) -> None:
    count = COLORS - transparency
    colors = np.unique(noise(1).reshape(-1, 3), axis=0)[:count]
    frame = colors.reshape(1, count, 3)
    palette = Palette([pack(frame)], transparency=transparency)
    assert sorted(palette.colors.tolist()) == sorted(colors.tolist())
    assert (palette.ids(pack(frame)) < count).all()


def test_transparent_pixels_have_an_id_of_their_own() -> None:
    frame = np.dstack([noise(1)[0], np.full((20, 30), 255, np.uint8)])
    frame[3:5, :, 3] = (127, 0) * 15
    frame[6, :, 3] = 128
    code = pack(frame)
    np.testing.assert_array_equal(code == CLEAR, frame[..., 3] < 128)
    palette = Palette([code], transparency=True)
    assert len(palette.colors) == palette.transparent == COLORS - 1
    np.testing.assert_array_equal(palette.ids(code) == palette.transparent, frame[..., 3] < 128)


def test_what_the_sample_misses_is_in_the_palette(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a film so large that only one pixel in many is weighed."""
    monkeypatch.setattr(r3d_cli.scene.palette, "_SAMPLES", 16)
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[1:21, 1:16] = np.stack(np.mgrid[:20, :15], axis=-1)[..., [0, 1, 1]] * 12
    palette = Palette([pack(frame)], transparency=False)
    error = palette.colors[palette.ids(pack(frame))] - frame
    assert np.abs(error).max() <= 12
