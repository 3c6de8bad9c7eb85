"""soft_phong against its reference, against fragments shaded and blended, and its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli.backend.cpu import native
from r3d_cli.ops.soft_phong import PackedTexture, PhongSurface, soft_phong
from r3d_cli.reference.soft_phong import soft_phong as reference

LIGHTS = ["none", "ambient", "directional", "point"]
MAPS = [
    (padding, align, bilinear)
    for padding in ("border", "zeros", "reflection", "repeat")
    for align in (False, True)
    for bilinear in (False, True)
]
SETTINGS = {
    "sharp": {},
    "blurred": {"blur_radius": 0.02},
    "perspective": {"blur_radius": 0.02, "perspective_correct": True, "clip_barycentric_coords": True},
    "planes": {"blur_radius": 0.02, "perspective_correct": True, "z_near": 1.2, "z_far": 2.6},
    "culled": {"blur_radius": 0.02, "cull_backfaces": True},
}

# Clipped coordinates lie on the diagonal of an atlas, where the last digit decides between two texels.
SMOOTH = {"vertices": "perspective", "maps": "perspective", "atlas": "sharp"}


def scene(*faces_per_mesh: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """Faces that share vertices, in front of and behind each other."""
    rng = np.random.default_rng(seed)
    verts, faces, first = [], [], [0]
    for count in faces_per_mesh:
        made = rng.uniform((-1.2, -1.2, 1.0), (1.2, 1.2, 3.0), (count + 2, 3))
        faces += [sum(map(len, verts)) + rng.permutation(count + 2)[:3] for _ in range(count)]
        verts.append(made)
        first.append(first[-1] + count)
    ids = torch.tensor(np.array(faces).reshape(-1, 3))
    return torch.tensor(np.concatenate(verts)).to(dtype), ids, torch.tensor(first)


def surface(verts: Tensor, count: int, seed: int = 1) -> PhongSurface:
    rng = np.random.default_rng(seed)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.tensor(rng.uniform(low, high, shape)).to(verts)

    depths = torch.tensor([1.0, 4.0]).to(verts).expand(count, 2)
    looks = torch.cat(
        [
            draw(0.1, 0.9, count, 9),
            draw(-1, 1, count, 2),
            draw(-4, -2, count, 1),
            draw(-1, 1, count, 3),
            draw(2, 6, count, 1),
            depths,
            draw(0, 1, count, 3),
        ],
        -1,
    )
    return PhongSurface(verts + draw(-0.1, 0.1, *verts.shape), draw(-1, 1, *verts.shape), looks)


def texture_of(kind: str, verts: Tensor, faces: Tensor, how: tuple[str, bool, bool]) -> PackedTexture:
    rng = np.random.default_rng(2)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.tensor(rng.uniform(low, high, shape)).to(verts)

    if kind == "vertices":
        return PackedTexture(draw(0, 1, len(verts), 3), faces)
    F = len(faces)
    if kind == "atlas":
        places = torch.tensor(rng.permutation(F))
        return PackedTexture(draw(0, 1, 9 * F, 3), faces_source=places, kind=kind, atlas_size=3)
    maps = torch.tensor([[0, 5, 4], [20, 3, 7]])
    which = torch.tensor(rng.integers(0, 2, F))
    corners = torch.tensor(rng.integers(0, 40, (F, 3)))
    padding, align, bilinear = how
    return PackedTexture(
        draw(0, 1, 41, 3), corners, draw(-0.7, 1.6, 40, 2), maps, which, "maps", 1, padding, align, bilinear
    )


DEFAULT = ("border", True, True)


def both(
    kind: str,
    lights: str,
    settings: dict[str, Any],
    how: tuple[str, bool, bool] = DEFAULT,
    K: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> list[tuple[Tensor, list[Tensor]]]:
    """Pictures and gradients of the kernel and of the reference."""
    verts, faces, first = scene(14, 0, 9, dtype=dtype)
    given, shown = surface(verts, 3), texture_of(kind, verts, faces, how)
    results = []
    for op in (soft_phong, reference):
        leaves = [tensor.detach().clone().requires_grad_() for tensor in (verts, *given, shown.texels)]
        uvs = None
        if shown.uvs is not None:
            uvs = shown.uvs.detach().clone().requires_grad_()
        texture = shown._replace(texels=leaves[4], uvs=uvs)
        image = op(
            leaves[0],
            faces,
            first,
            PhongSurface(*leaves[1:4]),
            texture,
            (13, 18),
            lights=lights,
            sigma=0.01,
            gamma=0.05,
            faces_per_pixel=K,
            **settings,
        )
        cotangent = torch.cos(torch.arange(image.numel(), dtype=dtype)).reshape(image.shape)
        (image * cotangent).sum().backward()
        leaves += [] if uvs is None else [uvs]
        zeros = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
        results.append((image.detach(), zeros))
    return results


def assert_alike(results: list[tuple[Tensor, list[Tensor]]], tolerance: float) -> None:
    (image, grads), (want, want_grads) = results
    torch.testing.assert_close(image, want, rtol=0, atol=tolerance)
    for grad, wanted in zip(grads, want_grads, strict=True):
        scale = float(wanted.abs().max()) + 1e-12
        torch.testing.assert_close(grad, wanted, rtol=0, atol=30 * tolerance * scale)


@pytest.mark.parametrize("kind", ["vertices", "maps", "atlas"])
@pytest.mark.parametrize("lights", LIGHTS)
def test_equals_the_reference(lights: str, kind: str) -> None:
    assert_alike(both(kind, lights, SETTINGS[SMOOTH[kind]]), 1e-11)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("K", [1, 3, None])
def test_settings_and_limits(settings: str, K: int | None) -> None:
    assert_alike(both("vertices", "point", SETTINGS[settings], K=K), 1e-11)


@pytest.mark.parametrize("how", MAPS)
def test_maps_are_sampled_as_by_pytorch(how: tuple[str, bool, bool]) -> None:
    assert_alike(both("maps", "directional", SETTINGS["blurred"], how), 1e-10)


@pytest.mark.parametrize("kind", ["vertices", "maps", "atlas"])
def test_in_single_precision(kind: str) -> None:
    assert_alike(both(kind, "point", SETTINGS[SMOOTH[kind]], dtype=torch.float32), 2e-5)


def test_repeats_bit_by_bit_whatever_the_number_of_threads() -> None:
    threads = native().num_threads()
    try:
        first = None
        for count in [1, 2, 3, 4, 2]:
            native().set_num_threads(count)
            got = both("maps", "point", SETTINGS["perspective"], dtype=torch.float32)[0]
            first = first or got
            assert torch.equal(got[0], first[0])
            for grad, wanted in zip(got[1], first[1], strict=True):
                assert torch.equal(grad, wanted)
    finally:
        native().set_num_threads(threads)


def mixed_faces(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Slivers, edge-on faces, points, faces through the near plane and behind the camera, huge ones."""
    rng = np.random.default_rng(0)
    corners = rng.uniform((-1.2, -1.2, -0.5), (1.2, 1.2, 3.0), (count, 3, 3))
    corners[::5, 1] = corners[::5, 0] + rng.normal(0, 1e-7, (len(corners[::5]), 3))
    corners[1::5, 2] = (corners[1::5, 0] + corners[1::5, 1]) / 2
    corners[2::25, 1:] = corners[2::25, :1]
    corners[3::25, :, :2] *= 1e12
    verts = torch.tensor(corners.reshape(-1, 3), dtype=torch.float32)
    return verts, torch.arange(3 * count).reshape(-1, 3), torch.tensor([0, count])


@pytest.mark.parametrize("perspective", [False, True])
def test_gradients_of_bad_faces_are_finite(perspective: bool) -> None:
    verts, faces, first = mixed_faces(20_000)
    verts.requires_grad_()
    given = surface(verts.detach(), 1)
    leaves = [tensor.requires_grad_() for tensor in given]
    texture = texture_of("vertices", verts.detach(), faces, DEFAULT)
    image = soft_phong(
        verts,
        faces,
        first,
        PhongSurface(*leaves),
        texture,
        (24, 24),
        blur_radius=1e-3,
        perspective_correct=perspective,
        clip_barycentric_coords=True,
        z_near=0.1,
        faces_per_pixel=100,
    )
    assert torch.isfinite(image).all()
    image.square().sum().backward()
    for leaf in (verts, *leaves):
        assert torch.isfinite(leaf.grad).all()
    assert (verts.grad != 0).any()


def arguments(verts: Tensor, faces: Tensor, first: Tensor, K: int | None) -> tuple[Any, ...]:
    """Of the op below the function."""
    given, texture = surface(verts, 3), texture_of("maps", verts, faces, DEFAULT)
    for tensor in (verts, *given, texture.texels, texture.uvs):
        tensor.requires_grad_()
    options = ("point", "maps", 1, "border", True, True, 0.01, 0.05, 0.02, True, True, False, 0.5, 2.8, True)
    return verts, faces, first, *given, *texture[:5], 6, 7, False, K, *options


@pytest.mark.parametrize("K", [None, 3])
def test_opcheck(K: int | None) -> None:
    torch.library.opcheck(torch.ops.r3d.soft_phong_fwd.default, arguments(*scene(14, 0, 9), K))


@pytest.mark.parametrize("K", [None, 3])
def test_compiles_whole(K: int | None) -> None:
    verts, faces, first = scene(14, 0, 9, dtype=torch.float32)
    given, texture = surface(verts, 3), texture_of("maps", verts, faces, DEFAULT)

    def loss(verts: Tensor, texels: Tensor) -> Tensor:
        shown = texture._replace(texels=texels)
        options = {"sigma": 0.01, "gamma": 0.05, "blur_radius": 0.02, "faces_per_pixel": K}
        return soft_phong(verts, faces, first, given, shown, (13, 18), **options).square().sum()

    grads = []
    for call in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        leaves = [tensor.detach().clone().requires_grad_() for tensor in (verts, texture.texels)]
        call(*leaves).backward()
        grads.append([leaf.grad for leaf in leaves])
    for grad, wanted in zip(*grads, strict=True):
        assert torch.equal(grad, wanted)


def test_halves_are_taken_under_autocast_only() -> None:
    verts, faces, first = scene(14, 0, 9, dtype=torch.float32)
    given, texture = surface(verts, 3), texture_of("vertices", verts, faces, DEFAULT)
    want = soft_phong(verts, faces, first, given, texture, (13, 18), blur_radius=0.02)
    halves = texture._replace(texels=texture.texels.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        got = soft_phong(verts, faces, first, given, halves, (13, 18), blur_radius=0.02)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma": 0.0}, "sigma must be a finite number > 0, got 0.0"),
        ({"gamma": -1.0}, "gamma must be a finite number > 0, got -1.0"),
        ({"faces_per_pixel": 0}, "faces_per_pixel must be at least 1, got 0"),
        ({"blur_radius": -1.0}, "blur_radius must be a finite number >= 0, got -1.0"),
        ({"lights": "sun"}, "lights must be one of none, ambient, directional, point, got 'sun'"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], message: str) -> None:
    verts, faces, first = scene(5)
    texture = texture_of("vertices", verts, faces, DEFAULT)
    with pytest.raises(ValueError, match=f"soft_phong: {message}"):
        soft_phong(verts, faces, first, surface(verts, 1), texture, (4, 4), **change)


def test_ids_past_their_tables_are_named() -> None:
    verts, faces, first = scene(5)
    texture = texture_of("vertices", verts, faces, DEFAULT)
    past = texture._replace(corner_ids=texture.corner_ids + len(verts))
    with pytest.raises(IndexError, match=r"soft_phong: corner_ids must lie in \[0, 7\)"):
        soft_phong(verts, faces, first, surface(verts, 1), past, (4, 4))
