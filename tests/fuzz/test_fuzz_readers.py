"""Mutated files: whatever comes in, a reader returns a RawMesh whose ids are valid or raises a MeshError.

A few seconds of it, the same inputs each time; `python tests/fuzz/test_fuzz_readers.py 100000` runs that many
for each reader, and `run.sh` hunts in the native ones under sanitizers, guided by coverage.
"""

from __future__ import annotations

import copy
import json
import math
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from r3d_cli.scene.model import Material, MeshError, RawMesh
from r3d_cli.scene.readers import read_mesh
from r3d_cli.scene.readers.obj_materials import read_materials
from r3d_cli.scene.readers.source import Source

CORPUS = Path(__file__).resolve().parent / "corpus"
READERS = sorted(folder.name for folder in CORPUS.iterdir())

# Pieces that readers treat specially.
WORDS = {
    "obj": ["\nf ", "\nv ", "//", "/", "-1", "0", "usemtl ", "\\\n", "1e999", "nan", "99999999999999999999"],
    "mtl": ["newmtl a\n", "map_Kd ", "-s ", "-clamp on ", "nan", "1e999", "d ", "Tr ", "\t", "\n"],
    "ply": [
        "element vertex ",
        "property list ",
        "uchar ",
        "double ",
        "-1 ",
        "end_header\n",
        "4294967295",
        "1e9",
    ],
    "stl": ["facet ", "endfacet ", "vertex ", "solid ", "endsolid", "\0", "\xff\xff\xff\xff"],
    "off": ["ST", "C", "N", "OFF", "-1 ", "999999999 ", "#", "\n"],
    "glb": ["-1", "1e99", "null", "[", "{", '"', "99999", "true"],
    "gltf": ["-1", "1e99", "null", "[", "{", '"', "99999", "true", "bufferView", "byteOffset", "NaN"],
}


def mutate(kind: str, data: bytes, rng: random.Random) -> bytes:
    if kind in ("glb", "gltf") and rng.random() < 0.8:
        return mutate_document(data, rng)
    mutant = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(mutant) + 1)
        end = min(at + rng.choice((1, 1, 2, 4, 16)), len(mutant))
        piece = bytes(mutant[at:end])
        match rng.randrange(7):
            case 0:
                mutant[at:end] = bytes(byte ^ (1 << rng.randrange(8)) for byte in piece)
            case 1:
                mutant[at:end] = rng.randbytes(len(piece))
            case 2:
                del mutant[at:end]
            case 3:
                mutant[at:at] = piece * rng.randint(1, 5)
            case 4:
                mutant[at:at] = rng.choice(WORDS[kind]).encode("latin-1")
            case 5:
                del mutant[at:]
            case 6:  # another number in the place of one
                digits = [i for i, byte in enumerate(mutant) if 48 <= byte < 58]
                if digits:
                    mutant[rng.choice(digits)] = rng.randrange(48, 58)
    return bytes(mutant)


def mutate_document(data: bytes, rng: random.Random) -> bytes:
    """A glTF file whose JSON stays well formed, so that mutations reach what is behind the parser."""
    binary = data[:4] == b"glTF"
    size = struct.unpack_from("<I", data, 12)[0] if binary else len(data)
    document = json.loads(data[20 : 20 + size] if binary else data)
    for _ in range(rng.randint(1, 3)):
        holder, key = rng.choice(list(places(document)))
        match rng.randrange(6):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1:
                holder[key] = rng.choice(
                    [-1, 0, 1, 2, 5, 255, 2**31, 10**12, 0.5, -1e300, math.inf, math.nan]
                )
            case 2:
                holder[key] = rng.choice(
                    [None, True, "", "VEC3", "a\nb\ud800", "data:,AAAA", [], [0], [[]], {}]
                )
            case 3:
                other, place = rng.choice(list(places(document)))
                holder[key] = copy.deepcopy(other[place])
            case 4 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case _:
                if isinstance(holder[key], int):
                    holder[key] += rng.choice([-1, 1])
    text = json.dumps(document).encode()
    if not binary:
        return text
    rest = data[20 + size :]
    header = struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON")
    return header + text + rest


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of a JSON document, as what holds it and its key there."""
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        yield document, key
        if isinstance(value, (dict, list)):
            yield from places(value)


def check_ids(ids: np.ndarray | None, shape: tuple[int, ...], count: int, least: int = -1) -> None:
    if ids is not None:
        assert ids.shape == shape
        assert ids.size == 0 or (ids.min() >= least and ids.max() < count)


def check_material(material: Material) -> None:
    numbers = [*material.base_color, *material.emissive, *material.specular, material.shininess]
    assert np.isfinite([*numbers, material.alpha_cutoff]).all()
    assert material.alpha_mode in ("opaque", "mask", "blend")
    for texture in (material.base_color_texture, material.emissive_texture):
        if texture is not None:
            assert texture.image.dtype == np.uint8
            assert texture.image.ndim == 3
            assert texture.image.shape[2] in (3, 4)
            assert set(texture.wrap) <= {"repeat", "clamp", "mirror"}


def check_mesh(mesh: RawMesh) -> None:
    num_verts, shape = len(mesh.verts), mesh.faces.shape
    assert mesh.verts.shape == (num_verts, 3)
    assert mesh.verts.dtype in (np.float32, np.float64)
    assert (mesh.faces.dtype, shape[1:]) == (np.int64, (3,))
    check_ids(mesh.faces, shape, num_verts, least=0)
    for values, ids, width in ((mesh.uvs, mesh.faces_uvs, 2), (mesh.normals, mesh.faces_normals, 3)):
        assert values is not None or ids is None
        if values is not None:
            assert (values.dtype, values.shape[1:]) == (np.float32, (width,))
            assert ids is not None or len(values) == num_verts
            check_ids(ids, shape, len(values))
    if mesh.colors is not None:
        assert (mesh.colors.dtype, mesh.colors.shape) == (np.float32, (num_verts, 4))
    check_ids(mesh.faces_material, shape[:1], len(mesh.materials))
    for material in mesh.materials:
        check_material(material)
    assert all("\n" not in warning for warning in mesh.warnings)


def check_input(kind: str, data: bytes, folder: Path) -> None:
    if kind == "mtl":
        materials, _, warnings = read_materials(Source(data, "a.mtl", folder))
        for material in materials.values():
            check_material(material)
        assert all("\n" not in warning for warning in warnings)
        return
    try:
        mesh = read_mesh(data, kind, folder=folder)
    except MeshError as error:
        message = str(error)
    else:
        check_mesh(mesh)
        message = ""
    assert "\n" not in message


@pytest.mark.parametrize("kind", READERS)
def test_mutants(kind: str, tmp_path: Path) -> None:
    run(kind, 400, tmp_path)


def run(kind: str, inputs: int, folder: Path) -> None:
    rng = random.Random(kind)
    seeds = [path.read_bytes() for path in sorted((CORPUS / kind).iterdir())]
    for seed in seeds:
        check_input(kind, seed, folder)
    for number in range(inputs):
        data = mutate(kind, rng.choice(seeds), rng)
        try:
            check_input(kind, data, folder)
        except Exception as error:
            raise AssertionError(f"input {number}: {data!r}") from error


if __name__ == "__main__":
    import tempfile

    for name in sys.argv[2:] or READERS:
        with tempfile.TemporaryDirectory() as scratch:
            run(name, int(sys.argv[1]), Path(scratch))
        print(f"{name}: {sys.argv[1]} inputs")
