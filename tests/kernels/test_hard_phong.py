"""The CUDA kernels of hard_phong, emulated, against the CPU schedule."""

from __future__ import annotations

import numpy as np
import pytest
from fragment_scenes import Scene, fragment_scene

from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.hard_phong import Wanted, hard_phong_bwd, hard_phong_fwd

pytestmark = pytest.mark.slow


def check(scene: Scene, device: Emulation) -> None:
    """Both ways of adding up; something of everything that can have a gradient has one."""
    want = hard_phong_fwd(*scene)
    np.testing.assert_allclose(hard_phong_fwd(*scene, device=device), want, rtol=0, atol=1e-12)
    grad = np.cos(np.arange(want.size, dtype=want.dtype)).reshape(want.shape)
    want_grads = hard_phong_bwd(*scene, grad)
    kind = scene[3]
    lit = kind.light_kind > 1
    moved = {name: bool(part.any()) for name, part in want_grads._asdict().items()}
    assert moved == {
        "bary_coords": lit or kind.texture_kind != 2,
        "positions": lit,
        "normals": lit,
        "looks": True,
        "texels": True,
        "uvs": kind.texture_kind == 1,
    }
    for in_order in (False, True):
        got = hard_phong_bwd(*scene, grad, in_order=in_order, device=device)
        for part, wanted in zip(got, want_grads, strict=True):
            scale = max(1, np.abs(wanted).max(initial=0))
            np.testing.assert_allclose(part, wanted, rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize("texture", ["vertices", "maps", "atlas"])
@pytest.mark.parametrize("lights", ["ambient", "directional", "point"])
def test_equals_the_cpu_schedule(lights: str, texture: str, emulation: Emulation) -> None:
    check(fragment_scene(texture, lights=lights), emulation)


def test_pictures_of_one_look_and_of_several_blocks() -> None:
    check(fragment_scene("vertices", per_picture=False, size=(40, 61), K=1), Emulation("random"))


def test_only_what_is_wanted_is_computed() -> None:
    scene = fragment_scene("maps")
    grad = np.ones((*scene[0].pix_to_face.shape[:3], 4))
    whole = hard_phong_bwd(*scene, grad, device=Emulation())
    for number, names in enumerate(
        (("bary_coords",), ("positions", "normals"), ("looks",), ("texels",), ("uvs",))
    ):
        wanted = Wanted(*(number == other for other in range(5)))
        for device in (None, Emulation()):
            got = hard_phong_bwd(*scene, grad, wanted, device=device)
            for name, part in got._asdict().items():
                if name in names:
                    np.testing.assert_allclose(part, getattr(whole, name), rtol=1e-11, atol=1e-11)
                else:
                    assert part.size == 0, name


def test_what_a_face_lacks_is_nan_and_gives_nothing() -> None:
    pixels, texture, look, kinds = fragment_scene("maps")
    seen = np.unique(pixels.pix_to_face[..., 0])[1:6]
    F = len(pixels.faces)
    ids = np.where(pixels.pix_to_face == seen[0], F, pixels.pix_to_face)
    faces, corners, sources = pixels.faces.copy(), texture.corner_ids.copy(), texture.faces_source.copy()
    faces[seen[1], 2], corners[seen[2], 0], sources[seen[3]] = 60, -1, 2
    bad = (
        pixels._replace(pix_to_face=ids, faces=faces),
        texture._replace(corner_ids=corners, faces_source=sources),
    )
    got = hard_phong_fwd(*bad, look, kinds, device=Emulation())
    want = hard_phong_fwd(pixels, texture, look, kinds)
    lacking = np.isin(pixels.pix_to_face[..., 0], seen[:4])
    assert np.isnan(got[lacking][:, :3]).all()
    np.testing.assert_allclose(got[~lacking], want[~lacking], atol=1e-12)
    grad = np.ones_like(want)
    grads = hard_phong_bwd(*bad, look, kinds, grad, device=Emulation())
    want_grads = hard_phong_bwd(pixels, texture, look, kinds, grad * ~lacking[..., None])
    for part, wanted in zip(grads, want_grads, strict=True):
        np.testing.assert_allclose(part, wanted, rtol=1e-10, atol=1e-10)
