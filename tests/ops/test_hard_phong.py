"""hard_phong against its reference, with gradients of both orders, threads, dtypes and bad input."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.backend.cpu import native
from r3d_cli.backend.hard_phong import Look, Pixels
from r3d_cli.backend.soft_phong import PADDINGS, TEXTURES
from r3d_cli.ops.hard_phong import hard_phong
from r3d_cli.ops.soft_phong import PackedTexture
from r3d_cli.reference.hard_phong import hard_phong as reference

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "kernels"))  # for the scenes of both

from fragment_scenes import fragment_scene

LIGHTS = ["ambient", "directional", "point"]
Scene = tuple[Pixels, PackedTexture, Look]


def fragments_of(kind: str, *, dtype: torch.dtype = torch.float64, **options: Any) -> Scene:
    pixels, texture, look, kinds = fragment_scene(kind, real=str(dtype).removeprefix("torch."), **options)

    def tensors(arrays: Any) -> list[Tensor | None]:
        return [None if array is None else torch.from_numpy(array) for array in arrays]

    how = kinds.atlas_size, PADDINGS[kinds.padding], kinds.align_corners, kinds.bilinear
    packed = PackedTexture(*tensors(texture), kind, *how)
    return Pixels(*tensors(pixels)), packed, Look(*tensors(look))


def leaves_of(pixels: Pixels, texture: PackedTexture, look: Look) -> tuple[Any, ...]:
    """The same, of leaves with gradients, and those leaves."""

    def leaf(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.detach().clone().requires_grad_()

    bary, positions, normals = map(leaf, (pixels.bary_coords, pixels.positions, pixels.normals))
    parts = Look(*map(leaf, look))
    texels, uvs = leaf(texture.texels), leaf(texture.uvs)
    leaves = [part for part in (bary, positions, normals, *parts, texels, uvs) if part is not None]
    seen = pixels._replace(bary_coords=bary, positions=positions, normals=normals)
    return seen, texture._replace(texels=texels, uvs=uvs), parts, leaves


def image_and_gradients(op: Any, scene: Any, lights: str) -> list[Tensor]:
    pixels, texture, look, leaves = leaves_of(*scene)
    image = op(pixels, texture, look, lights=lights)
    (image * torch.cos(torch.arange(image.numel(), dtype=image.dtype)).reshape(image.shape)).sum().backward()
    grads = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
    return [image.detach(), *grads]


def assert_equals_the_reference(lights: str, tolerance: float, **options: Any) -> None:
    scene = fragments_of(**options)
    got, want = (image_and_gradients(op, scene, lights) for op in (hard_phong, reference))
    assert (scene[0].pix_to_face >= 0).any()
    for grad, wanted in zip(got, want, strict=True):
        assert grad.dtype == wanted.dtype
        scale = float(wanted.abs().max()) + 1e-12
        torch.testing.assert_close(grad / scale, wanted / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", TEXTURES)
@pytest.mark.parametrize("lights", LIGHTS)
@pytest.mark.parametrize("per_picture", [False, True])
def test_equals_the_reference(per_picture: bool, lights: str, kind: str) -> None:
    assert_equals_the_reference(lights, 1e-11, kind=kind, per_picture=per_picture)


@pytest.mark.parametrize("padding", ["border", "zeros", "reflection", "repeat"])
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("bilinear", [False, True])
def test_maps_are_sampled_as_by_pytorch(padding: str, align: bool, bilinear: bool) -> None:
    assert_equals_the_reference("point", 1e-10, kind="maps", padding=padding, align=align, bilinear=bilinear)


@pytest.mark.parametrize("kind", TEXTURES)
def test_in_single_precision(kind: str) -> None:
    assert_equals_the_reference("point", 2e-4, kind=kind, dtype=torch.float32, size=(70, 90))


@pytest.mark.parametrize("faces_per_mesh", [(0,), (0, 0), (3,)])
def test_few_faces_or_none(faces_per_mesh: tuple[int, ...]) -> None:
    scene = fragments_of("vertices", faces_per_mesh=faces_per_mesh, K=1)
    got, want = (image_and_gradients(op, scene, "point") for op in (hard_phong, reference))
    for grad, wanted in zip(got, want, strict=True):
        torch.testing.assert_close(grad, wanted)


@pytest.mark.parametrize("kind", TEXTURES)
def test_repeats_bit_by_bit_whatever_the_number_of_threads(kind: str) -> None:
    scene = fragments_of(kind, dtype=torch.float32, size=(150, 160))
    threads, first = native().num_threads(), None
    try:
        for count in [1, 2, 3, 4, 2]:
            native().set_num_threads(count)
            got = image_and_gradients(hard_phong, scene, "point")
            first = first or got
            for grad, wanted in zip(got, first, strict=True):
                assert torch.equal(grad, wanted)
    finally:
        native().set_num_threads(threads)


@pytest.mark.parametrize("kind", ["vertices", "maps"])
def test_gradients_of_both_orders(kind: str) -> None:
    pixels, texture, look, leaves = leaves_of(*fragments_of(kind, K=1))
    count = len(leaves) - (texture.uvs is not None)

    def colors(bary: Tensor, positions: Tensor, normals: Tensor, *rest: Tensor) -> Tensor:
        parts, (texels, *uvs) = rest[: len(look)], rest[len(look) :]
        seen = pixels._replace(bary_coords=bary, positions=positions, normals=normals)
        shown = texture._replace(texels=texels, uvs=uvs[0] if uvs else None)
        return hard_phong(seen, shown, Look(*parts))[..., :3]

    assert count == 4 + len(look)
    assert torch.autograd.gradcheck(colors, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(colors, leaves, fast_mode=True)


@pytest.mark.parametrize("name", ["bary_coords", "positions", "normals", "texels", "rotation"])
def test_one_gradient_alone_is_the_same(name: str) -> None:
    pixels, texture, look = fragments_of("maps")
    _, *grads = image_and_gradients(hard_phong, (pixels, texture, look), "point")
    want = dict(zip(NAMES, grads, strict=True))
    parts = {**pixels._asdict(), **look._asdict(), "texels": texture.texels}
    leaf = parts[name].detach().clone().requires_grad_()
    given = [
        part._replace(**{name: leaf}) if name in part._fields else part for part in (pixels, texture, look)
    ]
    image = hard_phong(*given)
    (image * torch.cos(torch.arange(image.numel(), dtype=image.dtype)).reshape(image.shape)).sum().backward()
    assert torch.equal(leaf.grad, want[name])


NAMES = ["bary_coords", "positions", "normals", *Look._fields, "texels", "uvs"]


def test_what_stands_in_empty_slots_does_not_count() -> None:
    pixels, texture, look = fragments_of("vertices", K=1)
    assert (pixels.pix_to_face < 0).any()
    bary = torch.where(pixels.pix_to_face[..., None] < 0, float("nan"), pixels.bary_coords)
    got = image_and_gradients(hard_phong, (pixels._replace(bary_coords=bary), texture, look), "point")
    assert all(torch.isfinite(grad).all() for grad in got)


def test_normals_and_lights_of_no_length_have_finite_gradients() -> None:
    pixels, texture, look = fragments_of("vertices")
    nothing = pixels._replace(normals=0 * pixels.normals, positions=0 * pixels.positions)
    dark = look._replace(light_source=torch.zeros_like(look.light_source), translation=0 * look.translation)
    got = image_and_gradients(hard_phong, (nothing, texture, dark), "point")
    assert all(torch.isfinite(grad).all() for grad in got)


@pytest.mark.parametrize("kind", ["vertices", "maps"])
def test_opcheck(kind: str) -> None:
    pixels, texture, look, _ = leaves_of(*fragments_of(kind))
    given = (*pixels, *texture[:5], *look, 3, TEXTURES.index(kind), 1, 0, True, True)
    torch.library.opcheck(torch.ops.r3d.hard_phong_fwd.default, given)


def test_compiles_whole() -> None:
    pixels, texture, look = fragments_of("maps", dtype=torch.float32)

    def loss(normals: Tensor, texels: Tensor) -> Tensor:
        shown = texture._replace(texels=texels)
        return hard_phong(pixels._replace(normals=normals), shown, look).square().sum()

    grads = []
    for call in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        leaves = [tensor.detach().clone().requires_grad_() for tensor in (pixels.normals, texture.texels)]
        call(*leaves).backward()
        grads.append([leaf.grad for leaf in leaves])
    for grad, wanted in zip(*grads, strict=True):
        assert torch.equal(grad, wanted)


def test_bad_arguments_are_named() -> None:
    pixels, texture, look = fragments_of("vertices")
    with pytest.raises(ValueError, match="hard_phong: lights must be one of ambient, directional, point"):
        hard_phong(pixels, texture, look, lights="none")
    wrong = look._replace(light_ambient=torch.ones(2, 3).double())
    with pytest.raises(ValueError, match=re.escape("light_ambient must have shape (1, 3), or 3 such rows")):
        hard_phong(pixels, texture, wrong)
    with pytest.raises(ValueError, match=r"normals must have shape \(V, 3\)"):
        hard_phong(pixels._replace(normals=torch.zeros(5, 3).double()), texture, look)


def test_ids_out_of_range_are_named() -> None:
    pixels, texture, look = fragments_of("maps")
    F = len(pixels.faces)
    shown = int(pixels.pix_to_face[pixels.pix_to_face >= 0][0])

    def changed(tensor: Tensor, value: int) -> Tensor:
        tensor = tensor.clone()
        tensor[shown] = value
        return tensor

    lost_corner = changed(texture.corner_ids, -1)
    for pattern, seen, maps in (
        (rf"pix_to_face holds {F}, outside \[0, {F}\)", {"pix_to_face": pixels.pix_to_face + F - shown}, {}),
        (rf"face {shown} names a vertex outside \[0, 60\)", {"faces": changed(pixels.faces, 60)}, {}),
        (r"corner_ids of face \d+ must lie in \[0, 40\)", {}, {"corner_ids": lost_corner}),
        (r"has no map or atlas for face", {}, {"faces_source": changed(texture.faces_source, 2)}),
        (r"or not all of its texels", {}, {"maps": torch.tensor([[0, 5, 4], [21, 3, 7]])}),
    ):
        with pytest.raises(IndexError, match=pattern):
            hard_phong(pixels._replace(**seen), texture._replace(**maps), look)
