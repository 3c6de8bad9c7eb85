"""``r3d render``, the whole process from file to PNG, against other programs with the same camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from r3d_cli.bench.command_line import Command, r3d_command
from r3d_cli.bench.meshes import sphere_faces, sphere_file
from r3d_cli.bench.oracle import fragments_at
from r3d_cli.bench.suite import (
    Case,
    Change,
    Place,
    Prepared,
    Selection,
    Suite,
    Unsupported,
    share_that_differs,
)
from r3d_cli.scene.camera import Camera
from r3d_cli.scene.framing import frame
from r3d_cli.scene.readers import read_mesh

BASE: Case = {"mesh": "ico.obj", "faces": 100_000, "image": 512}

_LEVELS: dict[str, list[Change]] = {
    "quick": [{"faces": 5_000}],
    "default": [{"faces": 1_000}, {}, {"faces": 1_000_000}, {"image": 1024}],
    "full": [
        *({"faces": faces} for faces in (1_000, 10_000, 100_000, 1_000_000)),
        *({"image": image} for image in (1024, 2048)),
        *({"mesh": f"ico.{format}"} for format in ("ply", "stl", "glb")),
    ],
}
_TOLERANCE = 0.02  # share of the sampled pixels: those on the outline are covered in part


@dataclass(frozen=True)
class Inputs:
    path: Path
    image: int  # pixels a side
    camera: Camera  # r3d's own choice for this mesh, for the others to follow
    folder: Path  # for pictures
    device: str


def cases(selection: Selection) -> Iterator[Case]:
    chosen: list[Change] = [{"faces": size} for size in selection.sizes]
    for change in chosen or _LEVELS[selection.level]:
        case = {**BASE, **change}
        yield {**case, "faces": sphere_faces(int(case["faces"] or 0))}
    for name in selection.files:
        yield {**BASE, "mesh": name, "faces": None}


def mesh_path(case: Case, place: Place) -> Path:
    """The file of a case: a sphere's, or one of --data."""
    name = str(case["mesh"])
    if case["faces"] is None:
        assert place.data is not None
        return place.data / name
    return sphere_file(place.folder, int(case["faces"]), name.rpartition(".")[2])


def make_inputs(case: Case, place: Place) -> Inputs:
    path = mesh_path(case, place)
    mesh = read_mesh(path)
    if not len(mesh.faces):
        raise Unsupported
    return Inputs(path, int(case["image"] or 0), frame(mesh), place.folder, place.device)


def ours(inputs: Inputs) -> Prepared:
    picture = inputs.folder / "r3d.png"
    return Prepared(
        Command(
            *r3d_command(),
            "render",
            str(inputs.path),
            "-o",
            str(picture),
            "--size",
            str(inputs.image),
            "--background",
            "transparent",
            "--device",
            inputs.device,
            keeps=picture,
        )
    )


def outcome(inputs: Inputs, result: Path) -> dict[str, Any]:
    """Which of the sampled pixels the picture covers. The samples are drawn from the pixels' centres."""
    from PIL import Image

    with Image.open(result) as picture:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    if alpha.shape != (inputs.image, inputs.image):
        return {"size": np.array(alpha.shape), "covered": np.zeros(0, bool)}
    return {"size": np.array(alpha.shape), "covered": alpha[_samples(inputs)] >= 128}


def _samples(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    at = np.random.default_rng(0).integers(inputs.image**2, size=512)
    return at // inputs.image, at % inputs.image


def reference(inputs: Inputs) -> dict[str, Any]:
    """The slow rasterizer at the same pixels."""
    mesh = read_mesh(inputs.path)
    rows, columns = _samples(inputs)
    pixels = np.stack([np.zeros_like(rows), rows, columns], axis=1)
    ndc = inputs.camera.project(mesh.verts.astype(np.float64)).astype(np.float32)
    first = np.array([0, len(mesh.faces)])
    found = fragments_at(pixels, ndc, mesh.faces, first, (inputs.image, inputs.image))
    return {"size": np.array([inputs.image] * 2), "covered": found["pix_to_face"][:, 0] >= 0}


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    if (outcome["size"] != expected["size"]).any():
        return f"the picture has {outcome['size'][1]}x{outcome['size'][0]} pixels"
    return share_that_differs(outcome["covered"] != expected["covered"], _TOLERANCE, "the outline")


suite = Suite(
    name="render",
    about="r3d render, the whole process: a mesh file to a PNG",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("f3d",),
    tiny={"mesh": "ico.obj", "faces": 80, "image": 16},
)
