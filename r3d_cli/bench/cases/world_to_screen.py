"""Vertices of a mesh seen by a camera, or a few, and the gradients of vertices, poses and lenses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r3d_cli.backend.world_to_screen import (
    LENSES,
    world_to_screen_cameras_bwd,
    world_to_screen_fwd,
    world_to_screen_verts_bwd,
)
from r3d_cli.bench.arrays import as_numpy, as_torch, to_device
from r3d_cli.bench.suite import Case, Place, Selection, Suite, share_that_differs

_KIND = list(LENSES).index("fov_degrees")
_SIZES = {"quick": (35_000,), "default": (35_000, 1_000_000), "full": (1_000, 35_000, 1_000_000)}


@dataclass(frozen=True)
class Inputs:
    """Arrays are on the device."""

    verts: Any  # (V, 3) float32
    rotations: Any  # (C, 3, 3)
    translations: Any  # (C, 3)
    lens: Any  # (C, 2) field of view, aspect ratio
    grad: Any  # (C V, 3)


def cases(selection: Selection) -> Iterator[Case]:
    for size in selection.sizes or _SIZES[selection.level]:
        for cameras in (1, 8):
            yield {"verts": size, "cameras": cameras}


def make_inputs(case: Case, place: Place) -> Inputs:
    """Vertices in the unit ball, cameras around it."""
    rng = np.random.default_rng(0)
    verts, cameras = int(case["verts"] or 0), int(case["cameras"] or 0)
    points = rng.normal(size=(verts, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    rotations = np.linalg.qr(rng.normal(size=(cameras, 3, 3)))[0]
    put = to_device(place.device)
    arrays = (
        points,
        rotations,
        np.tile([0.0, 0.0, 3.0], (cameras, 1)),
        np.tile([60.0, 1.0], (cameras, 1)),
        rng.normal(size=(cameras * verts, 3)),
    )
    return Inputs(*(put(array.astype(np.float32)) for array in arrays))


def ours(inputs: Inputs) -> Callable[[], Any]:
    pose = inputs.verts, None, inputs.rotations, inputs.translations

    def call() -> Any:
        screen, matrices, _ = world_to_screen_fwd(*pose, inputs.lens, _KIND)
        of_verts = world_to_screen_verts_bwd(*pose, matrices, inputs.grad)
        of_cameras = world_to_screen_cameras_bwd(*pose, inputs.lens, _KIND, matrices, inputs.grad)
        return screen, of_verts, *of_cameras

    return call


def outcome(inputs: Inputs, result: tuple[Any, ...]) -> dict[str, Any]:
    names = ("screen", "grad_verts", "grad_rotations", "grad_translations", "grad_lens")
    return {name: as_numpy(array) for name, array in zip(names, result, strict=True)}


def reference(inputs: Inputs) -> dict[str, Any]:
    """In double precision."""
    import torch

    from r3d_cli.reference.world_to_screen import world_to_screen

    given = (inputs.verts, inputs.rotations, inputs.translations, inputs.lens)
    leaves = [as_torch(as_numpy(array)).double().requires_grad_() for array in given]
    verts, rotations, translations, lens = leaves
    screen = world_to_screen(verts, None, rotations, translations, lens, _KIND)
    grads = torch.autograd.grad(screen, leaves, as_torch(as_numpy(inputs.grad)).double())
    return outcome(inputs, (screen.detach(), *grads))


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    lines = []
    for name, want in expected.items():
        far = np.abs(outcome[name] - want) > 1e-3 * np.abs(want).max(initial=0)
        lines.append(share_that_differs(far, 0.0, name))
    return ", ".join(filter(None, lines))


def work(inputs: Inputs) -> dict[str, float]:
    """Vertices are read once for each camera and direction, results and their gradients once."""
    return {"bytes": float(4 * inputs.grad.nbytes + 2 * inputs.grad.nbytes + inputs.verts.nbytes)}


suite = Suite(
    name="world-to-screen",
    about="vertices of the world in NDC, with the gradients of vertices, poses and lenses",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=(),
    tiny={"verts": 100, "cameras": 2},
    work=work,
)
