"""The suite of ragged batches: contestants agree, and each view is checked."""

from __future__ import annotations

from typing import Any

import pytest

from r3d_cli.bench.cases import meshes
from r3d_cli.bench.peers import torch_loop
from r3d_cli.bench.suite import Place


def inputs_of(backward: bool) -> meshes.Inputs:
    return meshes.make_inputs({"meshes": 3, "faces": 320, "backward": backward}, Place())


@pytest.mark.parametrize("backward", [False, True])
def test_a_batch_and_a_loop_agree(backward: bool) -> None:
    inputs = inputs_of(backward)
    expected = meshes.reference(inputs)
    assert ("grad_verts" in expected) == backward
    for call in (meshes.ours(inputs).call, torch_loop.meshes(inputs)):
        assert meshes.differs(meshes.outcome(inputs, call()), expected) == ""


@pytest.mark.parametrize(
    "name",
    ["verts_packed", "faces_packed", "verts_padded", "faces_padded", "edges", "normals", "grad_verts"],
)
def test_each_view_is_checked(name: str) -> None:
    inputs = inputs_of(True)
    expected = meshes.reference(inputs)
    for wrong in (lambda view: view[:-1], lambda view: -view + 1):
        outcome: dict[str, Any] = {**expected, name: wrong(expected[name])}
        assert name in meshes.differs(outcome, expected)
