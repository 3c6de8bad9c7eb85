"""The nearest fragments of a sphere, lit, and the gradients of all that moves with a mesh."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.bench.arrays import as_numpy, to_device
from r3d_cli.bench.meshes import sphere, sphere_faces
from r3d_cli.bench.suite import Case, Change, Place, Selection, Suite, share_that_differs

if TYPE_CHECKING:
    from torch import Tensor

BASE: Case = {"mesh": "ico", "faces": 20_000, "image": 512, "texture": "vertices"}

#: What differs from BASE.
_QUICK: list[Change] = [{"faces": 1_280, "image": 128}, {}]
_DEFAULT: list[Change] = [{"faces": 1_280, "image": 128}, {}, {"texture": "maps"}]
_FULL: list[Change] = [*_DEFAULT, {"faces": 1_000_000}, {"image": 2048}]


@dataclass(frozen=True)
class Inputs:
    """Tensors are on the device; the leaves have gradients."""

    pixels: Any  # backend.hard_phong.Pixels, whose bary_coords, positions and normals are leaves
    texture: Any  # ops.soft_phong.PackedTexture, whose texels are a leaf
    look: Any  # backend.hard_phong.Look
    cotangent: Tensor  # (1, H, W, 4)

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        pixels = self.pixels
        return pixels.bary_coords, pixels.positions, pixels.normals, self.texture.texels


def cases(selection: Selection) -> Iterator[Case]:
    chosen: list[Change] = [{"faces": size} for size in selection.sizes]
    levels = {"quick": _QUICK, "default": _DEFAULT, "full": _FULL}
    for change in chosen or levels[selection.level]:
        case = {**BASE, **change}
        yield {**case, "faces": sphere_faces(int(case["faces"] or 0))}


def make_inputs(case: Case, place: Place) -> Inputs:
    """The camera looks along z from the origin, at a sphere before it."""
    from r3d_cli.backend.hard_phong import Look, Pixels
    from r3d_cli.backend.rasterize_meshes import rasterize_meshes

    verts, faces = sphere(int(case["faces"] or 0))
    world = (verts + np.array([0, 0, 2.5])).astype(np.float32)
    ndc = np.concatenate([2 * world[:, :2] / world[:, 2:], world[:, 2:]], 1)
    side = int(case["image"] or 0)
    seen = rasterize_meshes(ndc, faces, np.array([0, len(faces)]), (side, side), perspective_correct=True)
    rng = np.random.default_rng(0)

    def put(array: Any, learnt: bool = False) -> Any:
        import torch

        return torch.as_tensor(to_device(place.device)(array)).requires_grad_(learnt)

    def row(*numbers: float) -> Any:
        return put(np.array([numbers], np.float32))

    gray, camera = row(0.5, 0.5, 0.5), (put(np.eye(3, dtype=np.float32)[None]), row(0, 0, 0))
    look = Look(gray, gray, gray, row(64)[0], gray, gray, gray, row(1, 1, 0), *camera, row(1, 1, 1))
    pixels = Pixels(
        put(seen.pix_to_face),
        put(seen.bary_coords, True),
        put(faces),
        put(world, True),
        put(verts.astype(np.float32), True),
    )
    cotangent = put(rng.standard_normal((1, side, side, 4)).astype(np.float32))
    return Inputs(pixels, _texture(str(case["texture"]), verts, faces, put), look, cotangent)


def _texture(kind: str, verts: np.ndarray, faces: np.ndarray, put: Callable[..., Any]) -> Any:
    from r3d_cli.ops.soft_phong import PackedTexture

    rng, side = np.random.default_rng(1), 1024
    if kind == "vertices":
        return PackedTexture(put(rng.random(verts.shape, np.float32), True), put(faces))
    turn, rise = np.arctan2(verts[:, 0], verts[:, 2]), np.arcsin(verts[:, 1].clip(-1, 1))
    uvs = np.stack([turn / (2 * np.pi), rise / np.pi], 1).astype(np.float32) + 0.5
    texels = put(rng.random((side * side, 3), np.float32), True)
    maps = put(np.array([[0, side, side]]))
    return PackedTexture(texels, put(faces), put(uvs.astype(np.float32)), maps, kind="maps")


def ours(inputs: Inputs) -> Callable[[], Any]:
    from r3d_cli.ops.hard_phong import hard_phong

    return lambda: with_gradients(inputs, lambda: hard_phong(inputs.pixels, inputs.texture, inputs.look))


def with_gradients(inputs: Inputs, picture: Callable[[], Tensor]) -> tuple[Tensor, ...]:
    """What is timed, for r3d and peers."""
    import torch

    image = picture()
    return image.detach(), *torch.autograd.grad(image, inputs.leaves, inputs.cotangent)


def outcome(inputs: Inputs, result: tuple[Any, ...]) -> dict[str, Any]:
    names = ("image", "grad_bary", "grad_positions", "grad_normals", "grad_texels")
    return {name: as_numpy(array) for name, array in zip(names, result, strict=True)}


def reference(inputs: Inputs) -> dict[str, Any]:
    """In double precision."""
    from r3d_cli.reference.hard_phong import hard_phong

    def double(record: Any) -> Any:
        parts = {
            name: part.detach().cpu().double() if part.is_floating_point() else part.cpu()
            for name, part in record._asdict().items()
            if hasattr(part, "is_floating_point")
        }
        return record._replace(**parts)

    pixels, texture, look = map(double, (inputs.pixels, inputs.texture, inputs.look))
    slow = Inputs(pixels, texture, look, inputs.cotangent.cpu().double())
    for leaf in slow.leaves:
        leaf.requires_grad_()
    return outcome(slow, with_gradients(slow, lambda: hard_phong(pixels, texture, look)))


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    """At a right angle to light or view the last digits decide. Pixels see few of a map's texels: zeros that
    both have do not count."""
    lines = []
    for name, want in expected.items():
        have = outcome[name]
        far = np.abs(have - want) > 1e-3 * np.abs(want).max(initial=0)
        lines.append(share_that_differs(far[(have != 0) | (want != 0)], 1e-3, name))
    return ", ".join(filter(None, lines))


def work(inputs: Inputs) -> dict[str, float]:
    """Fragments are read twice, pictures written and their gradients read, all leaves' gradients written."""
    fragments = inputs.pixels.pix_to_face.nbytes + inputs.pixels.bary_coords.nbytes
    rows = sum(leaf.nbytes for leaf in inputs.leaves)
    tables = inputs.pixels.faces.nbytes + rows - inputs.pixels.bary_coords.nbytes
    return {"bytes": float(2 * (fragments + tables + inputs.cotangent.nbytes) + rows)}


suite = Suite(
    name="hard-phong",
    about="fragments to a Phong-lit picture of the nearest, and gradients of all that moves with a mesh",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("r3d_fragments",),
    tiny={"faces": 80, "image": 16, "texture": "maps"},
    work=work,
)
