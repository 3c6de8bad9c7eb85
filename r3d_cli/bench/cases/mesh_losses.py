"""The losses that keep a fitted mesh in shape, forward and backward; its topology is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.bench.arrays import as_numpy
from r3d_cli.bench.meshes import sphere, sphere_faces
from r3d_cli.bench.suite import Case, Place, Selection, Suite

if TYPE_CHECKING:
    from torch import Tensor

    from r3d_cli.structures import Meshes

LOSSES = ("edge", "normal", "laplacian")

_SIZES = {"quick": (5_120,), "default": (5_120, 100_000), "full": (1_000, 5_120, 100_000, 1_000_000)}


@dataclass(frozen=True)
class Inputs:
    loss: str  # of LOSSES
    meshes: Meshes  # one sphere, rough; edges and pairs of faces are computed
    offsets: Tensor  # (V, 3) zeros: the leaf that gradients go to


def cases(selection: Selection) -> Iterator[Case]:
    for size in selection.sizes or _SIZES[selection.level]:
        for loss in LOSSES:
            yield {"loss": loss, "faces": sphere_faces(size)}


def make_inputs(case: Case, place: Place) -> Inputs:
    import torch

    from r3d_cli.structures import Meshes

    smooth, faces = sphere(int(case["faces"] or 0))
    # As rough as a fit, in proportion to the size of its faces.
    rough = smooth + 0.3 * np.random.default_rng(0).normal(size=smooth.shape) / len(faces) ** 0.5
    verts = torch.from_numpy(rough.astype(np.float32)).to(place.device)
    meshes = Meshes([verts], [torch.from_numpy(faces).to(place.device)])
    meshes.edges_packed(), meshes.face_pairs_packed(), meshes.neighbours_packed()
    return Inputs(str(case["loss"]), meshes, torch.zeros_like(verts).requires_grad_())


def ours(inputs: Inputs) -> Callable[[], Any]:
    from r3d_cli import loss

    return with_gradient(loss, inputs.loss, inputs.meshes, inputs.offsets)


def with_gradient(losses: Any, name: str, meshes: Any, offsets: Tensor) -> Callable[[], Any]:
    """What is timed, with r3d's module of losses and Meshes or PyTorch3D's."""
    import torch

    function = {
        "edge": losses.mesh_edge_loss,
        "normal": losses.mesh_normal_consistency,
        "laplacian": losses.mesh_laplacian_smoothing,
    }[name]

    def call() -> Any:
        value = function(meshes.offset_verts(offsets))
        return value, torch.autograd.grad(value, offsets)[0]

    return call


def outcome(inputs: Inputs, result: tuple[Any, Any]) -> dict[str, Any]:
    return {"loss": as_numpy(result[0].detach()).reshape(1), "grad_verts": as_numpy(result[1])}


def reference(inputs: Inputs) -> dict[str, Any]:
    """The naive way, in double precision."""
    import torch

    from r3d_cli.bench.peers.torch_naive import mesh_loss

    verts = inputs.meshes.verts_packed().cpu().double().requires_grad_()
    edges, pairs = (ids.cpu() for ids in (inputs.meshes.edges_packed(), inputs.meshes.face_pairs_packed()))
    value = mesh_loss(inputs.loss, verts, edges, pairs)
    return outcome(inputs, (value, torch.autograd.grad(value, verts)[0]))


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    for name, want in expected.items():
        off = np.abs(outcome[name] - want).max(initial=0)
        # Laplacians and bends are small differences of coordinates, which the fineness of faces divides.
        if not off <= 1e-3 * np.abs(want).max(initial=0):
            return f"{name} differs by up to {off:.1e}"
    return ""


def work(inputs: Inputs) -> dict[str, float]:
    """Vertices and topology are read in both directions; the gradient is written once."""
    verts = inputs.offsets.nbytes
    ids = {
        "edge": inputs.meshes.edges_packed(),
        "normal": inputs.meshes.face_pairs_packed(),
        "laplacian": inputs.meshes.neighbours_packed()[1],
    }[inputs.loss]
    return {"bytes": float(3 * verts + 2 * ids.nbytes)}


suite = Suite(
    name="mesh-losses",
    about="edge lengths, bends and the Laplacian as losses of a mesh whose vertices moved, with gradients",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_naive", "pytorch3d"),
    tiny={"loss": "normal", "faces": 80},
    work=work,
)
