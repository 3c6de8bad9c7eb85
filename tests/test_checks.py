"""The one form of argument errors."""

from __future__ import annotations

import doctest
import re

import numpy as np
import pytest
import torch

from r3d_cli import checks


def test_the_examples() -> None:
    assert doctest.testmod(checks).failed == 0


@pytest.mark.parametrize("array", [np.zeros((2, 4, 3)), torch.zeros(2, 4, 3)], ids=["numpy", "torch"])
def test_a_fitting_shape_tells_its_sizes(array: object) -> None:
    assert checks.check_shape("f", "x", array, "N P 3") == {"N": 2, "P": 4}
    assert checks.check_shape("f", "x", array, "... D") == {"D": 3}
    assert checks.check_shape("f", "x", array, "N P D", N=2) == {"N": 2, "P": 4, "D": 3}


@pytest.mark.parametrize(
    ("array", "shape", "sizes", "message"),
    [
        (torch.zeros(4, 7), "N P D", {}, "f: x must have shape (N, P, D), got (4, 7)"),
        (torch.zeros(4, 7), "... 3", {}, "f: x must have shape (..., 3), got (4, 7)"),
        (torch.zeros(()), "... 3", {}, "f: x must have shape (..., 3), got ()"),
        (torch.zeros(4), "N", {"N": 3}, "f: x must have shape (N,) with N = 3, got (4,)"),
        (None, "N", {}, "f: x must be an array of shape (N,), got None"),
    ],
)
def test_a_wrong_shape_is_named_with_both(
    array: object, shape: str, sizes: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        checks.check_shape("f", "x", array, shape, **sizes)


def test_wrong_dtypes_devices_and_ids_are_named() -> None:
    with pytest.raises(ValueError, match="f: x must be int32 or int64, got float32"):
        checks.check_dtype("f", "x", torch.zeros(1), "int32", "int64")
    with pytest.raises(ValueError, match="x is on cpu, y is on meta; move them to one device"):
        checks.check_same_device("f", x=torch.zeros(1), y=torch.zeros(1, device="meta"), z=None)
    with pytest.raises(IndexError, match=r"f: x holds 5, outside \[0, 5\), the ids of verts"):
        checks.check_ids("f", "x", torch.tensor([0, 5]), 5, "verts")
    checks.check_ids("f", "x", torch.tensor([-1, 4]), 5, "verts", lowest=-1)
    checks.check_ids("f", "x", torch.zeros(0, 3), 0, "verts")
