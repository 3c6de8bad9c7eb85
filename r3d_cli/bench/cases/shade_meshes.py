"""Shading the fragments of a picture: a textured sphere, 2 x 2 samples a pixel, to 8-bit sRGB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r3d_cli.backend.rasterize_meshes import Fragments, rasterize_meshes
from r3d_cli.backend.shade_meshes import Pixels, Surface, shade_meshes
from r3d_cli.bench.arrays import as_numpy, as_torch, to_device
from r3d_cli.bench.meshes import sphere, sphere_faces
from r3d_cli.bench.suite import Case, Change, Place, Prepared, Selection, Suite, share_that_differs
from r3d_cli.scene.framing import frame
from r3d_cli.scene.lights import DEFAULT_LIGHTS
from r3d_cli.scene.model import Material, RawMesh, Texture
from r3d_cli.scene.surface import pack_surface

BASE: Case = {"mesh": "ico", "faces": 20_000, "image": 512, "texture": 512}

_VARIANTS: list[Change] = [{"faces": 1_000_000}, {"texture": None}]
_LEVELS: dict[str, list[Change]] = {
    "quick": [{"image": 256}],
    "default": [*({"image": image} for image in (128, 256, 512, 1024)), *_VARIANTS],
    # Larger pictures take naive PyTorch minutes a call, and tell nothing new.
    "full": [*({"image": image} for image in (128, 256, 512, 1024)), *_VARIANTS],
}
_SAMPLES = 2  # along each side of a pixel
_ROWS = 16  # of the picture that are compared with the reference
_TOLERANCE = 0.01  # share of the values that may be further off than two codes


@dataclass(frozen=True)
class Inputs:
    """As ``backend.shade_meshes`` takes them; arrays are on the device."""

    fragments: Fragments  # (1, H S, W S, 1)
    surface: Surface
    lights: Any  # (L, 14)
    camera: Any  # (4,)
    background: Any  # (4,)
    focal: float
    supersampling: int = _SAMPLES

    def tables(self, convert: Callable[[Any], Any]) -> tuple[Any, Any, Any, Any, Any]:
        """Fragments, surface, lights, camera and background, each array converted."""

        def convert_all(table: Any) -> Any:
            return type(table)(*(None if array is None else convert(array) for array in table))

        lights, camera, background = map(convert, (self.lights, self.camera, self.background))
        return convert_all(self.fragments), convert_all(self.surface), lights, camera, background


def cases(selection: Selection) -> Iterator[Case]:
    chosen: list[Change] = [{"image": size} for size in selection.sizes]
    for change in chosen or _LEVELS[selection.level]:
        case = {**BASE, **change}
        yield {**case, "faces": sphere_faces(int(case["faces"] or 0))}


def make_inputs(case: Case, place: Place) -> Inputs:
    mesh = _textured(int(case["faces"] or 0), int(case["texture"] or 0))
    view_from = frame(mesh)
    view = view_from.to_view(mesh.verts)
    side = int(case["image"] or 0) * _SAMPLES
    fragments = rasterize_meshes(
        view_from.to_ndc(view),
        mesh.faces,
        np.array([0, len(mesh.faces)]),
        (side, side),
        perspective_correct=True,
        want_dists=False,
    )
    lights, camera, background = (
        np.asarray(table, np.float32) for table in (DEFAULT_LIGHTS, [0, 0, 0, 1], [1, 1, 1, 1])
    )
    surface = pack_surface(mesh, view, view_from.R)
    on_host = Inputs(fragments, surface, lights, camera, background, view_from.focal * side / 2)
    return Inputs(*on_host.tables(to_device(place.device)), on_host.focal)


def _textured(faces: int, texture: int) -> RawMesh:
    """A sphere whose texture, if any, is a chequerboard of ``texture`` texels a side."""
    verts, ids = sphere(faces)
    if not texture:
        return RawMesh(verts, ids)
    turn, rise = np.arctan2(verts[:, 0], verts[:, 2]), np.arcsin(verts[:, 1])
    uvs = np.stack([turn / (2 * np.pi), rise / np.pi], 1) + 0.5
    row, column = np.mgrid[:texture, :texture] // 16
    image = np.repeat(np.where((row + column) % 2, 230, 60)[..., None], 3, axis=2).astype(np.uint8)
    material = Material(base_color=(1.0, 1.0, 1.0, 1.0), base_color_texture=Texture(image))
    return RawMesh(verts, ids, uvs=uvs.astype(np.float32), materials=[material])


def ours(inputs: Inputs) -> Prepared:
    def call() -> Pixels:
        return shade_meshes(
            inputs.fragments,
            inputs.surface,
            inputs.lights,
            inputs.camera,
            inputs.background,
            supersampling=inputs.supersampling,
            focal=inputs.focal,
        )

    return Prepared(call, lambda pixels: pixels.image)


def _rows(height: int) -> np.ndarray:
    return np.unique(np.linspace(0, height - 1, _ROWS).round().astype(int))


def outcome(inputs: Inputs, result: Any) -> dict[str, Any]:  # (H, W, 4) uint8
    image = as_numpy(result)
    return {"image": image[_rows(len(image))]}


def reference(inputs: Inputs) -> dict[str, Any]:
    """The slow shader on some of the rows, in double precision."""
    from r3d_cli.reference.shade_meshes import encode_srgb
    from r3d_cli.reference.shade_meshes import shade_meshes as slow

    fragments, surface, *tables = inputs.tables(_double)
    samples = inputs.supersampling
    rows = _rows(fragments.pix_to_face.shape[1] // samples)
    at = (rows[:, None] * samples + np.arange(samples)).ravel()
    some = Fragments(*(None if array is None else array[:, at] for array in fragments))
    linear = slow(some, surface, *tables, supersampling=samples, focal=inputs.focal)
    linear[..., :3] = encode_srgb(linear[..., :3]) / 255.0
    return {"image": (linear * 255).round().byte().numpy()}


def _double(array: Any) -> Any:
    tensor = as_torch(as_numpy(array))
    return tensor.double() if tensor.is_floating_point() else tensor


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    have, want = outcome["image"], expected["image"]
    if have.shape != want.shape:
        return f"the picture has the shape {have.shape[1:]}, not {want.shape[1:]}"
    return share_that_differs(np.abs(have.astype(int) - want) > 2, _TOLERANCE, "the picture")


def work(inputs: Inputs) -> dict[str, float]:
    """Each fragment is read once, each pixel written once; the tables stay in the caches."""
    read = sum(array.nbytes for array in inputs.fragments if array is not None)
    height, width = inputs.fragments.pix_to_face.shape[1:3]
    return {"bytes": float(read + 4 * height * width / inputs.supersampling**2)}


suite = Suite(
    name="shade-meshes",
    about="fragments, materials, a texture and three lights to an 8-bit picture",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_naive",),
    tiny={"faces": 80, "image": 16, "texture": 16},
    work=work,
)
