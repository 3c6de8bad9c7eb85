"""The CUDA kernels of soft_phong, emulated, against the CPU schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phong_scenes import Scene, assert_same_shading, phong_scene
from shapes import Meshes, by_vertex, covering_verts, make_meshes

from r3d_cli.backend import soft_phong as backend
from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.rasterize_meshes import RasterSettings
from r3d_cli.backend.soft_phong import soft_phong_fwd

pytestmark = pytest.mark.slow

SETTINGS = {
    "sharp": RasterSettings(),
    "blurred": RasterSettings(0.02),
    "perspective": RasterSettings(0.02, True, True),
    "planes": RasterSettings(0.02, True, z_near=1.2, z_far=2.6),
    "culled": RasterSettings(0.02, cull_backfaces=True),
}
PERSPECTIVE, SHARP = SETTINGS["perspective"], SETTINGS["sharp"]


def shared_vertices(dtype: type = np.float64) -> Meshes:
    """Two meshes with an empty one between them, of triangles that share vertices and intersect."""
    rng = np.random.default_rng(0)
    verts = rng.uniform((-1.2, -1.2, 1.0), (1.2, 1.2, 3.0), (26, 3)).astype(dtype)
    faces = np.stack([rng.permutation(26)[:3] for _ in range(40)])
    return verts, faces, np.array([0, 22, 22, 40])


def check(scene: Scene, device: Emulation, tolerance: float = 1e-11) -> None:
    """Both ways of summing; something of everything that can have a gradient has one."""
    want = scene.run()
    kinds = scene.options["kinds"]
    lit, kind = kinds.lights in ("directional", "point"), kinds.texture
    moved = {name: grad.any() for name, grad in want[1]._asdict().items()}
    assert moved == {
        "verts": True,
        "positions": lit,
        "normals": lit,
        "looks": True,
        "texels": True,
        "uvs": kind == "maps",
    }
    for corners in (None, by_vertex(scene.mesh)):
        assert_same_shading(scene.run(device, corners), want, tolerance)


@pytest.mark.parametrize("texture", ["vertices", "maps", "atlas"])
@pytest.mark.parametrize("lights", ["none", "ambient", "directional", "point"])
def test_equals_the_cpu_schedule(lights: str, texture: str, emulation: Emulation) -> None:
    # Clipped coordinates lie on the diagonal of an atlas, where the last digit decides between two texels.
    settings = SHARP if texture == "atlas" else PERSPECTIVE
    check(phong_scene(*shared_vertices(), settings=settings, lights=lights, texture=texture), emulation)


@pytest.mark.parametrize("faces_per_pixel", [None, 1, 3, 12])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_settings_and_limits(settings: RasterSettings, faces_per_pixel: int | None) -> None:
    scene = phong_scene(*shared_vertices(), settings=settings, faces_per_pixel=faces_per_pixel)
    check(scene, Emulation("random"))


@pytest.mark.parametrize("bilinear", [False, True])
@pytest.mark.parametrize("padding", ["border", "zeros", "reflection", "repeat"])
def test_maps(padding: str, bilinear: bool) -> None:
    scene = phong_scene(
        *shared_vertices(), settings=PERSPECTIVE, texture="maps", padding=padding, bilinear=bilinear
    )
    if bilinear:
        check(scene, Emulation())
    else:  # nothing moves the nearest texel
        assert_same_shading(scene.run(Emulation()), scene.run(), 1e-11)


@pytest.mark.parametrize("texture", ["vertices", "maps", "atlas"])
def test_in_single_precision(texture: str, emulation: Emulation) -> None:
    settings = SHARP if texture == "atlas" else PERSPECTIVE
    check(phong_scene(*shared_vertices(np.float32), settings=settings, texture=texture), emulation, 2e-5)


def crowded(**options: Any) -> Scene:
    """Lists longer than a batch, and faces over the whole picture."""
    verts = np.concatenate([make_meshes(280, size=0.2)[0] * (0.3, 0.3, 1), covering_verts(12)])
    faces = np.arange(len(verts)).reshape(-1, 3) % (len(verts) - 3)
    mesh = verts.astype(np.float32), faces, np.array([0, 286, 292])
    return phong_scene(*mesh, image_size=(66, 70), settings=PERSPECTIVE, **options)


@pytest.mark.parametrize("texture", ["vertices", "maps"])
def test_in_order_repeats_bit_by_bit(texture: str) -> None:
    scene = crowded(texture=texture, faces_per_pixel=12)
    results = []
    for seed in range(3):
        result, gradients = scene.run(Emulation("random", seed=seed), by_vertex(scene.mesh))
        results.append([array.tobytes() for array in (*result, *gradients)])
    assert results[1:] == results[:-1]


def test_chunks_and_pieces_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces in several launches, pictures in several pieces, small budgets of lists."""
    scene = crowded()
    want = scene.run()
    monkeypatch.setattr(backend, "FACES_AT_ONCE", 101)
    monkeypatch.setattr(backend, "PIXELS_A_PIECE", 700)
    for corners in (None, by_vertex(scene.mesh)):
        assert_same_shading(scene.run(Emulation(), corners), want, 1e-4)
    got = soft_phong_fwd(*scene[:4], workspace_budget=1000, device=Emulation(), **scene.options)
    np.testing.assert_allclose(got.image, want[0].image, atol=1e-4)


def test_no_faces(emulation: Emulation) -> None:
    verts, faces = np.zeros((4, 3), np.float32), np.zeros((0, 3), np.int64)
    scene = phong_scene(verts, faces, np.zeros(3, np.int64), settings=PERSPECTIVE)
    for corners in (None, by_vertex(scene.mesh)):
        assert_same_shading(scene.run(emulation, corners), scene.run(), 1e-5)


def test_gradients_that_are_not_finite_are_handed_on() -> None:
    """Not hidden by integers, which cannot hold them."""
    scene = phong_scene(*shared_vertices(), settings=SHARP, texture="atlas")
    result, _ = scene.run()
    grad = np.full_like(result.image, np.inf)
    got = backend.soft_phong_bwd(
        *scene[:3], result, grad, device=Emulation(), corners=by_vertex(scene.mesh), **scene.options
    )
    assert np.isnan(got.texels).all()


@pytest.mark.parametrize(
    ("texture", "part", "bad"),
    [
        ("vertices", "corner_ids", -1),
        ("vertices", "corner_ids", 10**12),
        ("maps", "corner_ids", 10**6),
        ("maps", "faces_source", 9),
        ("maps", "maps", 10**9),
        ("maps", "maps", -1),
        ("atlas", "faces_source", 99),
        ("atlas", "faces_source", -1),
    ],
)
def test_ids_out_of_range_are_named_and_nothing_is_read_there(texture: str, part: str, bad: int) -> None:
    """As on the CPU, for the one wait of the forward; `fwd` is not launched."""
    scene = phong_scene(*make_meshes(20), settings=RasterSettings(1e-3), texture=texture)
    table = getattr(scene.texture, part).copy()
    table.reshape(-1)[3 if part == "corner_ids" else 0] = bad
    scene = scene._replace(texture=scene.texture._replace(**{part: table}))
    device = Emulation()
    with pytest.raises((IndexError, ValueError)) as on_cpu:
        soft_phong_fwd(*scene[:4], **scene.options)
    with pytest.raises(type(on_cpu.value)) as emulated:
        soft_phong_fwd(*scene[:4], device=device, **scene.options)
    assert str(emulated.value) == str(on_cpu.value)
    assert "soft_phong_check" in device.launched
    assert "soft_phong_fwd" not in device.launched
