"""How many pixels the images have that a mesh file names, told by their headers."""

from __future__ import annotations

import json
import re
import struct
import urllib.parse
from contextlib import suppress
from pathlib import Path
from typing import Any

from r3d_cli.scene.model import MeshError
from r3d_cli.scene.readers.images import ImageError, image_size
from r3d_cli.scene.readers.source import Source, decode

_MAP = re.compile(
    rb"^[ \t]*map_(?:Kd|Ka|Ke|d)[ \t]+(?:.*[ \t])?(\S+)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_LIBRARY = re.compile(rb"^[ \t]*mtllib[ \t]+([^\r\n]+?)[ \t]*\r?$", re.MULTILINE)
_COMMENT = re.compile(rb"^comment[ \t]+TextureFile[ \t]+([^\r\n]+?)[ \t]*\r?$", re.MULTILINE)
_PLY_HEAD = 2**16  # bytes that a header fits in


def texture_pixels(path: str) -> int:
    """Pixels of all images of an OBJ, PLY, GLB or glTF file, each once; 0 of other formats. What is not there
    or cannot be read counts as nothing: reading the mesh will tell.

    Example:
        >>> texture_pixels("no-such-mesh.obj")
        0
    """
    find = {".obj": _of_obj, ".ply": _of_ply, ".glb": _of_gltf, ".gltf": _of_gltf}.get(
        Path(path).suffix.lower()
    )
    if find is None:
        return 0
    with suppress(MeshError, OSError):
        return sum(map(_pixels, find(path)))
    return 0


def _pixels(image: Path | bytes) -> int:
    with suppress(ImageError):
        width, height = image_size(image)
        return width * height
    return 0


def _named(source: Source, names: list[str]) -> list[Path | bytes]:
    return sorted({path for name in names if (path := source.find(name)) is not None})


def _of_obj(path: str) -> list[Path | bytes]:
    data = Path(path).read_bytes()
    source = Source(data, path, Path(path).parent)
    found: list[Path | bytes] = []
    for library in _named(source, [decode(name) for name in dict.fromkeys(_LIBRARY.findall(data))]):
        assert isinstance(library, Path)
        text = library.read_bytes()
        names = [decode(name).strip('"') for name in _MAP.findall(text)]
        found += _named(Source(text, str(library), library.parent), names)
    return found


def _of_ply(path: str) -> list[Path | bytes]:
    with open(path, "rb") as file:
        head = file.read(_PLY_HEAD)
    names = [decode(name) for name in _COMMENT.findall(head)]
    return _named(Source(head, path, Path(path).parent), names)


def _of_gltf(path: str) -> list[Path | bytes]:
    """The images of files and those within a GLB; what a data URI holds is counted by the file's size."""
    data = Path(path).read_bytes()
    source = Source(data, path, Path(path).parent)
    text, start = data, 0
    if data[:4] == b"glTF" and len(data) >= 20:
        length = struct.unpack_from("<I", data, 12)[0]
        text, start = data[20 : 20 + length], 28 + length
    try:
        document = json.loads(text)
        images = document.get("images", [])
        uris = [urllib.parse.unquote(image["uri"]) for image in images if "uri" in image]
        found = _named(source, [uri for uri in uris if not uri.startswith("data:")])
        return found + [_part(document, image, data, start) for image in images if "bufferView" in image]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return []


def _part(document: dict[str, Any], image: dict[str, Any], data: bytes, start: int) -> bytes:
    view = document["bufferViews"][image["bufferView"]]
    first = start + view.get("byteOffset", 0)
    return data[first : first + view["byteLength"]]
