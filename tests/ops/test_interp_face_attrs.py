"""interpolate_face_attributes against the formula, with gradients, empty slots and bad input."""

from __future__ import annotations

import doctest
import re

import pytest
import torch
from torch import Tensor

from r3d_cli.ops import covered_slots, interp_face_attrs, interpolate_face_attributes, weighted_rows
from r3d_cli.ops.weighted_rows import weighted_rows as weigh


def slots(
    faces: int, channels: int, dtype: torch.dtype = torch.float32, shape: tuple[int, ...] = (2, 4, 3, 5)
) -> tuple[Tensor, Tensor, Tensor]:
    """Faces at random, a third of the slots empty (and holding -1, as the rasterizer's do)."""
    generator = torch.Generator().manual_seed(faces + channels)
    pix_to_face = torch.randint(-faces // 2, faces, shape, generator=generator).clamp(min=-1)
    bary = torch.rand(*shape, 3, generator=generator, dtype=dtype)
    bary = torch.where(pix_to_face[..., None] < 0, -1, bary)
    return pix_to_face, bary, torch.randn(faces, 3, channels, generator=generator, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3, 17])
def test_values_and_gradients_are_those_of_the_formula(channels: int, dtype: torch.dtype) -> None:
    pix_to_face, bary, attributes = slots(7, channels, dtype)
    bary.requires_grad_()
    attributes.requires_grad_()
    got = interpolate_face_attributes(pix_to_face, bary, attributes)
    wanted = (bary[..., None] * attributes[pix_to_face]).sum(-2) * (pix_to_face >= 0)[..., None]
    assert got.dtype == dtype
    assert not got[pix_to_face < 0].any()
    torch.testing.assert_close(got, wanted)
    cotangent = torch.randn(got.shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    for mine, theirs in zip(
        torch.autograd.grad(got, (bary, attributes), cotangent),
        torch.autograd.grad(wanted, (bary, attributes), cotangent),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


def test_gradients_also_of_gradients() -> None:
    pix_to_face, bary, attributes = slots(4, 2, torch.float64, (1, 2, 2, 3))

    def interpolate(bary: Tensor, attributes: Tensor) -> Tensor:
        return interpolate_face_attributes(pix_to_face, bary, attributes)

    inputs = (bary.requires_grad_(), attributes.requires_grad_())
    assert torch.autograd.gradcheck(interpolate, inputs)
    assert torch.autograd.gradgradcheck(interpolate, inputs)


@pytest.mark.parametrize("shape", [(0, 4, 4, 2), (2, 0, 4, 1), (1, 3, 3, 0)])
def test_no_slots(shape: tuple[int, ...]) -> None:
    pix_to_face, bary, attributes = slots(3, 2, shape=shape)
    assert interpolate_face_attributes(pix_to_face, bary, attributes).shape == (*shape, 2)


def test_no_faces() -> None:
    pix_to_face, bary = torch.full((1, 2, 2, 1), -1), torch.full((1, 2, 2, 1, 3), -1.0)
    attributes = torch.zeros(0, 3, 5, requires_grad=True)
    values = interpolate_face_attributes(pix_to_face, bary, attributes)
    assert torch.equal(values, torch.zeros(1, 2, 2, 1, 5))
    values.sum().backward()
    assert attributes.grad is not None
    assert attributes.grad.shape == (0, 3, 5)


def test_under_autocast_it_computes_in_float32() -> None:
    pix_to_face, bary, attributes = slots(5, 3)
    wanted = interpolate_face_attributes(pix_to_face, bary, attributes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(interpolate_face_attributes(pix_to_face, bary, attributes), wanted)


def test_mixed_dtypes_compute_in_the_wider_one() -> None:
    pix_to_face, bary, attributes = slots(5, 3)
    got = interpolate_face_attributes(pix_to_face, bary, attributes.double())
    wanted = interpolate_face_attributes(pix_to_face, bary.double(), attributes.double())
    assert torch.equal(got, wanted)


@pytest.mark.parametrize(
    ("pix_to_face", "bary", "attributes", "error"),
    [
        ((2, 4, 4), (2, 4, 4, 3), (5, 3, 2), "pix_to_face must have shape (N, H, W, K), got (2, 4, 4)"),
        (
            (2, 4, 4, 1),
            (2, 4, 4, 2, 3),
            (5, 3, 2),
            "bary_coords must have shape (N, H, W, K, 3) with N = 2 and H = 4 and W = 4 and K = 1, "
            "got (2, 4, 4, 2, 3)",
        ),
        ((2, 4, 4, 1), (2, 4, 4, 1, 3), (5, 2), "face_attributes must have shape (F, 3, D), got (5, 2)"),
    ],
)
def test_wrong_shapes(
    pix_to_face: tuple[int, ...], bary: tuple[int, ...], attributes: tuple[int, ...], error: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"interpolate_face_attributes: {error}")):
        interpolate_face_attributes(
            torch.zeros(pix_to_face).long(), torch.zeros(bary), torch.zeros(attributes)
        )


def test_other_bad_input() -> None:
    pix_to_face, bary, attributes = slots(5, 3)
    with pytest.raises(
        IndexError, match=re.escape("pix_to_face holds 5, outside [0, 5), the ids of the faces")
    ):
        interpolate_face_attributes(pix_to_face.clamp(max=0) + 5, bary, attributes)
    with pytest.raises(ValueError, match="pix_to_face must be int64 or int32, got float32"):
        interpolate_face_attributes(pix_to_face.float(), bary, attributes)
    with pytest.raises(ValueError, match="face_attributes is on meta"):
        interpolate_face_attributes(pix_to_face, bary, attributes.to("meta"))


def test_weighted_rows_adds_rows_that_stand_in_it_twice() -> None:
    rows = torch.tensor([[1.0], [10.0]], requires_grad=True)
    weights = torch.tensor([[2.0, 3.0, 5.0]], requires_grad=True)
    total = weigh(rows, torch.tensor([[0, 1, 0]]), weights)
    grad_rows, grad_weights = torch.autograd.grad(total, (rows, weights), torch.ones(1, 1))
    assert total.item() == 37
    assert grad_rows.tolist() == [[7], [3]]
    assert grad_weights.tolist() == [[1, 10, 1]]


@pytest.mark.parametrize("module", [interp_face_attrs, weighted_rows, covered_slots])
def test_examples(module: object) -> None:
    assert doctest.testmod(module, extraglobs={"torch": torch}).failed == 0  # type: ignore[arg-type]
