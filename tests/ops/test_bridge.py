"""What all ops share: arguments made ready, cold starts, second derivatives."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from r3d_cli.ops.bridge import empty, prepare
from r3d_cli.ops.rasterize_meshes import rasterize_meshes


def test_the_first_call_of_an_op_does_not_load_the_compiler() -> None:
    """torch._dynamo takes a second to import: more than everything else here."""
    code = """
import sys, torch
from r3d_cli.structures import Meshes
verts = torch.rand(4, 3, requires_grad=True)
meshes = Meshes([verts], [torch.tensor([[0, 1, 2], [0, 2, 3]])])
meshes.edges_packed(), meshes.verts_normals_packed().sum().backward()
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_halves_become_floats_under_autocast_only() -> None:
    half, double = torch.ones(2, dtype=torch.float16), torch.ones(2, dtype=torch.float64)
    assert [x.dtype for x in prepare("f", a=half, b=double)] == [torch.float16, torch.float64]
    with torch.autocast("cpu", torch.bfloat16):
        a, b, none = prepare("f", a=half, b=double, c=None)
    assert (a.dtype, b.dtype, none) == (torch.float32, torch.float64, None)


def test_devices_without_kernels_are_named() -> None:
    with pytest.raises(ValueError, match="f: has no kernels for meta; move its tensors to cpu or cuda"):
        prepare("f", a=torch.ones(2, device="meta"))


def test_empty_is_of_the_shape_and_kind_asked_for() -> None:
    made = empty((1_000_000, 3), like=torch.zeros(1, dtype=torch.float64))
    assert (made.shape, made.dtype, made.is_contiguous()) == ((1_000_000, 3), torch.float64, True)


def test_a_missing_second_derivative_is_an_error() -> None:
    verts = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [0, 1, 1]], requires_grad=True)
    zbuf = rasterize_meshes(verts, torch.tensor([[0, 1, 2]]), torch.tensor([0, 1]), (4, 4)).zbuf
    (first,) = torch.autograd.grad((zbuf**2).sum(), verts, create_graph=True)
    with pytest.raises(RuntimeError, match="rasterize_meshes: has no second derivatives"):
        first.sum().backward()
